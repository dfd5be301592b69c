package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"
)

// A contest is one tool doing one workload, several times.
type contest struct {
	lab   *lab
	net   *network
	work  workload
	tool  tool
	rows  []string // that are wanted, and that the tool can do
	share float64  // of the files that are used
	probe []sample // by step, of the smallest share
	reps  [][]sample

	failure *failure // after which it takes no further part
}

// A failure is what ended a contest, and in which step.
type failure struct {
	step int
	err  error
}

// Why something was ended: what is measured took longer than allowed, or what is
// done around it did.
var (
	errTooLong = errors.New("it took too long")
	errStuck   = errors.New("preparing, comparing or unmounting took too long")
)

// repeat does the work once more, unless it has failed before.
func (c *contest) repeat(ctx context.Context) {
	if c.failure != nil || ctx.Err() != nil {
		return
	}
	samples, failed := c.once(ctx, c.share)
	for i := range samples {
		if c.share < 1 {
			samples[i].Seconds = extrapolate(c.probe[i].Seconds, leastShare, samples[i].Seconds, c.share, 1)
		}
		if c.tool.does(c.work.steps[i]) {
			c.report(c.work.steps[i].row, samples[i])
		}
	}
	c.reps, c.failure = append(c.reps, samples), failed
	c.reportFailure()
}

func (c *contest) reportFailure() {
	if f := c.failure; f != nil {
		progress(c.net.rtt, c.tool.name, c.work.steps[f.step].row, "failed: "+f.err.Error())
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

// results are the rows with what was measured of them.
func (c *contest) results() []result {
	var all []result
	for i, s := range c.work.steps {
		if !slices.Contains(c.rows, s.row) {
			continue
		}
		r := result{Row: s.row, Tool: c.tool.name, RTT: milliseconds(c.net.rtt), Share: c.share}
		for _, samples := range c.reps {
			if i < len(samples) {
				r.Samples = append(r.Samples, samples[i])
			}
		}
		c.blame(i, &r)
		all = append(all, r)
	}
	return all
}

// blame tells what has become of the row of a step, if it was not good. Rows
// before the one that failed are what they are, with fewer samples perhaps.
func (c *contest) blame(i int, r *result) {
	switch f := c.failure; {
	case f == nil:
	case i == f.step && errors.Is(f.err, errTooLong):
		r.Error, r.Over = f.err.Error(), c.lab.o.timeout.Seconds()
	case i == f.step:
		r.Error = f.err.Error()
	case i > f.step && len(r.Samples) == 0:
		r.Error, r.Unreached = "not reached: "+c.work.steps[f.step].row+" has failed", true
	}
}

// once does the workload from preparation to unmount, as far as rows are wanted
// of it. It returns a sample for each step that went well.
func (c *contest) once(ctx context.Context, share float64) (samples []sample, failed *failure) {
	c.lab.stages++
	dir := filepath.Join(c.lab.dir, fmt.Sprintf("stage%d", c.lab.stages))
	s, err := newStage(dir, c.lab.env, c.lab.fixtures, c.tool, c.net, share*c.lab.o.scale)
	if err != nil {
		return nil, &failure{0, err}
	}
	defer func() {
		if err := s.close(); err != nil && failed == nil {
			failed = &failure{max(0, len(samples)-1), err}
		}
	}()
	if err := c.limited(ctx, s, errStuck, c.begin); err != nil {
		return nil, &failure{0, err}
	}
	for i, step := range c.work.steps[:c.last()+1] {
		one, err := c.step(ctx, s, step)
		if err != nil {
			return samples, &failure{i, err}
		}
		samples = append(samples, one)
	}
	unmount := func(ctx context.Context, s *stage) error { return s.unmount(ctx) }
	if err := c.limited(ctx, s, errStuck, unmount); err != nil {
		return samples, &failure{len(samples) - 1, err}
	}
	return samples, nil
}

// last is the last step of which the row is wanted.
func (c *contest) last() int {
	last := 0
	for i, s := range c.work.steps {
		if slices.Contains(c.rows, s.row) {
			last = i
		}
	}
	return last
}

// begin prepares the stage, and mounts unless that is part of what is measured.
func (c *contest) begin(ctx context.Context, s *stage) error {
	if err := c.work.prepare(ctx, s); err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	if c.tool.file || c.work.mounts {
		return nil
	}
	if err := s.mount(ctx); err != nil {
		return err
	}
	return s.settle()
}

// limited does something that may take as long as a row. Beyond that the mount
// is ended for the reason late, and whoever waits in it gets an error.
func (c *contest) limited(ctx context.Context, s *stage, late error, do func(ctx context.Context, s *stage) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, c.lab.o.timeout, late)
	defer cancel()
	defer s.patiently(ctx)()
	err := do(ctx, s)
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	if m := s.mounted.Load(); err != nil && m != nil {
		err = m.process.blame(err)
	}
	return err
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
	err := c.limited(ctx, s, errTooLong, run)
	took := time.Since(start)
	one := count()
	one.Seconds = took.Seconds()
	if err == nil {
		err = c.limited(ctx, s, errStuck, step.verify)
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
