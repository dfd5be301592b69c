package main

import (
	"slices"
	"time"
)

// A sample is one measurement of a row.
type sample struct {
	Seconds    float64 `json:"seconds"`
	RoundTrips int     `json:"round_trips"` // of the connection that waited most often
	Up         int64   `json:"bytes_up"`
	Down       int64   `json:"bytes_down"`
}

// A result is a row of one tool at one round-trip time. Estimated ones were
// measured on fewer files: their Seconds are those that all files would take, the
// other figures are of the Share that was done.
type result struct {
	Run       int      `json:"run"` // number of the one it was measured in
	Row       string   `json:"row"`
	Tool      string   `json:"tool"`
	RTT       float64  `json:"rtt_ms"`
	Share     float64  `json:"share"` // of the files; less than 1 is an estimate
	Samples   []sample `json:"samples"`
	Error     string   `json:"error,omitempty"`        // why there is no good time
	Over      float64  `json:"over_seconds,omitempty"` // it was ended after so long
	Unreached bool     `json:"not_reached,omitempty"`  // an earlier row of the same mount has failed
}

func (r result) good() bool { return r.Error == "" && len(r.Samples) > 0 }

func (r result) estimated() bool { return r.Share < 1 }

// spread is what several samples say.
type spread struct{ median, least, most float64 }

// seconds are the times of a result that has samples.
func (r result) seconds() spread {
	var all []float64
	for _, s := range r.Samples {
		all = append(all, s.Seconds)
	}
	slices.Sort(all)
	n := len(all)
	return spread{(all[(n-1)/2] + all[n/2]) / 2, all[0], all[n-1]}
}

// key is what a result is of.
type key struct {
	row, tool string
	rtt       float64
}

func (r result) key() key { return key{r.Row, r.Tool, r.RTT} }

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
