package cache

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
)

// Renames of what the host has, and removals of directories, are the host's to
// decide, and wait for it only while it is away. They are made on it in their
// turn, as far as that can be done without losing anything of others.

// apart tells whether the host is away, so that what it has to decide waits too.
func (c *Cache) apart() bool { return c.Offline() || c.o.WriteBack && c.backlog.isAway() }

// isAway tells whether the host could not be told of the backlog when that was
// tried last.
func (b *backlog) isAway() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lost != nil
}

// moveLater renames a file or symbolic link that the host has, to a free name or
// over a file. It reports whether that can wait. The names are shared, and the
// files locked.
func (c *Cache) moveLater(ctx context.Context, from, to string, flags uint32) (bool, error) {
	src, dst := c.openAt(from), c.openAt(to)
	if src != nil && src.filling() != nil || dst != nil && (src == dst || dst.filling() != nil) || !c.defers(from) || !c.defers(to) {
		return false, nil
	}
	e, err := c.entry(ctx, from)
	if err != nil {
		return false, err
	}
	over, there, err := c.supplants(ctx, to, dst)
	switch {
	case err != nil:
		return false, err
	case isDir(e.Attr) || linked(e.Attr) || e.Attr.Dev == hereDev || !c.sameDevice(e.Attr, to):
		return false, nil
	case flags == NoReplace && (there || dst != nil):
		return false, syscall.EEXIST
	case there && (!isRegular(over) || linked(over) || over.Dev == hereDev || idOf(over) == idOf(e.Attr)):
		return false, nil
	}
	ch := &change{kind: renaming, path: from, to: to, entry: e, base: c.backlog.version(from, e.Attr), over: over}
	if dst != nil {
		ch.doubt = dst.takeRest()
	}
	if err := c.postpone(ch); err != nil {
		if dst != nil {
			dst.giveBack(ch.doubt)
		}
		return false, err
	}
	c.displace(to, dst)
	c.supplanted(dst)
	if src != nil {
		src.follows()
	}
	c.renamed(from, to, false)
	c.conflicts.moved(from, to)
	if src != nil {
		src.requeue()
	}
	return true, nil
}

// sameDevice tells whether a directory is in the file system of a file.
func (c *Cache) sameDevice(a Attr, path string) bool {
	dir, _ := split(path)
	d, ok := c.peek(dir)
	return ok && d.Dev == a.Dev
}

// follows puts what is to be stored of a file behind all changes that there are.
func (f *File) follows() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.kept != nil {
		f.kept.place = f.c.backlog.number()
	}
	f.place = 0
}

// settleRename waits until the host has a name that a file is to get there.
func (b *backlog) settleRename(ctx context.Context, path string) error {
	return b.wait(ctx, func(ch *change) bool { return ch.gives(path) })
}

// renamesTo tells whether the host is to give a name, and if so why it cannot be
// told now.
func (b *backlog) renamesTo(path string) (waits bool, lost error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.ContainsFunc(b.waiting, func(ch *change) bool { return ch.gives(path) }) {
		return false, nil
	}
	return true, b.lost
}

// gives tells whether a change gives a name to what has another.
func (ch *change) gives(path string) bool { return ch.kind == renaming && ch.to == path }

// renameAsSeen renames what is there, unless it would replace something else
// than was there when that was asked for: then it gets a name beside it.
func (c *Cache) renameAsSeen(ctx context.Context, ch *change) (Attr, error) {
	if err := c.discard(ctx, ch.doubt.temps); untold(err) {
		return Attr{}, err
	}
	a, err := c.remote.RenameIf(ctx, ch.path, ch.to, nil, &ch.over)
	if !errors.Is(err, syscall.ESTALE) && !isGone(err) {
		return a, err
	}
	now, tostat := c.remote.Stat(ctx, ch.to)
	switch {
	case tostat == nil && isOneOf(now.Attr, ch.doubt.tried): // a store of ours whose answer was lost
		if a, err := c.remote.RenameIf(ctx, ch.path, ch.to, nil, &now.Attr); !errors.Is(err, syscall.ESTALE) {
			return a, err
		}
	case tostat == nil && idOf(now.Attr) == idOf(ch.base):
		return now.Attr, nil // done by an attempt whose answer was lost
	case tostat != nil && !isGone(tostat):
		return Attr{}, tostat
	}
	if _, err := c.remote.Stat(ctx, ch.path); err != nil {
		return Attr{}, err
	}
	switch {
	case isGone(tostat):
		return c.remote.Rename(ctx, ch.path, ch.to, NoReplace) // there is nothing to lose
	case c.o.Conflict == Local:
		return c.remote.Rename(ctx, ch.path, ch.to, 0)
	}
	return c.renameBeside(ctx, ch)
}

// renameBeside ends a rename whose target somebody else has changed.
func (c *Cache) renameBeside(ctx context.Context, ch *change) (Attr, error) {
	c.conflicts.untold.add(ch.to)
	for try := range 100 {
		name := copyName(ch.to, "conflict", c.o.Hostname, try)
		a, err := c.remote.RenameIf(ctx, ch.path, name, nil, &Attr{})
		if errors.Is(err, syscall.ESTALE) {
			continue
		}
		if err == nil {
			c.log.Warn("a file was to be renamed over another that was changed on the host; it was kept beside it", "path", ch.path, "to", ch.to, "copy", name)
			c.conflicts.add(Conflict{Kind: "conflict", Path: ch.to, Copy: name})
			c.tree.forget(ch.to)
			c.renamed(ch.to, name, false)
			c.backlog.redirect(ch, name)
			c.tell(Notice{Path: ch.to})
		}
		return a, err
	}
	return Attr{}, fmt.Errorf("there are too many copies of %s: %w", ch.to, syscall.EEXIST)
}

// redirect says that a rename has given another name than was asked for.
func (b *backlog) redirect(ch *change, to string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hideLocked(ch)
	ch.to = to
}

// renamedThere takes in that the host has made a rename of the backlog.
func (c *Cache) renamedThere(ctx context.Context, ch *change, a Attr) {
	c.changed(ch.path, ch.to)
	c.tree.move(ch.path, ch.to, a)
	if ch.over.Ino != 0 {
		c.dropped(ctx, ch.over, known)
	}
	if f := c.openAt(ch.to); f != nil {
		f.rebound(a)
	} else {
		c.disk.rebind(ch.base, a)
	}
	c.backlog.reversion(ch.base, a)
	c.tell(Notice{Path: ch.path})
}
