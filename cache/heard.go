package cache

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// What somebody who watches the host tells ([Cache.Heard]). An event says that
// something may be another than before; it can be an echo of our own change, or
// of one that was seen already. So the host is asked once, by nobody who waits
// for it, and only what is not what was known goes to the kernel.

// Event tells that something may have changed on the host, as in package scpio.
type Event = struct {
	Dir  string
	Name string // "": any in the directory, or the directory itself
	New  bool   // the directory is watched from now on
	All  bool   // anything anywhere may have changed
}

// uses are the directories in use, by use.
type uses struct {
	mu     sync.Mutex                       // guards the field below
	recent *simplelru.LRU[string, struct{}] // nil: nobody wants to know
}

// mostUsed is how many directories in use are remembered.
const mostUsed = 1000

func newUses(wanted bool) *uses {
	u := &uses{}
	if wanted {
		u.recent, _ = simplelru.NewLRU[string, struct{}](mostUsed, nil)
	}
	return u
}

func (u *uses) add(dir string) {
	if u.recent == nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.recent.Add(dir, struct{}{})
}

// all lists them, the last used first.
func (u *uses) all() []string {
	if u.recent == nil {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	dirs := u.recent.Keys()
	slices.Reverse(dirs)
	return dirs
}

// InUse lists directories to be watched: those of open files, and those used
// last.
func (c *Cache) InUse() []string {
	c.mu.Lock()
	var dirs []string
	for dir := range c.live {
		dirs = append(dirs, dir)
	}
	c.mu.Unlock()
	open := map[string]bool{}
	for _, dir := range dirs {
		open[dir] = true
	}
	for _, dir := range c.uses.all() {
		if !open[dir] {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

const (
	// fewNames is up to how many names of a directory are asked for one by
	// one, rather than by a listing.
	fewNames = 3
	// fewEntries is up to how many entries a listing is asked for at once,
	// rather than when somebody needs it.
	fewEntries = 1000
	// atOnce is how many directories are asked about at a time: not all the
	// shells, as people wait for the others.
	atOnce = 2
)

// Heard takes in what may have changed on the host, and returns when that is
// known. Events for one directory follow each other.
func (c *Cache) Heard(ctx context.Context, events []Event) {
	var work sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for len(events) > 0 {
		n := 1
		for n < len(events) && events[n].Dir == events[0].Dir {
			n++
		}
		batch := events[:n]
		events = events[n:]
		slots <- struct{}{}
		work.Go(func() {
			c.heard(ctx, batch)
			<-slots
		})
	}
	work.Wait()
}

// heard takes in the events of one directory.
func (c *Cache) heard(ctx context.Context, events []Event) {
	dir := events[0].Dir
	var names []string
	any := false
	for _, e := range events {
		switch {
		case e.All:
			c.distrustAll(ctx)
			return
		case e.New:
			c.distrust(ctx, dir)
			return
		case e.Name == "":
			any = true
		case !c.temps.made(e.Name):
			names = append(names, e.Name)
		}
	}
	if any || len(names) > fewNames {
		c.checkDir(ctx, dir)
		return
	}
	for _, name := range names {
		c.check(ctx, join(dir, name))
	}
}

// check asks the host about a name of which somebody knows something.
func (c *Cache) check(ctx context.Context, path string) {
	const tries = 3 // our own changes may come in between
	for range tries {
		if _, k := c.tree.last(path); k == unknown {
			break // who asks for it asks the host
		}
		if f := c.liveAt(path); f != nil {
			if _, ours := f.authority(); ours {
				return // the store compares
			}
		}
		stamp, at := c.tree.stamp(), time.Now()
		e, err := c.remote.Stat(ctx, path)
		if err != nil && !isGone(err) {
			break
		}
		if c.found(path, stamp, e, at, err != nil) {
			return
		}
	}
	c.Doubt(path)
}

// found takes in what the host has under a name, or that it has none. It reports
// false if we have changed something there since the stamp.
func (c *Cache) found(path string, stamp uint64, e Entry, at time.Time, gone bool) bool {
	was, k := c.tree.last(path)
	dir, name := split(path)
	switch {
	case path != "" && c.tree.changed(dir, name, stamp):
		return false
	case gone:
		if k == absent {
			return true
		}
		c.changed(path)
		if !c.tree.lose(path, stamp) {
			return false
		}
		c.tell(Notice{Path: path, Gone: true})
		return true
	}
	e.Attr = c.backlog.without(path, e.Attr)
	c.tree.learn(path, stamp, e, at)
	c.compare(path, was, k, e.Attr)
	return true
}

// compare tells of what a name has become.
func (c *Cache) compare(path string, was Attr, k knowledge, is Attr) {
	c.followed(path, is)
	was.Atime = is.Atime
	if k == known && was == is {
		return
	}
	if k != known {
		dir, _ := split(path)
		c.tree.age(dir)
	}
	same := k == known && idOf(was) == idOf(is)
	c.tell(Notice{Path: path, Gone: k == known && !same && isDir(was)})
}

// checkDir lists a directory of which the names are known, and tells of what is
// not as it was.
func (c *Cache) checkDir(ctx context.Context, dir string) {
	was, ok := c.tree.list(dir, time.Time{}, time.Time{})
	if !ok || len(was) > fewEntries {
		c.distrust(ctx, dir)
		return
	}
	stamp := c.tree.stamp()
	c.flight.Forget(c.listing(dir)) // it may have begun before the change
	is, err := c.fetchList(ctx, dir)
	if err != nil || c.changedSince(dir, stamp) {
		c.distrust(ctx, dir)
		return
	}
	old := map[string]Attr{}
	for _, e := range was {
		old[e.Name] = e.Attr
	}
	for _, e := range is {
		k := known
		a, there := old[e.Name]
		if !there {
			k = absent
		}
		delete(old, e.Name)
		c.compare(join(dir, e.Name), a, k, e.Attr)
	}
	for name := range old {
		if !c.oursAt(join(dir, name)) {
			c.tell(Notice{Path: join(dir, name), Gone: true})
		}
	}
	c.tell(Notice{Path: dir, Attr: true, Self: true})
}

// changedSince tells whether we have changed something in a directory since the
// stamp.
func (c *Cache) changedSince(dir string, stamp uint64) bool {
	c.tree.mu.Lock()
	defer c.tree.mu.Unlock()
	_, n, _ := c.tree.findLocked(dir)
	return n == nil || !c.tree.currentLocked(n, stamp)
}

func (c *Cache) oursAt(path string) bool {
	f := c.liveAt(path)
	if f == nil {
		return false
	}
	_, ours := f.authority()
	return ours
}

// distrust says that anything in a directory may have changed. Who uses it next
// asks the host; of open files it is asked now, as nobody may ask for these.
func (c *Cache) distrust(ctx context.Context, dir string) {
	c.flight.Forget(c.listing(dir))
	c.tree.doubt(dir, false)
	c.tell(Notice{Path: dir, Below: true})
	for name := range c.liveIn(dir) {
		c.checkOpen(ctx, join(dir, name))
	}
}

// distrustAll says so of everything.
func (c *Cache) distrustAll(ctx context.Context) {
	c.tree.doubt("", true)
	c.tell(Notice{Below: true, Deep: true})
	for _, f := range c.snapshot() {
		if path := f.path(); path != "" {
			c.checkOpen(ctx, path)
		}
	}
}

// checkOpen asks the host about a file that is open here.
func (c *Cache) checkOpen(ctx context.Context, path string) {
	if c.oursAt(path) || ctx.Err() != nil {
		return
	}
	e, err := c.stat(ctx, path)
	if err != nil {
		return
	}
	c.followed(path, e.Attr)
}

// followed has the file that is open here go on with what the host has now.
func (c *Cache) followed(path string, is Attr) {
	if f := c.byNumber(c.numberOf(path, is)); f != nil {
		f.follow(is)
	}
}

// lose records that a name is gone, unless we have changed something in its
// directory since the stamp.
func (t *tree) lose(path string, stamp uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	dir, n, name := t.findLocked(path)
	if dir == nil || !t.currentLocked(dir, stamp) {
		return false
	}
	t.changeLocked(dir)
	dir.at = 0
	if n != nil {
		dir.remove(name)
		t.dropLocked(n)
	}
	return true
}

// age says that the attributes of a directory itself are old.
func (t *tree) age(dir string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, n, _ := t.findLocked(dir); n != nil {
		n.at = 0
	}
}

// doubt says that what is known of a directory and the names in it is old;
// or of everything below as well.
func (t *tree) doubt(dir string, deep bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, n, _ := t.findLocked(dir)
	t.changeLocked(cmp.Or(n, t.root))
	if n == nil {
		return
	}
	n.old()
	for _, k := range n.kids() {
		k.at = 0
	}
	if !deep {
		return
	}
	t.lost = t.now // answers under way may be older than this
	t.moved = t.now
	n.walk(dir, func(_ string, k *node) bool { k.old(); return true })
}

// old says that what is known of a node, and which names are in it, is old.
func (n *node) old() {
	n.at = 0
	n.partly()
}
