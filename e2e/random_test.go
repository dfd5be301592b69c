package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/scpfs/scpfs/e2e/internal/fsops"
	"github.com/scpfs/scpfs/scpio/scptest"
)

// long asks for the long form of the tests that make things up: hundreds of
// thousands of operations, hundreds of kills.
var long = os.Getenv("SCPFS_LONG") != ""

// randomCase is a way to do random operations.
type randomCase struct {
	name  string
	host  []scptest.Option
	words []string // of -o
	gen   fsops.Options
	whole bool // the host's times have whole seconds
	// The processes do not take turns, but work in directories of their own.
	together bool
	// The second half of the operations is done without the host.
	apart bool
	ops   int // of one seed
	short int // seeds of the short form
	long  int // and of the long one
}

var randomCases = []randomCase{
	{name: "one process", gen: fsops.Options{Procs: 1}, ops: 700, short: 2, long: 50},
	{name: "three processes", gen: fsops.Options{Procs: 3}, ops: 700, short: 1, long: 30},
	{name: "at the same time", together: true, gen: fsops.Options{Procs: 4}, ops: 1000, short: 1, long: 30},
	{name: "remounts", gen: fsops.Options{Procs: 2, Remounts: 100}, ops: 700, short: 1, long: 30},
	{name: "nothing believed", words: []string{"cache_timeout=0", "attr_timeout=0", "entry_timeout=0"},
		gen: fsops.Options{Procs: 1}, ops: 400, short: 1, long: 30},
	{name: "written back", words: []string{"writeback"}, gen: fsops.Options{Procs: 1}, ops: 700, short: 1, long: 30},
	{name: "written back with remounts", words: []string{"writeback"}, gen: fsops.Options{Procs: 3, Remounts: 100}, ops: 700, short: 1, long: 30},
	{name: "written back at the same time", words: []string{"writeback"}, together: true, gen: fsops.Options{Procs: 4}, ops: 1000, short: 1, long: 30},
	{name: "apart", apart: true, gen: fsops.Options{Procs: 2}, ops: 700, short: 1, long: 30},
	{name: "busybox", host: []scptest.Option{scptest.BusyboxOnly()},
		gen: fsops.Options{Procs: 2, WholeTimes: true, NoExchange: true, Remounts: 200}, whole: true, ops: 500, short: 1, long: 30},
}

// TestRandomOperations does random operations in the mount and on a plain
// directory. Each must end the same way on both sides, and after unmounting
// the host must have what the plain directory has. SCPFS_SEED repeats a seed.
func TestRandomOperations(t *testing.T) {
	for _, c := range randomCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // they wait most of the time
			srv := scptest.Start(t, c.host...)
			seeds := c.short
			if long {
				seeds = c.long
			}
			for _, seed := range seedsFor(t, seeds) {
				if c.run(t, srv, seed); t.Failed() {
					break
				}
			}
		})
	}
}

// seedsFor are the same few seeds in the short form, new ones each time in the
// long form, or the one that is to be repeated.
func seedsFor(t *testing.T, n int) []uint64 {
	if s := os.Getenv("SCPFS_SEED"); s != "" {
		seed, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("SCPFS_SEED=%s: not a number", s)
		}
		return []uint64{seed}
	}
	seeds := make([]uint64, n)
	for i := range seeds {
		seeds[i] = uint64(i + 1)
		if long {
			seeds[i] = rand.Uint64N(1e9)
		}
	}
	return seeds
}

// run does the operations of a seed. A failure is made short and told.
func (c randomCase) run(t *testing.T, srv *scptest.Server, seed uint64) {
	ops := fsops.NewGenerator(seed, c.gen).Draw(c.ops)
	b := newBench(t, srv, c, limitFor(len(ops)))
	d := b.try(ops)
	t.Logf("seed %d: %d operations", seed, len(ops))
	if d == nil {
		return
	}
	t.Errorf("SCPFS_SEED=%d: %v", seed, d)
	short := b.shrink(ops[:min(d.at+1, len(ops))])
	t.Errorf("the same in %d operations:\n%s", len(short), trace(short))
	if !b.hanging.Load() {
		c.explain(t, srv, short)
	}
}

// explain does a failing sequence once more, with every request logged.
func (c randomCase) explain(t *testing.T, srv *scptest.Server, ops []fsops.Op) {
	c.words = append([]string{"debug"}, c.words...)
	b := newBench(t, srv, c, limitFor(len(ops)))
	t.Logf("%v\nscpfs said:\n%s", b.try(ops), b.m.program.said())
}

func trace(ops []fsops.Op) string {
	var text strings.Builder
	for i, op := range ops {
		fmt.Fprintf(&text, "%4d %v\n", i, op)
	}
	return text.String()
}

func limitFor(ops int) time.Duration { return time.Minute + time.Duration(ops)*50*time.Millisecond }

func shrinkTime() time.Duration {
	if long {
		return 5 * time.Minute
	}
	return time.Minute
}
