package cache

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
)

// A host that cannot be reached is answered for by what was last heard of it, in
// this mount or one before (saved.go): names, attributes, listings and targets
// however old, and contents of the versions that these tell of. What nobody here
// knows is the error of the link.
//
// A cache that was opened [Options.Offline] has not met its host at all. All
// changes wait in the backlog then, as with [Options.WriteBack], until Online.

// ErrUnknown says that a cache was opened offline that knows nothing of its
// host.
var ErrUnknown = errors.New("nothing is known of this directory here: mount it once while the host can be reached")

// later tells whether changes wait in the backlog.
func (c *Cache) later() bool { return c.o.WriteBack || c.offline.Load() }

// Offline tells whether the cache waits for [Cache.Online].
func (c *Cache) Offline() bool { return c.offline.Load() }

// openOffline has an earlier mount tell what there is.
func (c *Cache) openOffline() error {
	c.recall()
	a, ok := c.tree.peek("")
	if !ok {
		return ErrUnknown
	}
	c.ino = newInodes(a.Dev)
	return nil
}

// Online says that the host can be reached from now on. It hears of the changes
// that have waited, in the background.
func (c *Cache) Online(ctx context.Context) error {
	was, _ := c.tree.peek("")
	e, err := c.stat(ctx, "")
	if err != nil {
		return err
	}
	if was.Ino != e.Attr.Ino {
		c.log.Warn("the host has another directory in the place of the one that was known", "was", was.Ino, "is", e.Attr.Ino)
	}
	c.offline.Store(false)
	c.backlog.away(nil)
	select {
	case c.back <- struct{}{}:
	default:
	}
	return nil
}

// recall takes in what earlier mounts have written down, once.
func (c *Cache) recall() {
	c.recalled.Do(func() {
		begin := func(h savedHead) {
			c.tree.learnRoot(h.Root)
			c.space.recall(h.Space)
		}
		err := c.disk.readTree(c.o.View, begin, c.tree.learnSaved)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			c.log.Warn("what earlier mounts knew of the host cannot be read", "err", err)
		}
	})
}

// remembered is what was last heard of a name, however long ago.
func (c *Cache) remembered(path string) (Entry, knowledge) {
	if e, k := c.tree.lastEntry(path); k != unknown {
		return e, k
	}
	c.recall()
	return c.tree.lastEntry(path)
}

// rememberedList is the same of the names in a directory.
func (c *Cache) rememberedList(dir string) ([]Entry, bool) {
	if all, ok := c.tree.lastList(dir); ok {
		return all, ok
	}
	c.recall()
	return c.tree.lastList(dir)
}

// orRemembered answers a question about a name that the host was asked in vain.
func (c *Cache) orRemembered(path string, e Entry, err error) (Entry, error) {
	if err == nil || !away(err) {
		return e, err
	}
	switch e, k := c.remembered(path); k {
	case known:
		return e, nil
	case absent:
		if _, name := split(path); len(name) > maxName {
			return Entry{}, syscall.ENAMETOOLONG
		}
		return Entry{}, fmt.Errorf("%w, as far as is known: %w", syscall.ENOENT, err)
	}
	return e, err
}

// lastList gives all entries that a directory was ever known to have, if it was
// known to have no others.
func (t *tree) lastList(dir string) ([]Entry, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, n, _ := t.findLocked(dir)
	if n == nil || n.full() == 0 {
		return nil, false
	}
	all := make([]Entry, 0, len(n.kids()))
	for name, k := range n.kids() {
		if k.ino != 0 {
			all = append(all, Entry{Name: name, Target: k.target(), Attr: k.attr()})
		}
	}
	return all, true
}

// hasOld tells whether the contents of a version are here, or are now from the
// books of the disk, of which it is not certain that they did not change in the
// moment in which they were fetched. There are no better ones.
func (f *File) hasOld(a Attr) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.obj != nil && f.fill == nil && sameVersion(f.base, a) {
		return true
	}
	if o, have, ok := f.c.disk.takeOld(a); ok {
		return f.adoptLocked(o, a, have, true) == nil
	}
	if a.Size > 0 {
		return false
	}
	o, err := f.c.disk.create()
	return err == nil && f.adoptLocked(o, a, wholeOf(0), true) == nil
}
