package cache_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/scpfs/scpfs/cache"
	"github.com/scpfs/scpfs/cache/cachetest"
)

// TestKilledAtRandom is TestKilledBetweenLines after stories that are made up:
// files and directories are made, written, moved over each other and removed,
// on a host that goes silent in the middle of anything and may come back. The
// number of a story repeats it, but for what happens at the same time.
func TestKilledAtRandom(t *testing.T) {
	first, count := stories(t, "SCPFS_STORIES", 60)
	for n := first; n < first+count && !t.Failed(); n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			for lines, more := 0, true; more && !t.Failed(); lines++ {
				more = tell(t, n, lines)
			}
		})
	}
}

// stories is which of them are told: some, or what a variable says, as FIRST+COUNT.
func stories(t *testing.T, variable string, some uint64) (first, count uint64) {
	s := os.Getenv(variable)
	if s == "" {
		return 0, some
	}
	if _, err := fmt.Sscanf(s, "%d+%d", &first, &count); err != nil {
		t.Fatalf("%s=%q is not FIRST+COUNT", variable, s)
	}
	return first, count
}

// story is what has happened so far, and what the host may have in the end.
type story struct {
	w       *world
	r       *rand.Rand
	back    bool // write-back
	may     []model
	said    []string
	count   int  // of texts, and of things
	doubt   bool // a change of names was not answered, so that we may go by what is not so any more
	open    []opened
	unended []model // what there may be if the last step is not made, or half of it
	line    line
}

// opened is a file that is kept open.
type opened struct {
	*cache.Handle
	thing int
}

// line is what connects to the host.
type line struct {
	mu     sync.Mutex // guards the fields below
	dead   bool
	left   int  // calls before it dies; 0: it does not
	stored bool // the last of them is made
}

// tell makes up a story up to its end, of which so many lines are in the log. It
// reports whether the end has more.
func tell(t *testing.T, number uint64, lines int) (more bool) {
	r := rand.New(rand.NewPCG(number, 0))
	back := r.IntN(4) > 0
	w := newWorld(t, func(o *cache.Options) { o.WriteBack = back })
	s := &story{w: w, r: r, back: back, may: []model{{map[string]int{}, map[int]thing{}}}}
	s.note("write-back: %v", back)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(strings.Join(s.said, "; "))
		}
	})
	s.begin()
	s.connect()
	for range 1 + r.IntN(2) {
		s.goOn(r.IntN(6))
		s.line.dieAfter(1+r.IntN(6), r.IntN(2) == 0)
		s.note("silence soon")
		s.goOn(r.IntN(6))
		if r.IntN(4) == 0 && len(s.may) == 1 { // else its directories may not be known
			s.remountOffline()
			s.goOn(r.IntN(8))
		}
		if r.IntN(4) == 0 {
			s.note("it answers again")
			s.line.live()
			w.make(w.Online(t.Context()))
			w.Retry()
			w.sent()
			s.look()
		}
	}
	s.line.die()
	s.note("silence")
	more = w.killedAfter(lines, s.end, s.handles()...)
	w.open()
	w.sent()
	there := w.things()
	if seen, err := w.seen(); err != nil || !maps.Equal(seen, there) {
		t.Errorf("after %d lines the host has %v, seen are %v, %v", lines, there, seen, err)
	}
	if more {
		s.may = append(s.may, s.unended...)
		maps.DeleteFunc(there, func(name, _ string) bool { return strings.Contains(name, ".recovered-") })
	}
	if !s.mayBe(there) {
		t.Errorf("after %d lines the host has %v instead of %s", lines, there, s.ends())
	}
	w.close()
	return more
}

func (s *story) note(format string, args ...any) {
	s.said = append(s.said, fmt.Sprintf(format, args...))
}

// begin gives the host something to begin with, some of which is seen here.
func (s *story) begin() {
	m := s.may[0]
	for _, path := range []string{"a", "b", "d", "d/a", "d/e", "d/e/a"} {
		s.count++
		number, text := s.count, s.text()
		m.names[path] = number
		if slices.Contains([]string{"d", "d/e"}, path) {
			s.w.mkdir(path)
			m.things[number] = thing{'d', 0o755, ""}
			continue
		}
		m.things[number] = thing{'f', 0o644, text}
		s.w.put(path, text)
	}
	s.w.entries("")
	if s.r.IntN(2) == 0 {
		s.look()
		return
	}
	for _, path := range m.paths("f") {
		if s.r.IntN(2) == 0 {
			s.w.want(path, m.at(path).text)
		}
	}
}

