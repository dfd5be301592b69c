package scpio

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Event tells that something may have changed on the host.
type Event = struct {
	Dir  string // relative to the client's root
	Name string // a name in it; "": any, or the directory itself
	// New says that the directory is watched from now on: what has changed
	// in it before was not told.
	New bool
	// All says that changes anywhere may not have been told, as the
	// connection was lost, or more happened than the host could tell.
	All bool
}

// WatchOptions say what is to be watched, and how. Dirs is necessary.
type WatchOptions struct {
	// Dirs gives the directories to be watched, the most important first. It
	// is called every second, and must not wait for the host.
	Dirs func() []string
	// Engines are tried in this order; the last must be "poll". Default: all,
	// "inotifywait", "inotifyd", "poll".
	Engines []string
}

var engines = []string{"inotifywait", "inotifyd", "poll"}

const (
	// maxWatched is how many directories are watched at a time: what takes a
	// kilobyte of the host's kernel each, and a fraction of a second to look
	// through.
	maxWatched = 1000
	// maxSummed is the same where each look takes two programs.
	maxSummed = 64
	// maxListed bounds the bytes of their paths in one command.
	maxListed = 96 << 10
	// maxNames is how many names are told of a directory at a time; more are
	// told as any.
	maxNames = 32
	// settleTime is for how long changes are gathered before they are told.
	settleTime = 100 * time.Millisecond
)

// Watch tells of changes of directories on the host, until its context ends. It
// has a session of its own, which it opens again when it is lost. Changes made by
// this client are told like any others. tell is called by one goroutine at a time
// and may take its time: changes are gathered meanwhile, in bounded memory.
//
// Directories that cannot be watched are left out: those that cannot be read, with
// paths that are too long, and with inotifyd those that have a colon, a tab or a
// newline in their path.
func (c *Client) Watch(ctx context.Context, o WatchOptions, tell func([]Event)) error {
	again := false
	if len(o.Engines) == 0 {
		o.Engines = engines
	}
	for delay := time.Second; ; delay = min(2*delay, time.Minute) {
		w := &watch{c: c, o: o, tell: tell, again: again, wake: make(chan struct{}, 1)}
		err := w.run(ctx)
		if ctx.Err() != nil {
			return cause(ctx, ctx.Err())
		}
		if w.began {
			again, delay = true, time.Second
		}
		if w.failed {
			o.Engines = o.Engines[slices.Index(o.Engines, w.engine)+1:]
		}
		c.log.Debug("the watch of the host has ended", "err", err)
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return cause(ctx, ctx.Err())
		}
	}
}

// watch is one session of Watch.
type watch struct {
	c     *Client
	o     WatchOptions
	tell  func([]Event)
	again bool // there was a session before
	began bool // there is one
	sh    *shell

	engine string
	told   chan struct{} // closed when the engine is known
	wake   chan struct{} // has an element when there is something for the loop

	mu      sync.Mutex                 // guards the fields below
	err     error                      // the end of what the host tells
	names   map[string]map[string]bool // changes not told yet, by directory; nil: any name
	all     bool
	dirs    map[string]bool // watched
	next    []string        // those that are about to be
	pid     string          // of what watches dirs
	nextPid string
	since   time.Time // when next was asked for
	ready   bool      // next is watched
	count   int       // of changes since the last tick
	flood   bool      // there were many
	failed  bool      // the engine is of no use here
}

//go:embed watch.sh
var watchScript string

var watchLibrary = newLibrary(bare(watchScript))

// run opens a session and goes on until it ends.
func (w *watch) run(ctx context.Context) error {
	// A shell of the pool comes first, where the host allows only a few
	// sessions; and this one finds out that the connection has been lost.
	if _, err := w.c.Stat(ctx, ""); err != nil {
		return err
	}
	if err := w.start(ctx); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, w.sh.kill)
	defer stop()
	var reading sync.WaitGroup
	reading.Go(w.read)
	defer reading.Wait()
	defer w.sh.kill()
	return w.loop(ctx)
}

