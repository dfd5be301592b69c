package cache

import (
	"context"
	"syscall"
)

// Flags of Rename, with the values of renameat2(2).
const (
	NoReplace = 1
	Exchange  = 2
)

// Rename is renameat2(2).
func (c *Cache) Rename(ctx context.Context, from, to string, flags uint32) error {
	was, err := c.Lookup(ctx, from)
	if err != nil {
		return err
	}
	if done, err := c.renameLater(ctx, from, to, flags); done || err != nil {
		return err
	}
	if err := c.backlog.settle(ctx, from, to); err != nil {
		return err
	}
	enter := c.names.share
	if isDir(was.Attr) || flags&Exchange != 0 {
		enter = c.names.exclude // paths of other files change too
	}
	leave, err := enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if isDir(was.Attr) && flags&Exchange == 0 && from != to && c.hasOurs(to) {
		return syscall.ENOTEMPTY
	}
	vacant, unlock, err := c.lockNames(ctx, from, to)
	if err != nil {
		return err
	}
	defer unlock()
	if err := c.unaware(ctx, "rename", from); err != nil {
		return err
	}
	if flags == 0 {
		if err := c.unaware(ctx, "rename", to); err != nil {
			c.setBeside(ctx, from, to)
			return err
		}
	}
	return c.rename(ctx, from, to, flags, vacant)
}

// lockNames locks the files that have two names, whichever they are once they
// are locked. Those that are not open are locked too: who opens one meanwhile
// would take our change for a foreign one. It reports whether the host has said just
// now that it does not have the second.
func (c *Cache) lockNames(ctx context.Context, from, to string) (vacant bool, unlock func(), err error) {
	stamp := c.tree.stamp()
	vacant = c.identify(ctx, from)
	if to != from {
		vacant = c.identify(ctx, to)
	}
	for {
		a, b := c.holdAt(from), c.holdAt(to)
		unlock, err := lockAll(ctx, a, b)
		if err != nil {
			letGo(a, b)
			return false, nil, err
		}
		done := func() { unlock(); letGo(a, b) }
		if c.owns(a, from) && c.owns(b, to) {
			dir, name := split(to)
			return vacant && !c.tree.changed(dir, name, stamp), done, nil
		}
		done()
	}
}

// identify asks the host which file has a name if that was forgotten, as after
// a change that failed. What it says to a change of the name itself is soon
// heard anyway. Where names that do not exist are not remembered, every new
// one would be asked about. It reports whether the host has said that there is no
// such name.
func (c *Cache) identify(ctx context.Context, path string) (gone bool) {
	if _, k := c.tree.last(path); k == unknown && c.o.Timeouts.Dir > 0 && c.liveAt(path) == nil {
		_, err := c.stat(ctx, path)
		return isGone(err)
	}
	return false
}

// lockAll locks files in the order of their numbers; some may be nil.
func lockAll(ctx context.Context, a, b *File) (func(), error) {
	if b != nil && (a == nil || b.ino < a.ino) {
		a, b = b, a
	}
	if a == nil {
		return func() {}, nil
	}
	unlockA, err := a.lock(ctx)
	if err != nil || b == nil || a == b {
		return unlockA, err
	}
	unlockB, err := b.lock(ctx)
	if err != nil {
		unlockA()
		return nil, err
	}
	return func() { unlockB(); unlockA() }, nil
}

// rename renames what has a name to another, of which the host has said, perhaps, that
// it does not have it.
func (c *Cache) rename(ctx context.Context, from, to string, flags uint32, vacant bool) error {
	return c.renameBy(ctx, from, to, flags, func() (Attr, error) { return c.renameThere(ctx, from, to, flags, vacant) })
}

// renameBy is rename with what renames on the host, unless it is an exchange.
func (c *Cache) renameBy(ctx context.Context, from, to string, flags uint32, there func() (Attr, error)) error {
	src, dst := c.openAt(from), c.openAt(to)
	for _, f := range []*File{src, dst} {
		if f == nil || f == dst && flags == 0 {
			continue
		}
		if err := f.exists(ctx); err != nil {
			return err
		}
	}
	if dst != nil {
		if _, ours := dst.authority(); ours && flags&NoReplace != 0 {
			return syscall.EEXIST
		}
	}
	if flags == 0 && dst != nil && dst != src {
		if err := dst.rescue(ctx); err != nil {
			return err
		}
		if err := c.keepName(ctx, dst, dst.baseAttr(), to); err != nil {
			return err
		}
	}
	if flags&Exchange != 0 {
		return c.exchange(ctx, from, to)
	}
	old, known1 := c.known(from)
	over, known2 := c.tree.last(to)
	same := src != nil && src == dst || c.tree.sameFile(from, to)
	stay := func() {}
	if flags == 0 && !same {
		stay = c.makeWay(dst, over, known2)
	}
	a, err := there()
	if err != nil {
		stay()
		return c.failed(err, from, to)
	}
	c.changed(from, to)
	if linked(a) && (same || known2 == unknown || idOf(over) == idOf(a)) && c.remainsAt(ctx, from) {
		return nil // two names of one file: rename(2) does nothing
	}
	if linked(a) {
		c.tree.expireLinks(idOf(a)) // before the one name that is known anew
	}
	c.tree.move(from, to, a)
	c.relink(from, a, -1)
	c.relink(to, a, 1)
	if known2 == known && !same {
		c.relink(to, over, -1)
	}
	ino := c.ino.number(idOf(a))
	if src != nil {
		ino = src.ino
	}
	c.replaced(ctx, over, known2, to, ino)
	c.renamed(from, to, false)
	c.conflicts.moved(from, to)
	if src != nil {
		src.rebound(a)
	} else if known1 == known {
		c.disk.rebind(old.Attr, a)
	}
	return nil
}

// remainsAt asks the host whether it still has a name.
func (c *Cache) remainsAt(ctx context.Context, path string) bool {
	_, err := c.stat(ctx, path)
	return !isGone(err)
}

// makeWay is leave for what a rename is about to replace.
func (c *Cache) makeWay(dst *File, over Attr, k knowledge) (stay func()) {
	if dst != nil {
		return c.ino.leave(dst.ino, dst.baseAttr())
	}
	return c.leave(over, k)
}

func (f *File) baseAttr() Attr {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.base
}

// replaced takes in that a rename has given the name of what was there to the
// file of a number.
func (c *Cache) replaced(ctx context.Context, over Attr, k knowledge, to string, ino uint64) {
	if dst := c.liveAt(to); dst != nil && dst.ino != ino {
		c.unname(to)
		if dst.opened() {
			c.lost(ctx, dst, dst.baseAttr())
			return
		}
	}
	c.dropped(ctx, over, k)
}

// exchange swaps two names, and those of what is open below them. Nobody gets
// a name there meanwhile by what he knows of the host: the tree says so until
// it is told of the end, in one step with the names.
func (c *Cache) exchange(ctx context.Context, from, to string) error {
	if c.Offline() {
		return syscall.EHOSTUNREACH // before anything is forgotten for it
	}
	a, _ := c.tree.last(from)
	b, _ := c.tree.last(to)
	done := c.tree.exchange(from, to)
	_, err := c.remote.Rename(ctx, from, to, Exchange)
	c.changed(from, to)
	c.mu.Lock()
	done(err == nil)
	if err == nil {
		c.renamedLocked(from, to, true)
	}
	c.mu.Unlock()
	if err != nil {
		return c.failed(err, from, to)
	}
	c.relink(from, a, -1)
	c.relink(from, b, 1)
	c.relink(to, b, -1)
	c.relink(to, a, 1)
	return nil
}
