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
	Row     string   `json:"row"`
	Tool    string   `json:"tool"`
	RTT     float64  `json:"rtt_ms"`
	Share   float64  `json:"share"` // of the files; less than 1 is an estimate
	Samples []sample `json:"samples"`
	Error   string   `json:"error,omitempty"`
}

func (r result) estimated() bool { return r.Share < 1 }

// seconds is the median of what was measured, with its range.
func (r result) seconds() (median, least, most float64) {
	var all []float64
	for _, s := range r.Samples {
		all = append(all, s.Seconds)
	}
	slices.Sort(all)
	n := len(all)
	return (all[(n-1)/2] + all[n/2]) / 2, all[0], all[n-1]
}

// key is what a result is of.
type key struct {
	row, tool string
	rtt       float64
}

func (r result) key() key { return key{r.Row, r.Tool, r.RTT} }

// merge adds results to older ones, of which it replaces the same.
func merge(old, added []result) []result {
	all := slices.Clone(old)
	for _, r := range added {
		i := slices.IndexFunc(all, func(o result) bool { return o.key() == r.key() })
		if i >= 0 {
			all[i] = r
		} else {
			all = append(all, r)
		}
	}
	return all
}

// extrapolate estimates what a share of the work would take from the times
// that two shares took: what does not grow with the work is not multiplied. It
// is in proportion to the bigger share at most, whatever noise there was.
func extrapolate(small, shareSmall, big, shareBig, share float64) float64 {
	slope := max(0, (big-small)/(shareBig-shareSmall))
	return min(big+slope*(share-shareBig), big/shareBig*share)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
