package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"
)

// compare has all tools do a workload, in turn, and returns the rows that are
// wanted.
func (l *lab) compare(ctx context.Context, n *network, w workload, rows []string) []result {
	var contests []*contest
	for _, t := range l.tools {
		c := &contest{lab: l, net: n, work: w, tool: t, rows: rows, share: 1}
		if c.takesPart() {
			c.plan(ctx)
			contests = append(contests, c)
		}
	}
	for range l.o.reps {
		for _, c := range contests {
			c.repeat(ctx)
		}
	}
	var all []result
	for _, c := range contests {
		all = append(all, c.results()...)
	}
	return all
}

// A contest is one tool doing one workload, several times.
type contest struct {
	lab   *lab
	net   *network
	work  workload
	tool  tool
	rows  []string // that are wanted
	share float64  // of the files that are used
	probe []sample // by step, of the smallest share
	reps  [][]sample
	err   error // after which it takes no further part
}

// shares are how much of the work a tool gets that is too slow for all of it.
var shares = []float64{1, 1. / 4, 1. / 8, 1. / 16}

// A tool is tried with the least share. A second share tells what part of the
// time does not grow with the work.
const leastShare, secondShare = 1. / 50, 1. / 25

// takesPart tells whether the tool can do anything of the workload.
func (c *contest) takesPart() bool {
	return slices.ContainsFunc(c.work.steps, c.does)
}

// does tells whether the tool can do a step.
func (c *contest) does(s step) bool { return !c.tool.file || s.scp != nil }

// plan finds the share of the work that the tool can do within the budget.
func (c *contest) plan(ctx context.Context) {
	budget := c.lab.o.budget.Seconds()
	if budget == 0 || c.work.fixed || c.tool.exact || c.net.rtt == 0 {
		return
	}
	if c.probe, c.err = c.once(ctx, leastShare); c.err != nil || total(c.probe)/leastShare <= budget {
		return
	}
	var second []sample
	if second, c.err = c.once(ctx, secondShare); c.err != nil {
		return
	}
	for _, c.share = range shares {
		if extrapolate(total(c.probe), leastShare, total(second), secondShare, c.share) <= budget {
			break
		}
	}
}

// total is how long a workload took.
func total(samples []sample) (seconds float64) {
	for _, s := range samples {
		seconds += s.Seconds
	}
	return seconds
}

// repeat does the work once more, unless it has failed before.
func (c *contest) repeat(ctx context.Context) {
	if c.err != nil || ctx.Err() != nil {
		return
	}
	var samples []sample
	samples, c.err = c.once(ctx, c.share)
	for i := range samples {
		if c.share < 1 {
			samples[i].Seconds = extrapolate(c.probe[i].Seconds, leastShare, samples[i].Seconds, c.share, 1)
		}
		if c.does(c.work.steps[i]) {
			c.report(c.work.steps[i].row, samples[i])
		}
	}
	c.reps = append(c.reps, samples)
	if c.err != nil {
		progress(c.net.rtt, c.tool.name, c.work.name, "failed: "+c.err.Error())
	}
}

func (c *contest) report(row string, s sample) {
	mark := ""
	if c.share < 1 {
		mark = fmt.Sprintf(" ~ (with 1/%g of it)", 1/c.share)
	}
	progress(c.net.rtt, c.tool.name, row, fmt.Sprintf("%9.3f s%s, %d round trips, %d bytes up, %d down",
		s.Seconds, mark, s.RoundTrips, s.Up, s.Down))
}

// results are the rows with what was measured of them. A row after the one
// that failed has not been tried.
func (c *contest) results() []result {
	var all []result
	for i, s := range c.work.steps {
		if !slices.Contains(c.rows, s.row) || !c.does(s) {
			continue
		}
		r := result{Row: s.row, Tool: c.tool.name, RTT: milliseconds(c.net.rtt), Share: c.share}
		for _, samples := range c.reps {
			if i < len(samples) {
				r.Samples = append(r.Samples, samples[i])
			}
		}
		if c.err != nil && len(r.Samples) < c.lab.o.reps {
			r.Error = c.err.Error()
		}
		all = append(all, r)
	}
	return all
}

// once does the workload from preparation to unmount. It returns a sample for
// each step that went well.
func (c *contest) once(ctx context.Context, share float64) (samples []sample, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.lab.o.timeout,
		fmt.Errorf("it took more than %v", c.lab.o.timeout))
	defer cancel()
	c.lab.stages++
	dir := filepath.Join(c.lab.dir, fmt.Sprintf("stage%d", c.lab.stages))
	s, err := newStage(dir, c.lab.env, c.lab.fixtures, c.tool, c.net, share*c.lab.o.scale)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	defer s.patiently(ctx)()
	if err := c.work.prepare(ctx, s); err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	if !c.tool.file && !c.work.mounts {
		if err := errors.Join(s.mount(ctx), s.settle()); err != nil {
			return nil, err
		}
	}
	for _, step := range c.work.steps {
		one, err := c.step(ctx, s, step)
		if err != nil {
			if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
				err = fmt.Errorf("%w: %w", cause, err)
			}
			return samples, fmt.Errorf("%s: %w", step.row, err)
		}
		samples = append(samples, one)
	}
	return samples, s.unmount(ctx)
}

// step takes the time of one step, and then checks what it has done.
func (c *contest) step(ctx context.Context, s *stage, step step) (sample, error) {
	run := step.run
	if c.tool.file {
		run = step.scp
	}
	if run == nil {
		return sample{}, nil
	}
	count := c.meter()
	start := time.Now()
	err := run(ctx, s)
	took := time.Since(start)
	one := count()
	one.Seconds = took.Seconds()
	if err == nil {
		err = step.verify(ctx, s)
	}
	if m := s.mounted.Load(); err != nil && m != nil {
		err = m.process.blame(err)
	}
	return one, err
}

// meter begins to count what passes the tool's link, and returns what tells it.
func (c *contest) meter() func() sample {
	k := c.net.links[c.tool.server]
	if k == nil {
		return func() sample { return sample{} }
	}
	k.Reset()
	up, down := k.BytesUp(), k.BytesDown()
	return func() sample {
		return sample{RoundTrips: k.RoundTrips(), Up: k.BytesUp() - up, Down: k.BytesDown() - down}
	}
}
