package main

import (
	"context"
	"errors"
	"os"
	"regexp"
	"testing"
	"time"
)

// localContest has the local disk do steps, of which each may take so long.
func localContest(t *testing.T, timeout time.Duration, steps ...step) *contest {
	t.Helper()
	var local tool
	for _, tool := range tools("") {
		if tool.name == "local" {
			local = tool
		}
	}
	var rows []string
	for i := range steps {
		rows = append(rows, steps[i].row)
		if steps[i].verify == nil {
			steps[i].verify = func(context.Context, *stage) error { return nil }
		}
	}
	work := workload{name: "test", steps: steps, prepare: func(_ context.Context, s *stage) error { return os.Mkdir(s.remote, 0o700) }}
	return &contest{
		lab: &lab{dir: t.TempDir(), o: options{timeout: timeout, scale: 1, reps: 1}},
		net: &network{}, work: work, tool: local, rows: rows, share: 1,
	}
}

func doNothing(context.Context, *stage) error { return nil }

func TestStepThatTakesTooLong(t *testing.T) {
	c := localContest(t, 50*time.Millisecond,
		step{row: "quick", run: doNothing},
		step{row: "endless", run: func(ctx context.Context, _ *stage) error { <-ctx.Done(); return ctx.Err() }},
		step{row: "after it", run: doNothing},
	)
	c.repeat(t.Context())
	got := c.results()
	if len(got) != 3 || !got[0].good() || got[0].Over != 0 {
		t.Fatalf("got %+v", got)
	}
	if got[1].good() || got[1].Over != 0.05 {
		t.Errorf("the endless step: %+v", got[1])
	}
	if got[2].good() || got[2].Over != 0 || !got[2].Unreached {
		t.Errorf("the step after it: %+v", got[2])
	}
}

// A step is as good as what it has done.
func TestStepThatDoesTheWrongThing(t *testing.T) {
	wrong := errors.New("a byte differs")
	c := localContest(t, time.Minute,
		step{row: "wrong", run: doNothing, verify: func(context.Context, *stage) error { return wrong }})
	c.repeat(t.Context())
	if got := c.results(); len(got) != 1 || got[0].good() || got[0].Error != wrong.Error() {
		t.Errorf("got %+v", got)
	}
}

// What hangs around a step is no time of it.
func TestComparingThatHangs(t *testing.T) {
	c := localContest(t, 50*time.Millisecond, step{row: "done", run: doNothing,
		verify: func(ctx context.Context, _ *stage) error { <-ctx.Done(); return ctx.Err() }})
	c.repeat(t.Context())
	if got := c.results(); len(got) != 1 || got[0].good() || got[0].Over != 0 {
		t.Errorf("got %+v", got)
	}
}

// What comes after the last row that is wanted is not done.
func TestStepsThatNobodyWants(t *testing.T) {
	ran := false
	c := localContest(t, time.Minute,
		step{row: "wanted", run: doNothing},
		step{row: "unwanted", run: func(context.Context, *stage) error { ran = true; return nil }})
	c.rows = c.rows[:1]
	c.repeat(t.Context())
	if got := c.results(); len(got) != 1 || !got[0].good() || ran {
		t.Errorf("got %+v; the second step ran: %v", got, ran)
	}
}

func TestPasses(t *testing.T) {
	o := options{
		rtts: []time.Duration{0, 100 * time.Millisecond}, workload: regexp.MustCompile(""),
		scpRTTs: []time.Duration{100 * time.Millisecond, 200 * time.Millisecond},
	}
	got := o.passes()
	if len(got) != 3 || got[1].bulk || !got[2].bulk {
		t.Fatalf("got %v", got)
	}
	for _, tool := range tools("") {
		var rows []string
		for _, w := range workloads() {
			rows = append(rows, o.wanted(got[2], w, tool)...)
		}
		if compared := tool.name == "scpfs" || tool.name == "scp"; compared != (len(rows) == 2) || !compared && len(rows) > 0 {
			t.Errorf("%s has %q to do beside scp", tool.name, rows)
		}
	}
}

// What is printed before a run is of its order of magnitude.
func TestForecastGrowsWithTheWork(t *testing.T) {
	at := func(rtt time.Duration, reps int, budget time.Duration) time.Duration {
		o := options{rtts: []time.Duration{rtt}, workload: regexp.MustCompile(""), reps: reps, budget: budget, scale: 1, timeout: time.Hour}
		var all time.Duration
		for _, w := range workloads() {
			for _, tool := range tools("") {
				all += o.likely(pass{rtt: rtt}, w, tool)
			}
		}
		return all
	}
	if a, b := at(0, 1, 0), at(50*time.Millisecond, 1, 0); a >= b {
		t.Errorf("%v without a round trip, %v with one", a, b)
	}
	if a, b := at(50*time.Millisecond, 1, time.Minute), at(50*time.Millisecond, 1, 0); a >= b {
		t.Errorf("%v with a budget, %v without", a, b)
	}
	if a, b := at(50*time.Millisecond, 3, 0), at(50*time.Millisecond, 1, 0); a != 3*b {
		t.Errorf("%v three times, %v once", a, b)
	}
}
