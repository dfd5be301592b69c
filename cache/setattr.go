package cache

import (
	"context"
	"errors"
	"syscall"
	"time"
)

// Setattr changes attributes of a file. Those of one that is to be stored
// anyway go with its store.
func (c *Cache) Setattr(ctx context.Context, path string, ino uint64, ch Change) (Attr, error) {
	f := c.holdFor(path, ino)
	if f != nil {
		defer f.release()
		if f.setHere(ch) {
			return f.seen(), nil
		}
	}
	if f == nil || !f.opened() || c.apart() {
		if a, done, err := c.setLater(ctx, path, ch); done || err != nil {
			if done && f != nil {
				f.wear(a)
			}
			return a, err
		}
	}
	if err := c.backlog.settle(ctx, path); err != nil {
		return Attr{}, err
	}
	if f == nil {
		return c.setattrClosed(ctx, path, ch)
	}
	return f.setattr(ctx, path, ch)
}

// setattrClosed changes attributes of what is not open.
func (c *Cache) setattrClosed(ctx context.Context, path string, ch Change) (Attr, error) {
	was, k := c.tree.lookup(path, time.Time{}, time.Time{})
	a, err := c.remote.Setattr(ctx, path, ch)
	if err != nil {
		return Attr{}, c.failed(err, path)
	}
	if k == known {
		c.disk.rebind(was.Attr, a)
	}
	return c.reattributed(path, Entry{Target: was.Target, Attr: a}), nil
}

// reattributed takes in new attributes of a file.
func (c *Cache) reattributed(path string, e Entry) Attr {
	e.Attr = c.backlog.without(path, e.Attr)
	c.changed(path)
	if linked(e.Attr) {
		c.tree.expireLinks(idOf(e.Attr))
	}
	c.tree.put(path, e)
	if e.Attr.Mode&syscall.S_IFMT == syscall.S_IFLNK && e.Target == "" {
		c.tree.expire(path) // where it points is not known
	}
	return c.out(path, e).Attr
}

// setattr is Setattr of a regular file, which has the path unless it is open.
func (f *File) setattr(ctx context.Context, path string, ch Change) (Attr, error) {
	leave, err := f.c.names.share(ctx)
	if err != nil {
		return Attr{}, err
	}
	defer leave()
	unlock, err := f.lock(ctx)
	if err != nil {
		return Attr{}, err
	}
	defer unlock()
	if !f.opened() {
		return f.c.setattrClosed(ctx, path, ch)
	}
	if err := f.exists(ctx); err != nil {
		return Attr{}, err
	}
	if f.path() == "" { // since just now
		f.setHere(ch)
		return f.seen(), nil
	}
	return f.setThere(ctx, ch)
}

// setThere sets attributes on the host. The time of the last change is part
// of a version, so one that is set hides a foreign change: that is looked
// for first.
func (f *File) setThere(ctx context.Context, ch Change) (Attr, error) {
	path, foreign := f.path(), false
	if ch.Mtime != nil {
		now, err := f.c.remote.Stat(ctx, path)
		foreign = err != nil || !sameContents(now.Attr, f.baseAttr())
	}
	a, err := f.c.remote.Setattr(ctx, path, ch)
	if err != nil {
		return Attr{}, f.c.failed(err, path)
	}
	if !foreign {
		f.reset(a, ch)
	}
	return f.c.reattributed(path, Entry{Attr: a}), nil
}

// setHere sets attributes here alone: those of a file that has no name, and
// those that go with a store to come. The owner of a file, and the mode of
// another's, are the host's to refuse.
func (f *File) setHere(ch Change) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	gone := f.obj != nil && len(f.paths) == 0
	ch = f.withoutOwnLocked(ch)
	may := f.base.Ino == 0 || f.base.UID == f.c.o.UID || f.c.o.UID == 0
	if !gone && !(may && f.awaitedLocked() && ch.UID == nil && ch.GID == nil) {
		return false
	}
	if ch == (Change{}) {
		return true
	}
	was := f.attr
	Apply(&f.attr, ch)
	if !gone && f.noteLocked(f.ended || !f.dirty) != nil {
		f.attr = was
		return false
	}
	if !gone {
		f.beginsLocked()
		f.dirty = true
	}
	if f.from != nil && f.from.seq == f.seq {
		f.from.seq++ // still a copy: only attributes change
	}
	f.seq++
	return true
}

// awaitedLocked tells whether there is a store to come that attributes can go
// with: that of changes, or the first of a file that a program has just made and
// has open, and gives the mode of another before it writes, as "sed -i" does. To be
// called by who holds the file.
func (f *File) awaitedLocked() bool {
	return f.dirty || f.blank && f.seq == 0 && f.writers == 0 && f.refs > 1
}

