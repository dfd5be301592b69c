package cache

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"syscall"
	"time"
)

// Keep says which side of a conflict stays.
type Keep int

const (
	KeepOurs Keep = iota
	KeepTheirs
	KeepCopies // both
)

// ErrNoConflict says that nothing is to be resolved under a name.
var ErrNoConflict = errors.New("nothing is in conflict or unsent under this name")

// ErrSeveral says that a file has several copies.
var ErrSeveral = errors.New("it has several copies: name the copy")

// ErrBusy says that changes are on their way, and that nothing has gone wrong.
var ErrBusy = errors.New("a program is changing it, and nothing has gone wrong yet")

// ErrChanged says that the host has another version of a file than was shown
// here last.
var ErrChanged = errors.New("it was changed on the host since it was looked at here: look again")

// Resolve ends a conflict, or the waiting of a file that cannot be stored. The
// path is that of the file or of the copy. Contents of ours that the host is
// not given stay on the local disk, in the file saved.
func (c *Cache) Resolve(ctx context.Context, path string, keep Keep) (saved string, err error) {
	if f := c.liveAt(path); f != nil && f.unsent() {
		return c.resolveUnsent(ctx, f, keep)
	}
	found, err := c.conflicts.find(path)
	if err != nil {
		return "", err
	}
	c.conflicts.untold.seen(found.Path)
	switch keep {
	case KeepOurs:
		err = c.promote(ctx, found)
	case KeepTheirs:
		if err = c.Unlink(ctx, found.Copy); isGone(err) {
			err = nil
		}
		c.tell(Notice{Path: found.Copy})
	}
	if err == nil {
		c.conflicts.forget(func(x Conflict) bool { return x == found })
	}
	return "", err
}

// find is the one conflict of a file, or that of a copy.
func (l *conflictList) find(path string) (Conflict, error) {
	var found []Conflict
	for _, x := range l.list() {
		if x.Copy == path {
			return x, nil
		}
		if x.Path == path {
			found = append(found, x)
		}
	}
	switch len(found) {
	case 0:
		return Conflict{}, ErrNoConflict
	case 1:
		return found[0], nil
	}
	return Conflict{}, ErrSeveral
}

// promote puts a copy in the place of the host's file, if that is what was
// last shown here.
func (c *Cache) promote(ctx context.Context, x Conflict) error {
	if f := c.liveAt(x.Path); f != nil && f.unsent() {
		return ErrBusy
	}
	if f := c.liveAt(x.Copy); f != nil {
		if err := f.store(ctx); err != nil {
			return err
		}
	}
	leave, err := c.names.share(ctx)
	if err != nil {
		return err
	}
	defer leave()
	_, unlock, err := c.lockNames(ctx, x.Copy, x.Path)
	if err != nil {
		return err
	}
	defer unlock()
	over, err := c.decidedAbout(ctx, x.Path)
	if err != nil {
		return err
	}
	err = c.renameBy(ctx, x.Copy, x.Path, 0, func() (Attr, error) {
		return c.remote.RenameIf(ctx, x.Copy, x.Path, nil, &over)
	})
	if errors.Is(err, syscall.ESTALE) {
		if _, err := c.stat(ctx, x.Copy); err != nil {
			return err
		}
		if _, err := c.stat(ctx, x.Path); isGone(err) {
			c.tree.forget(x.Path)
		}
		return ErrChanged
	}
	c.tell(Notice{Path: x.Copy})
	c.tell(Notice{Path: x.Path})
	return err
}

// decidedAbout is the version of the host's file that a person decides about:
// what was last known of it here, or, where nothing was, what it is now.
func (c *Cache) decidedAbout(ctx context.Context, path string) (Attr, error) {
	switch a, k := c.tree.last(path); k {
	case known:
		return a, nil
	case absent:
		return Attr{}, nil
	}
	e, err := c.stat(ctx, path)
	if isGone(err) {
		return Attr{}, nil
	}
	return e.Attr, err
}

// resolveUnsent decides about a file that could not be stored.
func (c *Cache) resolveUnsent(ctx context.Context, f *File, keep Keep) (saved string, err error) {
	leave, err := c.names.share(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	unlock, err := f.lock(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	name := f.path()
	if !f.inTrouble() {
		return "", ErrBusy
	}
	defer c.tell(Notice{Path: name})
	switch keep {
	case KeepOurs:
		err = f.overrule(ctx, name)
	case KeepTheirs:
		f.abandonTemps(ctx)
		return f.giveUp()
	default:
		err = f.keepBoth(ctx, name)
		if errors.Is(err, syscall.ESTALE) && !f.unsent() {
			err = nil // which says that ours is beside it
		}
	}
	f.calm(err)
	f.retire()
	return "", err
}

// inTrouble tells whether changes are here that will not go by themselves.
func (f *File) inTrouble() bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.dirty && (f.stuck || f.trouble.err != nil || f.refs == 0)
}

// calm takes in how a decision went.
func (f *File) calm(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.trouble.err = err
	f.stuck = f.stuck && err != nil
}

// keptDir has the contents that a person has given up, until a person removes
// them.
const keptDir = "kept"

// giveUp drops changes that the host does not take. The contents stay on the
// disk under another name. Called with the file locked.
func (f *File) giveUp() (saved string, err error) {
	f.mu.RLock()
	object := f.obj.name
	f.mu.RUnlock()
	d := f.c.disk
	if err := d.root.Mkdir(keptDir, 0o700); err != nil && !errors.Is(err, syscall.EEXIST) {
		return "", err
	}
	name := path.Join(keptDir, fmt.Sprintf("%s-%s", time.Now().UTC().Format("20060102T150405Z"), object))
	if err := d.root.Link(path.Join("objects", object), name); err != nil {
		return "", fmt.Errorf("the contents cannot be kept, so nothing was dropped: %w", err)
	}
	f.yield()
	return filepath.Join(d.dir, name), nil
}
