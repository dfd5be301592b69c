package cache

import (
	"context"
	"slices"
	"sync"
	"time"
)

// walks looks ahead at listings: when directories are read one after the
// other, or one right after the directory that it is in, the whole subtree that
// they are in is listed by one command. The request that sets this off is not
// delayed by it; those that come later wait for their directory to come along,
// rather than ask for it once more.
type walks struct {
	mu     sync.Mutex // guards the fields below
	last   string     // the directory asked for last
	at     time.Time
	read   string // the directory that a program was given last, all of it,
	readAt time.Time
	flight *walk
	// spent are subtrees too large to be listed by one command: only what
	// is below them is.
	spent map[string]time.Time
}

// walk is a listing of a subtree that is under way.
type walk struct {
	root  string
	moved chan struct{} // closed and replaced when a directory came, closed at the end
	ended bool
}

// walkWithin lies between two readings at most that are one walk.
const walkWithin = 10 * time.Second

// descentWithin lies between a directory and one in it at most if a program walks
// down, rather than somebody who looks at the one and then chooses the other.
const descentWithin = 100 * time.Millisecond

// walked says that a directory was asked for and was not known, to give all of it
// to a program (reading) or for a name in it. If it is the second of a walk, the
// subtree they have in common is listed.
func (c *Cache) walked(dir string, reading bool) {
	w := &c.walks
	w.mu.Lock()
	defer w.mu.Unlock()
	root, ok := w.nextLocked(dir, reading)
	if !ok || c.o.Ahead.Entries == 0 || w.flight != nil {
		return
	}
	if t, spent := w.spent[root]; spent && time.Since(t) < c.o.Timeouts.Dir {
		root = dir
	}
	f := &walk{root: root, moved: make(chan struct{})}
	w.flight = f
	c.loops.Go(func() { c.walk(f) })
}

// given says that a program was given a directory.
func (w *walks) given(dir string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.read, w.readAt = dir, time.Now()
}

// nextLocked takes in which directory is asked for, and tells which subtree is
// being walked, if any is.
func (w *walks) nextLocked(dir string, reading bool) (root string, ok bool) {
	last, at := w.last, w.at
	w.last, w.at = dir, time.Now()
	above, _ := split(dir)
	if reading && dir != "" && above == w.read && time.Since(w.readAt) <= descentWithin {
		return above, true
	}
	if last == dir || time.Since(at) > walkWithin {
		return "", false
	}
	return commonRoot(last, dir)
}

// commonRoot is the directory that two have in common, if they are siblings
// or not far from it.
func commonRoot(a, b string) (string, bool) {
	for p := a; ; p, _ = split(p) {
		if below(b, p) {
			return p, p != b && depth(b)-depth(p) <= 2 && depth(a)-depth(p) <= 2 && p != a
		}
		if p == "" {
			return "", false
		}
	}
}

func below(path, dir string) bool {
	_, ok := moved(path, dir, dir)
	return dir == "" || ok
}

func depth(path string) int {
	n := 0
	for ; path != ""; path, _ = split(path) {
		n++
	}
	return n
}

// walk lists a subtree. What is learned so is as good as any listing, unless
// it ends with an error: then nothing of it is kept.
func (c *Cache) walk(f *walk) {
	stamp, at := c.tree.stamp(), time.Now()
	var learned []string
	more, err := c.remote.ListTree(c.ctx, f.root, c.o.Ahead.Entries, func(l Listing) {
		entries := slices.DeleteFunc(l.Entries, func(e Entry) bool { return c.temps.made(e.Name) })
		l.Self.Attr = c.backlog.without(l.Path, l.Self.Attr)
		c.backlog.withoutAll(l.Path, entries)
		c.tree.learnList(l.Path, stamp, l.Self, entries, at)
		learned = append(learned, l.Path)
		c.walks.step(f, false)
	})
	if err != nil {
		for _, dir := range learned {
			c.tree.distrust(dir)
		}
		c.log.Debug("a subtree could not be listed", "path", f.root, "err", err)
	}
	if more || err != nil {
		c.walks.spend(f.root)
	}
	c.walks.step(f, true)
}

func (w *walks) spend(root string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.spent == nil || len(w.spent) > 1000 {
		w.spent = map[string]time.Time{}
	}
	w.spent[root] = time.Now()
}

// step tells who waits that something came.
func (w *walks) step(f *walk, end bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(f.moved)
	f.moved = make(chan struct{})
	if end {
		f.ended = true
		close(f.moved)
		w.flight = nil
	}
}

// onItsWay waits while a directory may be among those that are being listed
// anyway, until known says that it has come, or the end.
func (c *Cache) onItsWay(ctx context.Context, dir string, known func() bool) error {
	for {
		c.walks.mu.Lock()
		f := c.walks.flight
		if f == nil || !below(dir, f.root) {
			c.walks.mu.Unlock()
			known() // it may have come just now
			return nil
		}
		moved := f.moved
		c.walks.mu.Unlock()
		if known() {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return interrupted(ctx)
		}
	}
}

// distrust says that a listing may not be complete.
func (t *tree) distrust(dir string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, n, _ := t.findLocked(dir); n != nil {
		n.partly()
	}
}
