package main

import (
	"context"
	"time"
)

// shares are how much of the work a tool gets that is too slow for all of it.
var shares = []float64{1, 1. / 4, 1. / 8, 1. / 16}

// leastShare is what a tool is tried with, before it is known how slow it is. It
// also tells what part of the time does not grow with the work.
const leastShare = 1. / 50

// shares tells whether a tool may do a part of a workload, if all of it would
// take too long.
func (o options) shares(w workload, t tool, rtt time.Duration) bool {
	return o.budget > 0 && !w.whole && !t.exact && rtt > 0
}

// plan finds the share of the work that the tool can do with no row above the
// budget, if its time is in proportion to the share. At least it does not grow
// faster.
func (c *contest) plan(ctx context.Context) {
	if !c.lab.o.shares(c.work, c.tool, c.net.rtt) {
		return
	}
	c.probe, c.failure = c.once(ctx, leastShare)
	c.reportFailure()
	for _, c.share = range shares {
		if longest(c.probe)*c.share/leastShare <= c.lab.o.budget.Seconds() {
			break
		}
	}
}

// longest is how long the slowest step took.
func longest(samples []sample) (seconds float64) {
	for _, s := range samples {
		seconds = max(seconds, s.Seconds)
	}
	return seconds
}

// extrapolate estimates what a share of the work would take from the times
// that two shares took: what does not grow with the work is not multiplied. It
// is in proportion to the bigger share at most, whatever noise there was.
func extrapolate(small, shareSmall, big, shareBig, share float64) float64 {
	slope := max(0, (big-small)/(shareBig-shareSmall))
	return min(big+slope*(share-shareBig), big/shareBig*share)
}
