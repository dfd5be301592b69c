package main

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/scpfs/scpfs/scpio/scptest/link"
)

// A pass is what is done at one round-trip time.
type pass struct {
	rtt  time.Duration
	bulk bool // only what copies large files, and only by scpfs and scp
}

// passes are all that were asked for.
func (o options) passes() []pass {
	var all []pass
	for _, rtt := range o.rtts {
		all = append(all, pass{rtt, false})
	}
	for _, rtt := range o.scpRTTs {
		if !slices.Contains(o.rtts, rtt) {
			all = append(all, pass{rtt, true})
		}
	}
	return all
}

// wanted are the rows of a workload that a pass is to measure of a tool.
func (o options) wanted(p pass, w workload, t tool) []string {
	if p.bulk && t.name != "scpfs" && t.name != "scp" || t.only != nil && !slices.Contains(t.only, w.name) {
		return nil
	}
	var rows []string
	for _, s := range w.steps {
		asked := o.workload.MatchString(w.name) || o.workload.MatchString(s.row)
		if asked && t.does(s) && (s.bulk || !p.bulk) {
			rows = append(rows, s.row)
		}
	}
	return rows
}

// measure does every pass, and saves the report after each workload.
func (l *lab) measure(ctx context.Context, r *report) error {
	for _, p := range l.o.passes() {
		n, err := l.hosts.connect(link.Options{RTT: p.rtt, Bandwidth: l.o.bandwidth})
		if err != nil {
			return err
		}
		for _, w := range workloads() {
			if err = l.compare(ctx, n, p, w, r); err != nil {
				break
			}
		}
		if err := errors.Join(err, n.close()); err != nil {
			return err
		}
	}
	return nil
}

// compare has all tools do a workload, in turn. What an interrupt has cut short
// is no result.
func (l *lab) compare(ctx context.Context, n *network, p pass, w workload, r *report) error {
	var contests []*contest
	for _, t := range l.tools {
		rows := l.o.wanted(p, w, t)
		done := l.o.resume && r.has(rows, t.name, l.versions[t.name], milliseconds(p.rtt), l.o.reps)
		if len(rows) > 0 && !done {
			contests = append(contests, &contest{lab: l, net: n, work: w, tool: t, rows: rows, share: 1})
		}
	}
	for _, c := range contests {
		c.plan(ctx)
	}
	for i := 0; i < l.o.reps || l.o.short && i < shortTries && !holds(contests); i++ {
		for _, c := range contests {
			c.repeat(ctx)
		}
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	for _, c := range contests {
		r.add(c.results())
	}
	if l.o.short || len(contests) == 0 {
		return nil
	}
	return r.save(l.o.out)
}

// holds tells whether the contests of the short form are within their limits.
func holds(contests []*contest) bool {
	for _, c := range contests {
		if c.failure == nil && checkLimits(io.Discard, c.results()) != nil {
			return false
		}
	}
	return true
}
