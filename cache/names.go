package cache

import (
	"context"
	"errors"
	"syscall"
	"time"
)

// Create makes a regular file and opens it. With O_EXCL it is made on the
// host at once, exclusively; else the host gets it with the first flush,
// unless the directory looks as if it would refuse. EEXIST says that the
// name is taken.
func (c *Cache) Create(ctx context.Context, path string, flags int, mode uint32) (*Handle, error) {
	leave, err := c.names.share(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	if c.taken(path) {
		return nil, syscall.EEXIST
	}
	base := Attr{}
	if flags&syscall.O_EXCL != 0 && !c.later() || !c.creatable(path) {
		if base, err = c.remote.Create(ctx, path, mode); err != nil {
			return nil, c.failed(err, path)
		}
		c.changed(path)
		c.tree.put(path, Entry{Attr: base})
	} else if _, err := c.entry(ctx, path); err == nil {
		return nil, syscall.EEXIST
	} else if !isGone(err) {
		return nil, err
	}
	return c.created(path, flags, mode, base)
}

// taken tells whether a name is one of a file that is here alone: what the
// host says of the name does not count then.
func (c *Cache) taken(path string) bool {
	f := c.liveAt(path)
	if f == nil {
		return false
	}
	_, ours := f.authority()
	return ours
}

// creatable tells whether the directory of a path seems to let us make a
// file in it.
func (c *Cache) creatable(path string) bool {
	dir, name := split(path)
	a, ok := c.peek(dir)
	return ok && len(name) <= maxName && c.bitsPermit(a, mayWrite|mayExec)
}

// created opens a new file, empty here and on the host, or not there yet.
func (c *Cache) created(path string, flags int, mode uint32, base Attr) (*Handle, error) {
	o, err := c.disk.create()
	if err != nil {
		return nil, err
	}
	h := newHandle(flags)
	h.write = true // its close brings the file to the host, whatever it may do
	h.f = c.acquire(c.newNumber(base), path)
	if err := h.f.begin(o, base, mode); err != nil {
		h.f.release()
		return nil, err
	}
	return h, nil
}

// newNumber is the inode number of a file that we have made just now. A file
// that is open with it, or in use otherwise, must have lost its inode on the host.
func (c *Cache) newNumber(a Attr) uint64 {
	if a.Ino == 0 {
		return c.ino.fresh()
	}
	n := c.ino.number(idOf(a))
	if c.byNumber(n) != nil || c.inUse(n) {
		c.ino.gone(n)
		n = c.ino.number(idOf(a))
	}
	return n
}

// begin makes an object the contents of a new file. One that the host does
// not have yet is dirty from the start, if it has a name.
func (f *File) begin(o *object, base Attr, mode uint32) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.obj, f.base, f.attr = o, base, base
	if base.Ino != 0 {
		f.blank = true
		return nil
	}
	f.attr = newAttr(mode, f.c.o)
	if len(f.paths) == 0 {
		return nil
	}
	return f.touchLocked()
}

// Tmpfile makes a file without a name, which a Link can give it.
func (c *Cache) Tmpfile(flags int, mode uint32) (*Handle, error) {
	return c.created("", flags, mode, Attr{})
}

// Mkdir makes a directory.
func (c *Cache) Mkdir(ctx context.Context, path string, mode uint32) (Entry, error) {
	if c.defers(path) {
		return c.makeLater(ctx, making, path, "", syscall.S_IFDIR|mode&07777)
	}
	return c.made(ctx, path, "", func() (Attr, error) { return c.remote.Mkdir(ctx, path, mode) })
}

// Mknod makes a FIFO or a device.
func (c *Cache) Mknod(ctx context.Context, path string, mode, rdev uint32) (Entry, error) {
	return c.made(ctx, path, "", func() (Attr, error) { return c.remote.Mknod(ctx, path, mode, rdev) })
}

// Symlink makes a symbolic link.
func (c *Cache) Symlink(ctx context.Context, target, path string) (Entry, error) {
	if c.defers(path) && target != "" {
		return c.makeLater(ctx, symlinking, path, target, syscall.S_IFLNK|0o777)
	}
	return c.made(ctx, path, target, func() (Attr, error) { return c.remote.Symlink(ctx, target, path) })
}

// made takes in a name that the host has made.
func (c *Cache) made(ctx context.Context, path, target string, make func() (Attr, error)) (Entry, error) {
	if err := c.backlog.settle(ctx, path); err != nil {
		return Entry{}, err
	}
	if c.taken(path) {
		return Entry{}, syscall.EEXIST
	}
	at := time.Now()
	a, err := make()
	if err != nil {
		return Entry{}, c.failed(err, path)
	}
	c.newNumber(a)
	e := Entry{Target: target, Attr: a}
	c.changed(path)
	c.tree.putMade(path, e, at)
	c.relink(path, a, 1)
	return c.out(path, e), nil
}

// failed is the error of a change that the host refused, or may have made
// without our hearing of it: what we know of the name is not believed any
// longer.
func (c *Cache) failed(err error, paths ...string) error {
	if errors.Is(err, syscall.EHOSTUNREACH) {
		return err // the host was not asked
	}
	c.changed(paths...)
	for _, p := range paths {
		c.tree.expire(p)
		if isGone(err) || errors.Is(err, syscall.EEXIST) || errors.Is(err, syscall.ENOTEMPTY) || untold(err) {
			c.tree.forget(p)
		}
		c.tell(Notice{Path: p})
	}
	return err
}

// seen are the attributes as a program is to see them.
func (f *File) seen() Attr {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.attrLocked()
}

// unnamed are the attributes of an open file whose name somebody has taken
// away on the host.
func (f *File) unnamed() Attr {
	a := f.seen()
	a.Nlink = 0
	return a
}