// withoutOwnLocked leaves out of a change the owner that a file has already, as
// tar(1) of root sets it of every file that it has just made. It stays where
// set-ID bits would be cleared by it, and where a file that the host does not
// have yet may get another group from its directory.
func (f *File) withoutOwnLocked(ch Change) Change {
	const setID = syscall.S_ISUID | syscall.S_ISGID
	may := f.attr.UID == f.c.o.UID || f.c.o.UID == 0
	if !f.awaitedLocked() || !may || f.attr.Mode&setID != 0 || ch.UID != nil && *ch.UID != f.attr.UID || ch.GID != nil && *ch.GID != f.attr.GID {
		return ch
	}
	if f.base.Ino == 0 {
		dir, _ := split(f.pathLocked())
		if a, ok := f.c.peek(dir); !ok || a.Mode&syscall.S_ISGID != 0 {
			return ch
		}
	}
	ch.UID, ch.GID = nil, nil
	return ch
}

// Apply makes a change in attributes.
func Apply(a *Attr, ch Change) {
	if ch.Mode != nil {
		a.Mode = a.Mode&syscall.S_IFMT | *ch.Mode&07777
	}
	if ch.UID != nil {
		a.UID = *ch.UID
	}
	if ch.GID != nil {
		a.GID = *ch.GID
	}
	if ch.Atime != nil {
		a.Atime = *ch.Atime
	}
	if ch.Mtime != nil {
		a.Mtime = *ch.Mtime
	}
	a.Ctime = time.Now().UnixNano()
}

// reset takes in attributes that the host has set for us. A time of the last
// change that was set makes a new version of the same contents.
func (f *File) reset(a Attr, ch Change) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dirty && f.isSetLocked(a, ch) {
		Apply(&f.attr, ch)
	}
	f.resetLocked(a, ch)
}

// isSetLocked tells whether a version is that of the file with a change of its
// attributes, and not a foreign one.
func (f *File) isSetLocked(a Attr, ch Change) bool {
	return a.Ino == f.base.Ino && a.Size == f.base.Size && (ch.Mtime != nil || a.Mtime == f.base.Mtime)
}

// resetBefore is reset for what was set before anybody opened the file: what was
// written since has other times.
func (f *File) resetBefore(a Attr, ch Change) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.resetLocked(a, ch)
}

func (f *File) resetLocked(a Attr, ch Change) {
	if !f.isSetLocked(a, ch) {
		return
	}
	f.base = a
	f.renewLocked()
	if f.dirty {
		_ = f.noteLocked(f.ended)
		return
	}
	f.attr = a
}

// Truncate sets the size of a file. Nothing is fetched for it if nobody has
// the file open and the host is there to do it.
func (c *Cache) Truncate(ctx context.Context, path string, ino uint64, size int64) (Attr, error) {
	if c.apart() {
		return c.truncateOpen(ctx, path, ino, size)
	}
	if err := c.backlog.settle(ctx, path); err != nil {
		return Attr{}, err
	}
	f := c.acquire(ino, "")
	defer f.release()
	if a, done, err := f.truncateClosed(ctx, path, size); done || err != nil {
		return a, err
	}
	return c.truncateOpen(ctx, path, ino, size)
}

// truncateClosed sets the size of a file on the host, unless it is open.
func (f *File) truncateClosed(ctx context.Context, path string, size int64) (a Attr, done bool, err error) {
	leave, err := f.c.names.share(ctx)
	if err != nil {
		return Attr{}, false, err
	}
	defer leave()
	unlock, err := f.lock(ctx)
	if err != nil {
		return Attr{}, false, err
	}
	defer unlock()
	if f.opened() {
		return Attr{}, false, nil
	}
	if err := f.c.unaware(ctx, "truncate", path); err != nil {
		return Attr{}, false, err
	}
	a, err = f.c.truncate(ctx, path, size)
	return a, true, err
}

// truncate sets the size of a file on the host.
func (c *Cache) truncate(ctx context.Context, path string, size int64) (Attr, error) {
	e, err := c.entry(ctx, path)
	if err != nil {
		return Attr{}, err
	}
	if err := c.permits(ctx, path, e.Attr, mayWrite); err != nil {
		return Attr{}, err
	}
	a, err := c.remote.Truncate(ctx, path, e.Attr, size)
	if errors.Is(err, syscall.ESTALE) { // changed there since it was asked about
		read := c.disk.read(e.Attr)
		if e, err = c.stat(ctx, path); err == nil && read != nil && c.o.Conflict != Local {
			err = changedThere("truncate", path)
		}
		if err == nil {
			a, err = c.remote.Truncate(ctx, path, e.Attr, size)
		}
	}
	if err != nil {
		return Attr{}, c.failed(err, path)
	}
	c.disk.drop(idOf(a))
	return c.reattributed(path, Entry{Attr: a}), nil
}

// truncateOpen is a truncate(2) of a file that is open: the handles see it.
func (c *Cache) truncateOpen(ctx context.Context, path string, ino uint64, size int64) (Attr, error) {
	if err := c.unaware(ctx, "truncate", path); err != nil {
		return Attr{}, err
	}
	flags := syscall.O_WRONLY
	if size == 0 {
		flags |= syscall.O_TRUNC
	}
	h, err := c.Open(ctx, path, ino, flags)
	if err != nil {
		return Attr{}, err
	}
	defer h.Release()
	if size != 0 {
		if err := h.Truncate(ctx, size); err != nil {
			return Attr{}, err
		}
	}
	if err := h.Flush(ctx); err != nil {
		return Attr{}, err
	}
	return h.Attr(), nil
}
