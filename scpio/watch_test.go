package scpio_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/scpfs/scpfs/scpio"
	"github.com/scpfs/scpfs/scpio/scptest"
)

// watchers are the kinds of hosts that can be watched.
var watchers = []struct {
	name    string
	start   func(*testing.T) *scptest.Server
	engines []string
}{
	{"Inotifywait", func(t *testing.T) *scptest.Server {
		scptest.Need(t, "inotifywait")
		return scptest.Start(t)
	}, nil},
	{"Inotifyd", func(t *testing.T) *scptest.Server { return scptest.Start(t, withInotifyd(t)) }, []string{"inotifyd", "poll"}},
	{"Poll", func(t *testing.T) *scptest.Server { return scptest.Start(t) }, []string{"poll"}},
	{"PollBusybox", func(t *testing.T) *scptest.Server { return scptest.Start(t, scptest.BusyboxOnly()) }, nil},
	{"Dropbear", func(t *testing.T) *scptest.Server { return scptest.StartDropbear(t) }, nil},
}

// withInotifyd makes a host that has toybox's inotifyd.
func withInotifyd(t *testing.T) scptest.Option {
	t.Helper()
	toybox := scptest.Need(t, "toybox")[0]
	env, dir := farm(t)
	os.Remove(filepath.Join(dir, "inotifyd"))
	check(t, os.Symlink(toybox, filepath.Join(dir, "inotifyd")))
	return env
}

// seen gathers what a watch tells.
type seen struct {
	mu     sync.Mutex // guards the field below
	events map[string]int
}

func (s *seen) tell(events []scpio.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range events {
		s.events[eventText(e)]++
	}
}

func eventText(e scpio.Event) string {
	switch {
	case e.All:
		return "all"
	case e.New:
		return "new " + e.Dir
	}
	return e.Dir + "/" + e.Name
}

// await waits until one of some events was told, and forgets all.
func (s *seen) await(t *testing.T, any ...string) {
	t.Helper()
	for deadline := time.Now().Add(timeout); ; time.Sleep(5 * time.Millisecond) {
		s.mu.Lock()
		for _, want := range any {
			if s.events[want] > 0 {
				clear(s.events)
				s.mu.Unlock()
				return
			}
		}
		got := fmt.Sprint(s.events)
		s.mu.Unlock()
		if time.Now().After(deadline) {
			t.Fatalf("told: %s, want one of %q", got, any)
		}
	}
}

// startWatch watches directories until the test ends, or it is stopped.
func startWatch(t *testing.T, r *remote, engines []string, dirs func() []string) (*seen, func()) {
	t.Helper()
	s := &seen{events: map[string]int{}}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Watch(ctx, scpio.WatchOptions{Dirs: dirs, Engines: engines}, s.tell) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err == nil {
			t.Error("the watch has ended without an error")
		}
	})
	t.Cleanup(stop)
	return s, stop
}

// TestWatch: what others do in directories in use is told, by every engine.
func TestWatch(t *testing.T) {
	for _, host := range watchers {
		t.Run(host.name, func(t *testing.T) {
			t.Parallel()
			r := newRemote(t, host.start(t), scpio.Options{})
			for _, dir := range []string{"d", "odd 'na\"me'", "later", "unwatched"} {
				r.mkdir(t, dir)
			}
			r.write(t, "d/old", "x")
			var mu sync.Mutex
			dirs := []string{"", "d", "odd 'na\"me'", "gone"}
			s, stop := startWatch(t, r, host.engines, func() []string {
				mu.Lock()
				defer mu.Unlock()
				return dirs
			})
			s.await(t, "new d")

			r.write(t, "d/file", "one")
			s.await(t, "d/file", "d/")
			r.write(t, "d/new\nline", "one")
			s.await(t, "d/new\nline", "d/")
			r.write(t, "odd 'na\"me'/a", "one")
			s.await(t, "odd 'na\"me'/a", "odd 'na\"me'/")
			check(t, os.Chmod(r.path("d/old"), 0o600))
			s.await(t, "d/old", "d/")
			check(t, os.Rename(r.path("d/old"), r.path("d/older")))
			s.await(t, "d/older", "d/")
			check(t, os.Remove(r.path("d/file")))
			s.await(t, "d/file", "d/")
			r.mkdir(t, "sub")
			s.await(t, "/sub", "/")

			mu.Lock()
			dirs = append(dirs, "later")
			mu.Unlock()
			s.await(t, "new later")
			r.write(t, "later/file", "one")
			s.await(t, "later/file", "later/")
			r.write(t, "d/file", "two")
			s.await(t, "d/file", "d/")
			stop()
			r.wantNoWatch(t)
		})
	}
}

// wantNoWatch waits until nothing on the host watches the directory any more.
func (r *remote) wantNoWatch(t *testing.T) {
	t.Helper()
	var left []string
	for deadline := time.Now().Add(timeout); ; time.Sleep(5 * time.Millisecond) {
		left = r.watching()
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("left on the host: %q", left)
		}
	}
}

// watching are the processes that have the directory in their arguments.
func (r *remote) watching() []string {
	found, _ := filepath.Glob("/proc/[0-9]*/cmdline") // the pattern is good
	var all []string
	for _, f := range found {
		line, err := os.ReadFile(f)
		if text := string(line); err == nil && strings.Contains(text, r.dir) {
			all = append(all, strings.ReplaceAll(text, "\x00", " "))
		}
	}
	return all
}

// TestWatchAgain: after a lost connection there is a new watch, and it says that
// something may have been missed; the old one is gone.
func TestWatchAgain(t *testing.T) {
	scptest.Need(t, "inotifywait")
	srv := scptest.Start(t)
	l := scptest.NewLink(t, srv.Addr, scptest.LinkOptions{})
	r := newRemote(t, srv.Via(t, l), scpio.Options{})
	s, stop := startWatch(t, r, nil, func() []string { return []string{""} })
	s.await(t, "new ")
	r.write(t, "file", "one")
	s.await(t, "/file")
	l.Cut()
	r.write(t, "missed", "one")
	s.await(t, "all")
	r.write(t, "file", "two")
	s.await(t, "/file")
	stop()
	r.wantNoWatch(t)
}

// TestWatchManyChanges: a flood is told as changes of the directory, in bounded
// memory, and nothing is told any more when it is over.
func TestWatchManyChanges(t *testing.T) {
	scptest.Need(t, "inotifywait")
	r := newRemote(t, scptest.Start(t), scpio.Options{})
	s := &seen{events: map[string]int{}}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	most, entered, leave := 0, make(chan bool, 1), make(chan bool)
	done := make(chan error)
	go func() {
		done <- r.Watch(ctx, scpio.WatchOptions{Dirs: func() []string { return []string{""} }}, func(events []scpio.Event) {
			most = max(most, len(events))
			s.tell(events)
			if events[0].Name == "first" {
				entered <- true
				<-leave
			}
		})
	}()
	s.await(t, "new ")
	r.write(t, "first", "")
	<-entered
	for i := range 3000 {
		r.write(t, fmt.Sprint("file", i), "x")
	}
	close(leave)
	s.await(t, "/")
	s.await(t, "all") // the host may have lost some
	cancel()
	if err := <-done; err == nil {
		t.Error("the watch has ended without an error")
	}
	if most > 100 {
		t.Errorf("%d events were told at a time", most)
	}
}
