package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// A report is what is written of one or, with -add, several runs.
type report struct {
	Runs    []runInfo `json:"runs"`
	Results []result  `json:"results"`
	add     bool
}

// runInfo is how results came about.
type runInfo struct {
	Command  string    `json:"command"`
	Date     time.Time `json:"date"`
	Machine  string    `json:"machine"`
	Versions []string  `json:"versions"`
	Network  string    `json:"network"`
	Scale    float64   `json:"scale"`
	Reps     int       `json:"repetitions"`
}

func newReport(o options, versions []string, measured []result) *report {
	network := "unlimited bandwidth"
	if o.bandwidth > 0 {
		network = fmt.Sprintf("%g Mbit/s", float64(o.bandwidth)*8/1e6)
	}
	return &report{
		Runs: []runInfo{{
			Command: command(o.args), Date: time.Now().UTC().Truncate(time.Second),
			Machine: machine(), Versions: versions, Network: network, Scale: o.scale, Reps: o.reps,
		}},
		Results: measured,
		add:     o.add,
	}
}

func command(args []string) string {
	if len(args) == 0 {
		return "make bench"
	}
	return fmt.Sprintf("make bench ARGS='%s'", strings.Join(args, " "))
}

// machine describes what it ran on.
func machine() string {
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		kernel = []byte("unknown")
	}
	return fmt.Sprintf("%s, %d processors, Linux %s", processor(), runtime.NumCPU(), strings.TrimSpace(string(kernel)))
}

func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				return strings.TrimSpace(value)
			}
		}
	}
	return runtime.GOARCH
}

// write writes the files of the report, together with what is there already
// if it should be added to.
func (r *report) write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	raw := filepath.Join(dir, "results.json")
	if r.add {
		if err := r.join(raw); err != nil {
			return err
		}
	}
	data, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	errs := []error{
		os.WriteFile(raw, append(data, '\n'), 0o644),
		os.WriteFile(filepath.Join(dir, "README.md"), []byte(r.page()), 0o644),
	}
	for _, rtt := range r.rtts() {
		errs = append(errs, os.WriteFile(filepath.Join(dir, chartName(rtt)), []byte(r.chart(rtt)), 0o644))
	}
	return errors.Join(errs...)
}

// join puts the results of an earlier run before those of this one.
func (r *report) join(raw string) error {
	data, err := os.ReadFile(raw)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	var old report
	if err == nil {
		err = json.Unmarshal(data, &old)
	}
	if err != nil {
		return fmt.Errorf("read the results to add to: %w", err)
	}
	r.Runs = append(old.Runs, r.Runs...)
	r.Results = merge(old.Results, r.Results)
	return nil
}

// rtts are the round-trip times there are results of, in order.
func (r *report) rtts() []float64 {
	var all []float64
	for _, m := range r.Results {
		if !slices.Contains(all, m.RTT) {
			all = append(all, m.RTT)
		}
	}
	slices.Sort(all)
	return all
}

// rows are those that there are results of, in the order of the workloads.
func (r *report) rows(rtt float64) []string {
	var all []string
	for _, w := range workloads() {
		for _, s := range w.steps {
			if slices.ContainsFunc(r.Results, func(m result) bool { return m.Row == s.row && m.RTT == rtt }) {
				all = append(all, s.row)
			}
		}
	}
	return all
}

// others are the tools that scpfs is compared with and there are results of.
func (r *report) others(rtt float64) []string {
	return slices.DeleteFunc(toolNames(), func(name string) bool {
		return name == "scpfs" || !slices.ContainsFunc(r.Results, func(m result) bool { return m.Tool == name && m.RTT == rtt })
	})
}

// find is one result, if there is a time in it.
func (r *report) find(row, tool string, rtt float64) (result, bool) {
	i := slices.IndexFunc(r.Results, func(m result) bool { return m.key() == key{row, tool, rtt} })
	if i < 0 {
		return result{}, false
	}
	return r.Results[i], true
}

// ratio is a tool's time divided by ours; NaN if there is none.
func (r *report) ratio(row, tool string, rtt float64) (ratio float64, estimated bool) {
	ours, ok := r.find(row, "scpfs", rtt)
	theirs, found := r.find(row, tool, rtt)
	if !ok || !found || !ours.good() || !theirs.good() {
		return math.NaN(), false
	}
	a, _, _ := ours.seconds()
	b, _, _ := theirs.seconds()
	return b / a, ours.estimated() || theirs.estimated()
}

func (r result) good() bool { return r.Error == "" && len(r.Samples) > 0 }
