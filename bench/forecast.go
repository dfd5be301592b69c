package main

import (
	"fmt"
	"math"
	"time"
)

// A cost is what a workload takes a tool: waiting for the link, and the rest on
// a machine with two processors.
type cost struct{ roundTrips, seconds float64 }

// costs are from earlier runs, for saying beforehand how long one may take.
// What is not in it takes a few seconds.
var costs = map[string]map[string]cost{
	"scpfs": {
		"small files": {25, 3}, "large file": {160, 8}, "appends": {110, 2}, "saves": {25, 1},
		"unpack": {4700, 60}, "overwrite": {2500, 30}, "copy": {150, 4}, "git status": {25, 2}, "git clone": {12000, 60},
	},
	"sshfs": {
		"tree": {1010, 10}, "small files": {9200, 70}, "large file": {2250, 20}, "saves": {70, 1}, "unpack": {11000, 50},
		"overwrite": {11000, 50}, "copy": {150, 3}, "git status": {5000, 30}, "git clone": {38000, 90},
	},
	"rclone": {
		"tree": {2510, 20}, "directory": {110, 2}, "small files": {8700, 70}, "large file": {350, 15},
		"appends": {160, 3}, "saves": {30, 3}, "unpack": {2930, 90}, "overwrite": {2930, 90}, "copy": {160, 4},
		"git status": {2800, 350}, "git clone": {3000, 100},
	},
	"scp": {"small files": {4200, 30}, "large file": {150, 2}, "unpack": {4200, 30}, "copy": {150, 2}},
}

// setUp is about what preparing, mounting, comparing and unmounting take.
const setUp = 2 * time.Second

// forecast says how long everything may take.
func (l *lab) forecast() string {
	var likely, most time.Duration
	for _, p := range l.o.passes() {
		for _, w := range workloads() {
			for _, t := range l.tools {
				rows := len(l.o.wanted(p, w, t))
				if rows == 0 {
					continue
				}
				likely += l.o.likely(p, w, t)
				most += time.Duration(l.o.reps*rows) * l.o.timeout
			}
		}
	}
	return fmt.Sprintf("this may take %.0f minutes; every row of every tool is ended after %v, which is %.0f minutes if all hang",
		math.Ceil(likely.Minutes()), l.o.timeout, math.Ceil(most.Minutes()))
}

// likely is what a workload takes a tool, with its repetitions. A tool that
// does a part of the work instead is tried out before.
func (o options) likely(p pass, w workload, t tool) time.Duration {
	c := costs[t.name][w.name]
	all := time.Duration(o.scale * (c.roundTrips*float64(p.rtt) + c.seconds*float64(time.Second)))
	all = min(all, time.Duration(len(w.steps))*o.timeout)
	var probes time.Duration
	if o.shares(w, t, p.rtt) {
		probes = time.Duration(leastShare*float64(all)) + setUp
		all = min(all, o.budget*3/2)
	}
	return probes + time.Duration(o.reps)*(all+setUp)
}
