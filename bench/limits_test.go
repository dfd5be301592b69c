package main

import (
	"io"
	"strings"
	"testing"
)

func TestLimitsCoverAllRows(t *testing.T) {
	limited := map[string]bool{}
	for _, l := range limits {
		limited[l.row] = true
	}
	rows := 0
	for _, w := range workloads() {
		for _, s := range w.steps {
			rows++
			if !limited[s.row] {
				t.Errorf("no limit for %q", s.row)
			}
		}
	}
	if len(limits) != rows {
		t.Errorf("%d limits for %d rows", len(limits), rows)
	}
}

func TestCheckLimits(t *testing.T) {
	l := limits[0]
	measure := func(s sample) []result { return []result{{Row: l.row, Tool: "scpfs", Samples: []sample{s}}} }
	at := sample{RoundTrips: l.roundTrips, Up: l.kilobytes * 600, Down: l.kilobytes * 400}
	if err := checkLimits(io.Discard, measure(at)); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	for what, change := range map[string]func(s *sample){
		"round trips": func(s *sample) { s.RoundTrips++ },
		"kB on":       func(s *sample) { s.Down++ },
	} {
		above := at
		change(&above)
		if err := checkLimits(io.Discard, measure(above)); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("above the limit of %s: %v", what, err)
		}
	}
	failed := []result{{Row: l.row, Tool: "scpfs", Error: "it broke"}}
	if err := checkLimits(io.Discard, failed); err == nil || !strings.Contains(err.Error(), "it broke") {
		t.Errorf("a failure: %v", err)
	}
}