// exists stores a file that the host does not have at all yet. Called with
// the file locked.
func (f *File) exists(ctx context.Context) error {
	f.mu.RLock()
	there := f.base.Ino != 0
	f.mu.RUnlock()
	if there {
		return nil
	}
	return f.storeLocked(ctx)
}

// rebound takes in the attributes after a change of ours that left the
// contents alone.
func (f *File) rebound(a Attr) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !sameContents(f.base, a) {
		return // a foreign change, to be met by the next open or store
	}
	f.base = a
	f.renewLocked()
	if !f.dirty {
		f.attr = a
		return
	}
	f.attr.Nlink, f.attr.Ctime, f.attr.UID, f.attr.GID = a.Nlink, a.Ctime, a.UID, a.GID
	if err := f.noteLocked(f.ended); err != nil {
		f.c.log.Warn("the log cannot be written", "err", err)
	}
}

// Unlink removes a name. A file that is open stays usable by its handles.
func (c *Cache) Unlink(ctx context.Context, path string) error {
	if done, err := c.unlinkLater(ctx, path); done || err != nil {
		return err
	}
	if err := c.backlog.settle(ctx, path); err != nil {
		return err
	}
	leave, err := c.names.share(ctx)
	if err != nil {
		return err
	}
	defer leave()
	vacant, unlock, err := c.lockNames(ctx, path, path)
	if err != nil {
		return err
	}
	defer unlock()
	if vacant {
		return syscall.ENOENT // what may have come since is not meant
	}
	if err := c.unaware(ctx, "remove", path); err != nil {
		return err
	}
	if f := c.openAt(path); f != nil {
		err = c.unlinkOpen(ctx, f, path)
	} else {
		err = c.unlinkClosed(ctx, path)
	}
	if err == nil {
		c.conflicts.removed(path)
	}
	return err
}

func (c *Cache) unlinkClosed(ctx context.Context, path string) error {
	a, k := c.tree.last(path)
	if k == absent { // what was there has another name by now, perhaps; what has come since is not meant
		if _, err := c.entry(ctx, path); err != nil {
			return err
		}
	}
	stay := c.leave(a, k)
	if err := c.removeThere(ctx, path); err != nil {
		stay()
		return c.failed(err, path)
	}
	c.changed(path)
	c.tree.remove(path)
	if f := c.unname(path); f != nil && f.opened() { // meanwhile
		c.lost(ctx, f, f.baseAttr())
		return nil
	}
	c.dropped(ctx, a, k)
	return nil
}

// dropped takes in that a name is gone under which nothing is open, by what
// was last known of it.
func (c *Cache) dropped(ctx context.Context, a Attr, k knowledge) {
	switch {
	case k == absent:
	case k == unknown: // it may have been a name of any file
		c.tree.expireAllLinks()
	case linked(a):
		c.tree.expireLinks(idOf(a))
		if f := c.byNumber(c.ino.number(idOf(a))); f != nil {
			c.remains(ctx, f, a) // and has one link less
		}
	default:
		c.disk.drop(idOf(a))
	}
}

// leave is that of the inode numbers, for who is about to take a name from a
// file that is not open, by what was last known of it.
func (c *Cache) leave(a Attr, k knowledge) (stay func()) {
	if k == absent || k == unknown {
		return func() {}
	}
	return c.ino.leave(c.ino.number(idOf(a)), a)
}

// unlinkOpen removes a name of a file that is open or dirty.
func (c *Cache) unlinkOpen(ctx context.Context, f *File, path string) error {
	if !c.later() {
		if err := f.ascertain(ctx, path); err != nil {
			return err
		}
	}
	base := f.baseAttr()
	if base.Ino != 0 {
		if err := f.rescue(ctx); err != nil {
			return err
		}
		if err := c.keepName(ctx, f, base, path); err != nil {
			return err
		}
		stay := c.ino.leave(f.ino, base)
		if err := c.removeThere(ctx, path); err != nil {
			stay()
			return c.failed(err, path)
		}
	}
	// In the log before the record of the file leaves it.
	if base.Ino == 0 {
		if err := c.removeDoubtful(f, path); err != nil {
			return err
		}
	}
	c.changed(path)
	c.tree.remove(path)
	c.unname(path)
	c.lost(ctx, f, base)
	return nil
}

// keepName sees to it that a file that keeps other names is known under one
// of them, or at least has its changes stored while it has this one.
func (c *Cache) keepName(ctx context.Context, f *File, base Attr, path string) error {
	if base.Nlink <= 1 || len(f.names()) > 1 {
		return nil
	}
	if other, ok := c.tree.otherName(idOf(base), path); ok {
		f.addPath(other)
		return nil
	}
	return f.storeLocked(ctx)
}

// lost takes in that a file has lost a name: its last, or one of several.
func (c *Cache) lost(ctx context.Context, f *File, base Attr) {
	if base.Nlink > 1 {
		c.tree.expireLinks(idOf(base))
	}
	if base.Nlink > 1 && c.remains(ctx, f, base) {
		return
	}
	if f.path() == "" {
		c.ino.gone(f.ino)
		f.abandonTemps(ctx)
		c.backlog.dropStore(f)
		f.mu.Lock()
		f.abandonLocked()
		f.mu.Unlock()
		f.retire()
	}
}

// remains tells whether a file still has one of the names that it is known
// by. Others may have been its names once.
func (c *Cache) remains(ctx context.Context, f *File, base Attr) bool {
	for _, name := range f.names() {
		e, err := c.stat(ctx, name)
		if err == nil && idOf(e.Attr) == idOf(base) {
			f.rebound(e.Attr)
			f.renote()
			return true
		}
		if err != nil && !isGone(err) {
			return true // perhaps
		}
		c.unname(name)
	}
	return false
}