// connect puts the line between us and the host.
func (s *story) connect() {
	s.w.host.On(cachetest.Hook{Method: "*", Path: "*", Before: s.line.before, After: s.line.after})
}

// remountOffline ends the mount, or has it die, and begins another that does not ask
// the host.
func (s *story) remountOffline() {
	dies := s.r.IntN(2) == 0
	s.note("silence; a mount without the host; the one before was killed: %v", dies)
	s.line.die()
	dir := s.w.o.Dir
	if dies {
		s.w.Save() // which is done every minute: what the host has answered to since is not known then
		dir = s.w.snapshot()
	}
	for _, o := range s.open {
		o.Release()
	}
	s.open = nil
	s.w.close()
	s.w.o.Dir, s.w.o.Offline = dir, true
	s.w.open()
	s.w.o.Offline = false
	s.connect()
}

// text is one of a size that no other has.
func (s *story) text() string {
	s.count++
	return strings.Repeat(fmt.Sprint(s.count%10), s.count)
}

// goOn goes on by so many steps.
func (s *story) goOn(steps int) {
	s.w.t.Helper()
	for range steps {
		if len(s.may) > 64 || s.w.t.Failed() {
			return // it is too uncertain what may be
		}
		s.do(s.step())
		if s.r.IntN(8) == 0 {
			s.look()
		}
	}
}

// end makes a last step in the middle of which the mount may be killed.
func (s *story) end() {
	last := s.step()
	for _, m := range s.may {
		s.unended = append(s.unended, m)
		half := m.clone()
		if last.half != nil && last.to(half) {
			last.half(half)
			s.unended = append(s.unended, half)
		}
	}
	s.do(last)
}

// do makes a step, and learns from it what may be.
func (s *story) do(o step) {
	s.w.t.Helper()
	s.note("%s", o.say)
	err := o.do()
	var may []model
	for _, m := range s.may {
		after := m.clone()
		ok := o.to(after)
		untold := isAway(err)
		if untold || s.doubt || err != nil && !ok {
			may = append(may, m)
		}
		if ok && (untold || err == nil) {
			may = append(may, after)
		}
		if ok && untold && o.half != nil {
			half := after.clone()
			o.half(half)
			may = append(may, half)
		}
	}
	if err != nil {
		s.note("(%v)", err)
		s.doubt = s.doubt || o.moves
	}
	if len(may) == 0 {
		s.w.t.Fatalf("%v, with %s", err, s.ends())
	}
	s.may = nil
	known := map[string]bool{}
	for _, m := range may {
		if id := fmt.Sprint(m.names, m.things); !known[id] {
			known[id] = true
			s.may = append(s.may, m)
		}
	}
}

// isAway tells whether an error leaves open what the host has done.
func isAway(err error) bool {
	return errors.Is(err, syscall.ENOTCONN) || errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ETIMEDOUT)
}

// look checks that what is seen is what may be, as far as that can be seen now.
func (s *story) look() {
	s.w.t.Helper()
	seen, err := s.w.seen()
	switch {
	case isAway(err):
	case err != nil:
		s.w.t.Error(err)
	case !s.mayBe(seen):
		s.w.t.Errorf("seen are %v instead of %s", seen, s.ends())
	}
}

// mayBe tells whether that is what may be.
func (s *story) mayBe(there map[string]string) bool {
	for name := range there {
		if s.doubt && strings.Contains(name, ".conflict-") {
			return true // we went by what was not so, and what we had may be in there
		}
	}
	return slices.ContainsFunc(s.may, func(m model) bool { return m.is(there) })
}

// ends says what may be.
func (s *story) ends() string {
	var all []string
	for _, m := range s.may {
		all = append(all, fmt.Sprint(m.lines()))
	}
	return strings.Join(all, " or ")
}

func (s *story) handles() []*cache.Handle {
	var all []*cache.Handle
	for _, o := range s.open {
		all = append(all, o.Handle)
	}
	return all
}

func (l *line) dieAfter(calls int, stored bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left, l.stored = calls, stored
}

func (l *line) die() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dead = true
}

func (l *line) live() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dead, l.left = false, 0
}

func (l *line) before(context.Context) error {
	if rand.IntN(2) == 0 { // so that more happens at the same time
		time.Sleep(rand.N(300 * time.Microsecond))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		return syscall.ENOTCONN
	}
	if l.left--; l.left == 0 {
		if l.dead = true; !l.stored {
			return syscall.ENOTCONN
		}
	}
	return nil
}

func (l *line) after(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		return syscall.ENOTCONN
	}
	return err
}