func (w *watch) start(ctx context.Context) error {
	conn, _ := w.c.pool.live()
	if conn == nil {
		return errors.New("there is no connection")
	}
	ctx, cancel := context.WithTimeout(ctx, w.c.timeout)
	defer cancel()
	sh, err := startShell(ctx, conn, "e="+w.c.Host().Engine, watchLibrary, &w.c.pool.life)
	if err != nil {
		return err
	}
	w.sh, w.told = sh, make(chan struct{})
	w.names, w.dirs = map[string]map[string]bool{}, map[string]bool{}
	return sh.send("t " + strings.Join(w.o.Engines, " "))
}

// read takes in what the host tells.
func (w *watch) read() {
	c := newChanges(w.sh.r, w.sh.marker)
	for {
		ch, err := c.next()
		w.mu.Lock()
		if err != nil {
			w.err = err
		} else {
			c.lines = w.heardLocked(ch)
		}
		w.mu.Unlock()
		select {
		case w.wake <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// heardLocked takes in one change, and tells whether lines follow.
func (w *watch) heardLocked(ch change) bool {
	word, rest, _ := strings.Cut(ch.said, " ")
	switch {
	case ch.text != "":
		w.saidLocked(ch.text)
	case word == "engine" && w.engine == "" && slices.Contains(w.o.Engines, rest):
		w.engine = rest
		close(w.told)
	case word == "start":
		w.nextPid = rest
	case word == "ready":
		w.ready = true
	case word == "dead":
		w.err = errors.New("the watch on the host has ended by itself")
	case ch.all:
		w.all = true
	case ch.dir != "":
		w.changedLocked(ch.dir, ch.name)
	}
	return w.engine == "inotifyd"
}

// saidLocked takes in what inotifywait says to people.
func (w *watch) saidLocked(text string) {
	switch {
	case text == "Watches established.":
		w.ready = true
	case strings.Contains(text, "upper limit on inotify"), strings.HasPrefix(text, "Couldn't initialize"):
		w.failed, w.err = true, errors.New(text)
	}
}

// changedLocked notes a change to be told.
func (w *watch) changedLocked(abs, name string) {
	w.count++
	dir, ok := w.rel(abs)
	if !ok || !w.dirs[dir] && !slices.Contains(w.next, dir) {
		return // of a watch that has been replaced, or what is no path
	}
	names, known := w.names[dir]
	switch {
	case known && names == nil:
	case name == "" || len(names) >= maxNames:
		w.names[dir] = nil
	case names == nil:
		w.names[dir] = map[string]bool{name: true}
	default:
		names[name] = true
	}
}

// rel is the path of a directory below the client's root.
func (w *watch) rel(abs string) (string, bool) {
	if abs == w.c.Root() {
		return "", true
	}
	return strings.CutPrefix(abs, strings.TrimSuffix(w.c.Root(), "/")+"/")
}

// checkEvery is how often it is asked whether the watch is still there.
const checkEvery = 10 * time.Second

// loop tells of changes, and keeps the directories watched those that are in
// use.
func (w *watch) loop(ctx context.Context) error {
	tick, check := time.NewTicker(time.Second/2), time.NewTicker(checkEvery)
	defer tick.Stop()
	defer check.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-w.wake:
			err = w.deliver(ctx)
		case <-check.C:
			err = w.check()
		case <-tick.C:
			w.abate()
			err = w.deliver(ctx)
		}
		if err = cmp.Or(err, w.replace()); err != nil {
			return err
		}
	}
}

// aFlood is how many changes in a tick may be more than the host could tell: its
// queue has room for some thousands, and inotifywait does not say when it was
// full.
const aFlood = 500

// abate says that something may have been missed when a flood is over.
func (w *watch) abate() {
	w.mu.Lock()
	defer w.mu.Unlock()
	much := w.count >= aFlood
	w.all = w.all || w.flood && !much
	w.flood, w.count = much, 0
}

// deliver tells what has been gathered.
func (w *watch) deliver(ctx context.Context) error {
	w.mu.Lock()
	err, some := w.err, len(w.names) > 0 || w.all
	w.mu.Unlock()
	if err != nil {
		return err
	}
	if some { // an editor's save is a handful of changes
		select {
		case <-time.After(settleTime):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if events := w.take(); len(events) > 0 {
		w.tell(events)
	}
	return w.switchOver()
}

// take is what is to be told now.
func (w *watch) take() []Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	var events []Event
	if w.all {
		events = append(events, Event{All: true})
	}
	for dir, names := range w.names {
		if names == nil {
			events = append(events, Event{Dir: dir})
		}
		for name := range names {
			events = append(events, Event{Dir: dir, Name: name})
		}
	}
	w.all = false
	clear(w.names)
	return events
}

// switchOver ends the old watch when the new one has begun, so that nothing
// happens unseen in between.
func (w *watch) switchOver() error {
	w.mu.Lock()
	if !w.ready || w.nextPid == "" || w.next == nil {
		w.mu.Unlock()
		return nil
	}
	old := w.pid
	var events []Event
	if w.again && !w.began {
		events = append(events, Event{All: true})
	}
	now := map[string]bool{}
	for _, dir := range w.next {
		now[dir] = true
		if !w.dirs[dir] {
			events = append(events, Event{Dir: dir, New: true})
		}
	}
	w.dirs, w.pid, w.next, w.nextPid, w.ready, w.began = now, w.nextPid, nil, "", false, true
	w.mu.Unlock()
	w.c.log.Debug("watching", "engine", w.engine, "directories", len(now))
	if len(events) > 0 {
		w.tell(events)
	}
	if old == "" || old == "0" {
		return nil
	}
	return w.sh.send("k " + quote(old))
}

// replace asks for a watch of other directories, if there are any that are not
// watched. A tool of the host's takes its list when it starts; so they are
// gathered for a while, the longer the more there are.
func (w *watch) replace() error {
	select {
	case <-w.told:
	default:
		return nil
	}
	w.mu.Lock()
	busy := w.next != nil
	pause := time.Duration(len(w.dirs)) * 5 * time.Millisecond
	w.mu.Unlock()
	if busy && time.Since(w.since) > w.c.timeout {
		return errors.New("the watch does not begin")
	}
	if busy || time.Since(w.since) < pause {
		return nil
	}
	dirs := w.wanted()
	if !slices.ContainsFunc(dirs, func(d string) bool { return !w.dirs[d] }) {
		return nil
	}
	w.mu.Lock()
	w.next, w.ready, w.nextPid, w.since = dirs, false, "", time.Now()
	w.mu.Unlock()
	cmd := "s " + w.engine + "_"
	for _, d := range dirs {
		cmd += " " + w.c.arg(d)
	}
	return w.sh.send(cmd)
}

// wanted are the directories to be watched.
func (w *watch) wanted() []string {
	most := maxWatched
	if w.engine == "poll" && w.c.Host().Engine != "gnu" {
		most = maxSummed
	}
	var dirs []string
	bytes := 0
	for _, d := range w.o.Dirs() {
		abs := w.c.abs(d)
		if w.c.usable(d) != nil || len(abs) > maxPath/2 || w.engine == "inotifyd" && strings.ContainsAny(abs, ":\t\n") {
			continue
		}
		if bytes += len(abs); len(dirs) == most || bytes > maxListed {
			break
		}
		dirs = append(dirs, d)
	}
	return dirs
}

// check asks whether the watch is still there.
func (w *watch) check() error {
	w.mu.Lock()
	pid := w.pid
	w.mu.Unlock()
	if pid == "" || pid == "0" {
		return nil
	}
	return w.sh.send(fmt.Sprint("c ", quote(pid)))
}
