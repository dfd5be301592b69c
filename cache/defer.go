package cache

import (
	"context"
	"crypto/rand"
	"strings"
	"syscall"
)

// With [Options.WriteBack] changes are made here, and the host hears of them
// from the backlog. This holds for what one can be sure of from here: a name
// that is known to be free in a directory that the account may write to. What
// only the host can decide goes to it at once.

// hereDev is the device of files that the host does not have yet: no host has
// that one. Their number is our own.
const hereDev = 1<<64 - 1

// defers tells whether a change of a name can wait.
func (c *Cache) defers(path string) bool {
	if !c.later() || path == "" {
		return false
	}
	dir, name := split(path)
	a, ok := c.peek(dir)
	// A set-group-ID directory gives its group to what is made in it, and a sticky
	// one decides by owners.
	return ok && len(name) <= maxName && a.Mode&(syscall.S_ISGID|syscall.S_ISVTX) == 0 && c.bitsPermit(a, mayWrite|mayExec)
}

// vacant is nil for a name that is free, as far as is known.
func (c *Cache) vacant(ctx context.Context, path string) error {
	if c.taken(path) {
		return syscall.EEXIST
	}
	_, err := c.entry(ctx, path)
	switch {
	case err == nil:
		return syscall.EEXIST
	case isGone(err):
		return nil
	}
	return err
}

// makeLater makes a directory or a symbolic link here.
func (c *Cache) makeLater(ctx context.Context, kind changeKind, path, target string, mode uint32) (Entry, error) {
	leave, err := c.names.share(ctx)
	if err != nil {
		return Entry{}, err
	}
	defer leave()
	if err := c.vacant(ctx, path); err != nil {
		return Entry{}, err
	}
	a := newAttr(0, c.o)
	a.Mode, a.Dev, a.Ino = mode, hereDev, c.ino.fresh()
	if a.Nlink = 1; isDir(a) {
		a.Nlink = 2
	}
	a.Size = int64(len(target))
	ch := &change{kind: kind, path: path, entry: Entry{Target: target, Attr: a}}
	if err := c.postpone(ch); err != nil {
		return Entry{}, err
	}
	return c.out(path, ch.entry), nil
}

// postpone writes a change to the log, and puts it into the backlog.
func (c *Cache) postpone(ch *change) error {
	ch.record = strings.ToLower(rand.Text())
	r := record{
		Object: ch.record, Seq: c.backlog.number(), Kind: ch.kind, Path: []byte(ch.path),
		Target: []byte(ch.entry.Target), Mode: ch.entry.Attr.Mode, Base: ch.base,
	}
	if ch.kind == setting {
		r.Set = &ch.set
	}
	if ch.kind == renaming {
		r.To, r.Over = []byte(ch.to), &ch.over
	}
	r.Tried = ch.doubt.tried
	for _, t := range ch.doubt.temps {
		r.Temps = append(r.Temps, []byte(t))
	}
	if err := c.disk.note(r); err != nil {
		return err
	}
	dir, _ := split(ch.path)
	if a, ok := c.peek(dir); ok {
		ch.links = a.Nlink
	}
	c.changed(ch.path)
	if ch.kind == renaming {
		dir, _ := split(ch.to)
		a, _ := c.peek(dir)
		ch.links2 = a.Nlink
		c.changed(ch.to)
	}
	c.backlog.add(ch)
	return nil
}

// setLater sets attributes here of what is not open. It reports whether that
// can wait. Nothing may be locked.
func (c *Cache) setLater(ctx context.Context, path string, ch Change) (Attr, bool, error) {
	if !c.later() || ch.UID != nil || ch.GID != nil {
		return Attr{}, false, nil
	}
	leave, err := c.names.share(ctx)
	if err != nil {
		return Attr{}, false, err
	}
	defer leave()
	e, err := c.entry(ctx, path)
	if err != nil {
		return Attr{}, false, err
	}
	ours := e.Attr.UID == c.o.UID || c.o.UID == 0
	if !ours || e.Attr.Mode&syscall.S_IFMT == syscall.S_IFLNK || linked(e.Attr) {
		return Attr{}, false, nil
	}
	base := c.backlog.version(path, e.Attr)
	Apply(&e.Attr, ch)
	if err := c.postpone(&change{kind: setting, path: path, entry: e, base: base, set: ch}); err != nil {
		return Attr{}, false, err
	}
	return c.out(path, e).Attr, true, nil
}

