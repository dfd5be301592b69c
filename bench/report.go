package main

import (
	"slices"
)

// A report is what has been measured under one setting, in one or several runs.
type report struct {
	Setting setting   `json:"setting"`
	Runs    []runInfo `json:"runs"`
	Results []result  `json:"results"`
}

// begin starts a run, to which everything belongs that is added from now on.
func (r *report) begin(run runInfo) { r.Runs = append(r.Runs, run) }

// add adds results of the last run. They replace older ones of the same rows;
// runs of which nothing is left are forgotten.
func (r *report) add(measured []result) {
	for _, m := range measured {
		m.Run = len(r.Runs) - 1
		i := slices.IndexFunc(r.Results, func(o result) bool { return o.key() == m.key() })
		if i >= 0 {
			r.Results[i] = m
		} else {
			r.Results = append(r.Results, m)
		}
	}
}

// prune forgets the runs that no result is of.
func (r *report) prune() {
	var kept []runInfo
	numbers := map[int]int{}
	for i, run := range r.Runs {
		if slices.ContainsFunc(r.Results, func(m result) bool { return m.Run == i }) {
			numbers[i] = len(kept)
			kept = append(kept, run)
		}
	}
	for i := range r.Results {
		r.Results[i].Run = numbers[r.Results[i].Run]
	}
	r.Runs = kept
}

// has tells whether a tool needs not be measured again: all rows are there,
// of that version of it, often enough.
func (r *report) has(rows []string, tool, version string, rtt float64, reps int) bool {
	for _, row := range rows {
		m, ok := r.find(row, tool, rtt)
		if !ok || r.Runs[m.Run].Versions[tool] != version || r.Runs[m.Run].Reps < reps {
			return false
		}
	}
	return true
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

// find is one result.
func (r *report) find(row, tool string, rtt float64) (result, bool) {
	i := slices.IndexFunc(r.Results, func(m result) bool { return m.key() == key{row, tool, rtt} })
	if i < 0 {
		return result{}, false
	}
	return r.Results[i], true
}

// A ratio is a tool's time divided by that of scpfs.
type ratio struct {
	x         float64
	estimated bool // from a part of the work
	atLeast   bool // the tool was ended before it was done
	apart     bool // the two times are of different runs
}

// ratio compares a tool with scpfs, if there is something to compare.
func (r *report) ratio(row, tool string, rtt float64) (ratio, bool) {
	ours, ok := r.find(row, "scpfs", rtt)
	theirs, found := r.find(row, tool, rtt)
	if !ok || !found || !ours.good() || !theirs.good() && theirs.Over == 0 {
		return ratio{}, false
	}
	took := theirs.Over
	if theirs.good() {
		took = theirs.seconds().median
	}
	return ratio{
		x:         took / ours.seconds().median,
		estimated: ours.estimated() || theirs.estimated(),
		atLeast:   !theirs.good(), apart: ours.Run != theirs.Run,
	}, true
}
