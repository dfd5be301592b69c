package cache

import (
	"context"
	"errors"
	"os"
	"syscall"
)

// A name that is taken away or replaced may be based on contents that the host
// has no more: who saves a file by a rename over it has read it before. So what
// was read or written here, and only that, goes along with the change, and the
// host makes it only if it still has that. Of a name that was merely listed
// nobody here knows the contents, and it goes as it would on the host itself.
//
// The error is EBUSY and not ESTALE, at which the kernel makes the call once
// more by itself. What the host has is known then, so that the same call, made
// again by a person, is based on that and goes well.

// shown is the version of a regular file whose contents are here and are what
// the name was last known to have; nil: none is.
func (c *Cache) shown(path string) *Attr {
	a, k := c.tree.last(path)
	if f := c.openAt(path); f != nil {
		base, dirty := f.basis()
		if base.Ino != 0 && (dirty || k == known && sameContents(a, base)) {
			return &base
		}
		return nil
	}
	if k == known && isRegular(a) {
		return c.disk.read(a)
	}
	return nil
}

// basis is the version that a file derives from, and whether it has changes.
func (f *File) basis() (Attr, bool) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.base, f.dirty
}

// read is the version of a file whose contents are here, or were until the host gave
// its inode to another, because somebody asked for them: the one that is known, or a
// newer one, as not every answer is taken in when names change meanwhile. Nil: none is.
func (d *disk) read(a Attr) *Attr {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, ok := d.lru.Peek(idOf(a))
	switch {
	case ok && d.wasReadLocked(s) && (sameVersion(s.attr, a) || s.attr.Ctime > a.Ctime):
		return &s.attr
	case d.displaced.Contains(versionOf(a)):
		return &a
	}
	return nil
}

func (d *disk) wasReadLocked(s stored) bool {
	_, ahead := d.ahead[s.name]
	return !ahead
}

// version is what sameContents compares.
type version struct {
	id          fileID
	size, mtime int64
}

func versionOf(a Attr) version { return version{idOf(a), a.Size, a.Mtime} }

// maxDisplaced bounds the versions that are remembered after others have taken
// their place.
const maxDisplaced = 1000

// displaceLocked remembers a version whose place in the books another takes: a host
// gives the inode of a file that somebody has replaced to the next one that is made,
// such as the upload of a save that is to replace it once more.
func (d *disk) displaceLocked(old stored, by Attr) {
	if d.wasReadLocked(old) && !sameContents(old.attr, by) {
		d.displaced.Add(versionOf(old.attr), struct{}{})
	}
}

// overShown is shown for what a rename replaces: that there was nothing is
// something to be based on as well.
func (c *Cache) overShown(path string) *Attr {
	if _, k := c.tree.last(path); k == absent && c.liveAt(path) == nil {
		return &Attr{}
	}
	return c.shown(path)
}

// removeThere removes a name on the host.
func (c *Cache) removeThere(ctx context.Context, path string) error {
	have := c.shown(path)
	if have == nil || c.o.Conflict == Local {
		return c.remote.Remove(ctx, path)
	}
	err := c.remote.RemoveIf(ctx, path, *have)
	if !errors.Is(err, syscall.ESTALE) {
		return err
	}
	e, err := c.stat(ctx, path)
	if err != nil {
		return err // it is gone, perhaps
	}
	if c.ours(path, e.Attr) {
		return c.remote.RemoveIf(ctx, path, e.Attr)
	}
	c.log.Warn("a file was not removed: it was changed on the host", "path", path)
	return changedThere("remove", path)
}

// changedThere is the error of a change of names that is based on something
// else than the host has.
func changedThere(op, path string) error {
	return &os.PathError{Op: op, Path: path, Err: syscall.EBUSY}
}

// ours tells whether what the host has under a name is a store of this mount
// whose answer was lost.
func (c *Cache) ours(path string, now Attr) bool {
	f := c.openAt(path)
	return f != nil && f.arrivedLate(now)
}

// renameThere renames on the host.
func (c *Cache) renameThere(ctx context.Context, from, to string, flags uint32, vacant bool) (Attr, error) {
	if a, k := c.tree.last(from); k == known && isDir(a) && flags == 0 {
		return c.renameDirThere(ctx, from, to, a)
	}
	old, over := c.shown(from), c.overShown(to)
	if over == nil && vacant {
		over = &Attr{}
	}
	if f := c.openAt(from); f != nil && f.unsent() {
		old = nil // what it is based on goes along, and is looked at by its store
	}
	if flags != 0 || old == nil && over == nil || c.o.Conflict == Local {
		return c.remote.Rename(ctx, from, to, flags)
	}
	a, err := c.remote.RenameIf(ctx, from, to, old, over)
	if !errors.Is(err, syscall.ESTALE) {
		return a, err
	}
	now, err := c.stat(ctx, from)
	if err != nil {
		return Attr{}, err // it is gone, perhaps
	}
	if old != nil && !sameContents(now.Attr, *old) {
		c.log.Warn("a file was not renamed: it was changed on the host", "path", from, "to", to)
		return Attr{}, changedThere("rename", from)
	}
	return c.renameOverForeign(ctx, from, to, over)
}

// renameDirThere renames a directory, if it is one still. It can take the place of an
// empty one only, where a file would replace what nobody here has seen.
func (c *Cache) renameDirThere(ctx context.Context, from, to string, dir Attr) (Attr, error) {
	a, err := c.remote.RenameIf(ctx, from, to, &dir, nil)
	if !errors.Is(err, syscall.ESTALE) {
		return a, err
	}
	if _, err := c.stat(ctx, from); err != nil {
		return Attr{}, err // it is gone, perhaps
	}
	c.log.Warn("a directory was not renamed: it is something else on the host", "path", from, "to", to)
	return Attr{}, changedThere("rename", from)
}

// renameOverForeign ends a rename whose target was changed on the host.
func (c *Cache) renameOverForeign(ctx context.Context, from, to string, over *Attr) (Attr, error) {
	now, err := c.stat(ctx, to)
	switch {
	case isGone(err) && over.Ino != 0:
		return c.remote.Rename(ctx, from, to, NoReplace) // there is nothing to lose
	case err != nil:
		return Attr{}, err
	case isDir(now.Attr):
		return Attr{}, syscall.EISDIR
	case c.ours(to, now.Attr):
		return c.remote.RenameIf(ctx, from, to, nil, &now.Attr)
	}
	c.log.Warn("a file was not renamed over another that was changed on the host", "path", from, "to", to)
	c.setBeside(ctx, from, to)
	return Attr{}, changedThere("rename", to)
}

// setBeside gives a file that was to replace another a name beside that, if both are
// to be kept: the program will remove it, perhaps, when the rename has failed.
func (c *Cache) setBeside(ctx context.Context, from, to string) {
	if c.o.Conflict != KeepBoth {
		return
	}
	for try := range 100 {
		name := copyName(to, "conflict", c.o.Hostname, try)
		err := c.rename(ctx, from, name, NoReplace, false)
		if errors.Is(err, syscall.EEXIST) {
			continue
		}
		if err != nil {
			c.log.Warn("our version keeps its name", "path", from, "err", err)
			return
		}
		c.log.Warn("our version was kept beside the host's", "path", to, "copy", name)
		c.tell(Notice{Path: from})
		c.tell(Notice{Path: name})
		c.conflicts.add(Conflict{Kind: "conflict", Path: to, Copy: name})
		return
	}
}