// unlinkLater removes a name here. It reports whether that can wait. Nothing may
// be locked.
func (c *Cache) unlinkLater(ctx context.Context, path string) (bool, error) {
	if !c.later() {
		return false, nil
	}
	leave, unlock, err := c.lockPaths(ctx, path, path)
	if err != nil {
		return false, err
	}
	defer leave()
	defer unlock()
	if err := c.unaware(ctx, "remove", path); err != nil {
		return false, err
	}
	if f := c.openAt(path); f != nil {
		if base := f.baseAttr(); base.Ino != 0 {
			return c.unlinkOpenLater(ctx, f, path, base)
		}
		c.conflicts.removed(path)
		return true, c.unlinkOpen(ctx, f, path)
	}
	if !c.defers(path) {
		return false, nil
	}
	e, err := c.entry(ctx, path)
	if err != nil || isDir(e.Attr) || linked(e.Attr) {
		return false, err
	}
	c.conflicts.removed(path)
	return true, c.postpone(&change{kind: removing, path: path, base: e.Attr})
}

// unlinkOpenLater removes the name of an open file that the host has.
func (c *Cache) unlinkOpenLater(ctx context.Context, f *File, path string, base Attr) (bool, error) {
	if !c.apart() || !c.defers(path) || linked(base) || f.filling() != nil {
		return false, nil
	}
	d := f.takeRest()
	if err := c.postpone(&change{kind: removing, path: path, base: base, doubt: d}); err != nil {
		f.giveBack(d)
		return false, err
	}
	c.conflicts.removed(path)
	c.unname(path)
	c.lost(ctx, f, base)
	return true, nil
}

// lockPaths shares the names, and locks the files that have two of them.
func (c *Cache) lockPaths(ctx context.Context, from, to string) (leave, unlock func(), err error) {
	leave, err = c.names.share(ctx)
	if err != nil {
		return nil, nil, err
	}
	_, unlock, err = c.lockNames(ctx, from, to)
	if err != nil {
		leave()
		return nil, nil, err
	}
	return leave, unlock, nil
}

// renameLater renames a file of which the host has not heard, perhaps over one
// that it has: the store will take that one's place. It reports whether that is
// all there is to do. Nothing may be locked.
func (c *Cache) renameLater(ctx context.Context, from, to string, flags uint32) (bool, error) {
	if !c.later() || flags&^NoReplace != 0 {
		return false, nil
	}
	leave, unlock, err := c.lockPaths(ctx, from, to)
	if err != nil {
		return false, err
	}
	defer leave()
	defer unlock()
	if c.conflicts.untold.has(from) || c.conflicts.untold.has(to) {
		return false, nil
	}
	src, dst := c.openAt(from), c.openAt(to)
	if c.apart() && (src == nil || src.baseAttr().Ino != 0) {
		return c.moveLater(ctx, from, to, flags)
	}
	if src == nil || src == dst || src.baseAttr().Ino != 0 || !c.defers(from) || !c.defers(to) {
		return false, nil
	}
	over, there, err := c.supplants(ctx, to, dst)
	switch {
	case err != nil:
		return false, err
	case flags == NoReplace && (there || dst != nil):
		return false, syscall.EEXIST
	case there && (!isRegular(over) || linked(over) || over.Dev == hereDev):
		return false, nil
	case dst != nil && dst.filling() != nil:
		return false, nil // it has to be fetched before it is gone
	}
	if err := c.removeDoubtful(src, from); err != nil {
		return false, err
	}
	c.renameHere(src, dst, from, to, over)
	return true, nil
}

// supplants tells which version the host has of what a rename would replace, if
// it has any.
func (c *Cache) supplants(ctx context.Context, to string, dst *File) (Attr, bool, error) {
	if dst != nil && dst.baseAttr().Ino == 0 {
		over := dst.overAttr()
		return over, over.Ino != 0, nil
	}
	if dst != nil {
		return dst.baseAttr(), true, nil
	}
	e, err := c.entry(ctx, to)
	if isGone(err) {
		return Attr{}, false, nil
	}
	return e.Attr, err == nil, err
}

func (c *Cache) renameHere(src, dst *File, from, to string, over Attr) {
	src.inherit(dst)
	c.displace(to, dst)
	src.moveOver(over)
	c.changed(from, to)
	c.renamed(from, to, false)
	c.supplanted(dst)
	c.conflicts.moved(from, to)
	src.requeue()
}

// displace takes the name from a file that another is about to take the place
// of, here first.
func (c *Cache) displace(to string, dst *File) {
	if dst != nil {
		c.unname(to)
	}
}

// supplanted forgets what was to be stored of a file that another has taken the
// place of, once the log says so of the other.
func (c *Cache) supplanted(dst *File) {
	if dst == nil || dst.path() != "" {
		return
	}
	c.backlog.dropStore(dst)
	c.ino.gone(dst.ino)
	dst.mu.Lock()
	dst.abandonLocked()
	dst.mu.Unlock()
	dst.retire()
}
