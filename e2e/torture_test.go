package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/scpfs/scpfs/scpio/scptest"
)

// tortureCase is a way to mount while everything goes wrong.
type tortureCase struct {
	name  string
	words []string // of -o
}

var tortureCases = []tortureCase{
	{name: "through"},
	{name: "back", words: []string{"writeback"}},
}

// TestTorture lets programs save files in all the ways they know, while scpfs
// is killed, the connection is cut at any byte or stalls, and the server
// restarts; then it looks for everything that was promised, on the host. How
// often is said by SCPFS_TORTURE_KILLS and SCPFS_TORTURE_CUTS ("make torture"),
// on how many mounts at a time by SCPFS_TORTURE_LANES. SCPFS_SEED repeats what is
// done, though not the moments at which it happens.
func TestTorture(t *testing.T) {
	t.Parallel()
	program := scpfs
	if long {
		program = buildPlain(t) // faults come faster
	}
	for _, c := range tortureCases {
		t.Run(c.name, func(t *testing.T) {
			seed := seedsFor(t, 1)[0]
			lanes := number(t, "SCPFS_TORTURE_LANES", 2)
			total := budget{kills: number(t, "SCPFS_TORTURE_KILLS", 8), cuts: number(t, "SCPFS_TORTURE_CUTS", 12)}
			t.Logf("SCPFS_SEED=%d: %d kills, %d cuts", seed, total.kills, total.cuts)
			sum := &figures{began: time.Now(), seed: seed}
			t.Cleanup(func() { t.Logf("all: %v", sum) })
			for i := range lanes {
				t.Run(fmt.Sprint("lane", i), func(t *testing.T) {
					t.Parallel()
					newLane(t, c, program, seed, uint64(i), total.share(i, lanes), sum).work()
				})
			}
		})
	}
}

func number(t *testing.T, variable string, otherwise int) int {
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%s: not a number", variable, text)
	}
	return n
}

// budget is what is still to be done.
type budget struct{ kills, cuts int }

// share is one of n about equal parts.
func (b budget) share(i, n int) budget {
	return budget{kills: (b.kills + i) / n, cuts: (b.cuts + i) / n}
}

// figures are what was done, by all lanes together.
type figures struct {
	mu        sync.Mutex // guards the fields below
	began     time.Time
	seed      uint64
	kills     int
	early     int // of the kills, those before the mount was there
	cuts      int
	stalls    int
	restarts  int
	settled   int
	unmounts  int
	calls     int
	failed    int // calls
	seen      int // versions of files seen by who reads on the host
	slowest   time.Duration
	slowestOf string
}

func (f *figures) add(change func(f *figures)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

func (f *figures) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return fmt.Sprintf("seed %d, %v: %d kills (%d while mounting), %d cuts, %d stalls, %d restarts, settled %d times, unmounted %d times; %d calls, %d of them failed, the longest took %v (%s); %d versions seen on the host",
		f.seed, time.Since(f.began).Round(time.Second), f.kills, f.early, f.cuts, f.stalls, f.restarts, f.settled, f.unmounts,
		f.calls, f.failed, f.slowest.Round(time.Millisecond), f.slowestOf, f.seen)
}

// tortureTimeout is what the mounts are given as -o timeout=.
const tortureTimeout = 5 * time.Second

// callLimit is how long a call may take. It is several requests to the host,
// each of which may wait for as long as the timeout.
const callLimit = 5 * tortureTimeout

// lane is a mount through a link that breaks, and those who write in it.
type lane struct {
	t       *testing.T
	r       *rand.Rand
	left    budget
	sum     *figures
	srv     *scptest.Server // itself, not through the link
	link    *scptest.Link
	m       *mounted
	writers []*crashedWriter
	reader  *hostReader
	rounds  int
	did     diary
}

func newLane(t *testing.T, c tortureCase, program string, seed, stream uint64, left budget, sum *figures) *lane {
	l := &lane{t: t, r: rand.New(rand.NewPCG(seed, stream)), left: left, sum: sum, srv: scptest.Start(t)}
	l.link = scptest.NewLink(t, l.srv.Addr, scptest.LinkOptions{})
	o := mountOptions{
		words:    append([]string{fmt.Sprintf("timeout=%g", tortureTimeout.Seconds()), "cache_timeout=1"}, c.words...),
		program:  program,
		patience: lifetime + time.Duration(left.kills+left.cuts)*20*time.Second,
	}
	l.m = prepare(t, l.srv.Via(t, l.link), o)
	for i := range 3 {
		w := &crashedWriter{l: l, name: fmt.Sprint("writer", i)}
		w.worlds.models = []crashModel{{}}
		mkdir(t, l.m.there(w.name))
		l.writers = append(l.writers, w)
	}
	t.Cleanup(l.m.cleanup)
	l.m.Mount()
	l.reader = newHostReader(t, l.m.Remote)
	return l
}

// work does rounds until all is done.
func (l *lane) work() {
	for l.left.kills+l.left.cuts > 0 && !l.t.Failed() {
		l.round()
		if os.Getenv("SCPFS_E2E_DEBUG") != "" {
			l.t.Log(l.did.String())
		}
		if l.rounds++; l.rounds%50 == 0 {
			l.t.Logf("%d kills and %d cuts to do; all: %v", l.left.kills, l.left.cuts, l.sum)
		}
	}
	l.reader.stop()
}

// round is some time in which programs write and things go wrong, and an end
// after which everything must be in order.
func (l *lane) round() {
	l.did.begin()
	for _, w := range l.writers {
		w.start(l.m.path(w.name), l.r.Uint64N(1e9))
	}
	kill := l.left.kills > 0 && (l.left.cuts == 0 || l.r.IntN(2) == 0)
	faults := 1 + l.r.IntN(4)
	if kill {
		faults = l.r.IntN(3)
	}
	for range faults {
		l.fault()
	}
	l.pause(150)
	switch {
	case kill:
		l.kill()
	case l.r.IntN(5) == 0:
		l.stopWriters()
		l.unmount()
	default:
		l.stopWriters()
		l.settle()
	}
	l.verify()
	l.did.note("verified")
}

// pause lets the programs work for up to so many milliseconds. The moment is
// what the test varies.
func (l *lane) pause(most int) { time.Sleep(time.Duration(l.r.IntN(most)) * time.Millisecond) }

// diary is what happened in a round and when, for who has to find out what
// went wrong.
type diary struct {
	mu    sync.Mutex // guards the fields below
	began time.Time
	did   []string
}

func (d *diary) begin() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.began, d.did = time.Now(), nil
}

func (d *diary) note(what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.did = append(d.did, fmt.Sprintf("%s: %v", what, time.Since(d.began).Round(time.Millisecond)))
}

func (d *diary) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.did, ", ")
}
