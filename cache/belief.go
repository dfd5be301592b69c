package cache

import (
	"syscall"
	"time"
)

// What the kernel is told it may believe by itself for a while. It is never
// more than what is left of what is believed here, so that the two do not add
// up.

// Belief tells for how long a name, and attributes that were returned for
// it, are believed from now on. It is nothing if they are not what is known of
// the name any more; the attributes of a file with unsent changes become others
// when the host has it.
func (c *Cache) Belief(path string, a Attr) (name, attr time.Duration) {
	if f := c.liveAt(path); f != nil {
		if _, ours := f.authority(); ours {
			return c.o.Timeouts.Stat, 0
		}
	}
	if _, k := c.backlog.look(path); k == known {
		return c.o.Timeouts.Stat, 0
	}
	was, at, ok := c.tree.learned(path)
	was.Ino = a.Ino
	if !ok || was != a {
		return 0, 0
	}
	left := max(0, c.o.Timeouts.Stat-time.Since(at))
	return left, left
}

// Absence tells for how long it is believed from now on that there is no such
// name.
func (c *Cache) Absence(path string) time.Duration {
	if c.liveAt(path) != nil || !c.tree.absent(path) {
		return 0
	}
	dir, _ := split(path)
	at, _ := c.tree.names(dir)
	left := max(0, c.o.Timeouts.Dir-time.Since(at))
	if c.o.Watched { // the kernel cannot be told of a name that it does not have
		left = min(left, time.Second)
	}
	return left
}

// Names identifies the names in a directory: two that are equal were of the
// same names and inode numbers. The zero value says that they have to be
// asked for.
type Names struct{ version, stamp uint64 }

// Names tells which names a directory has, as far as that is believed.
func (c *Cache) Names(dir string) Names {
	if len(c.backlog.in(dir)) > 0 || c.backlog.isFresh(dir) {
		return Names{}
	}
	at, n := c.tree.names(dir)
	if time.Since(at) >= c.o.Timeouts.Dir {
		return Names{}
	}
	return n
}

// learned are the attributes of a path, and the moment when they were.
func (t *tree) learned(path string) (Attr, time.Time, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, n, _ := t.findLocked(path)
	if n == nil || n.at == 0 || t.linkChangedLocked(n) {
		return Attr{}, time.Time{}, false
	}
	return n.attr(), n.at.time(), true
}

// absent tells whether a directory's names are known, and one is not among
// them.
func (t *tree) absent(path string) bool {
	_, k := t.last(path)
	return k == absent
}

// names tells when all names of a directory were learned, and which they
// were.
func (t *tree) names(dir string) (time.Time, Names) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, n, _ := t.findLocked(dir)
	if n == nil || n.full() == 0 {
		return time.Time{}, Names{}
	}
	return n.full().time(), Names{n.more.named, max(n.stamp, t.moved) + 1}
}

// namedLocked counts a change of the names that are known of a directory.
func (t *tree) namedLocked(dir *node) {
	t.named++
	dir.needMore().named = t.named
}

// sameNames tells whether a listing has the names and the files that a
// directory was known to have.
func sameNames(n *node, entries []Entry) bool {
	if n.full() == 0 || len(n.kids()) != len(entries) {
		return false
	}
	for _, e := range entries {
		k := n.kids()[e.Name]
		if k == nil || k.id() != idOf(e.Attr) || (k.common.Value().mode^e.Attr.Mode)&syscall.S_IFMT != 0 {
			return false
		}
	}
	return true
}
