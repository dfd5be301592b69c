package cache

import (
	"context"
	"errors"
	"syscall"
)

// Link gives a file one more name.
func (c *Cache) Link(ctx context.Context, path string, ino uint64, link string) (Entry, error) {
	if c.taken(link) {
		return Entry{}, syscall.EEXIST
	}
	if err := c.backlog.settle(ctx, path, link); err != nil {
		return Entry{}, err
	}
	f := c.holdFor(path, ino)
	if f == nil {
		return c.linkClosed(ctx, path, link)
	}
	defer f.release()
	leave, err := c.names.share(ctx)
	if err != nil {
		return Entry{}, err
	}
	defer leave()
	unlock, err := f.lock(ctx)
	if err != nil {
		return Entry{}, err
	}
	defer unlock()
	if !f.opened() {
		return c.linkClosed(ctx, path, link)
	}
	return c.linkOpen(ctx, f, link)
}

// linkClosed links what is not open.
func (c *Cache) linkClosed(ctx context.Context, path, link string) (Entry, error) {
	was, err := c.entry(ctx, path)
	if err != nil {
		return Entry{}, err
	}
	a, err := c.remote.Link(ctx, path, link)
	if err != nil {
		return Entry{}, c.failed(err, path, link)
	}
	c.disk.rebind(was.Attr, a)
	return c.linked(path, link, Entry{Target: was.Target, Attr: a}), nil
}

// linked takes in a new name of a file.
func (c *Cache) linked(path, link string, e Entry) Entry {
	c.changed(path, link)
	c.tree.expireLinks(idOf(e.Attr))
	c.tree.put(link, e)
	if path != "" {
		c.tree.put(path, e)
	}
	return c.out(link, e)
}

// linkOpen links a file that is open. The host must have it first; one
// without a name is stored under the new one. Called with the file locked.
func (c *Cache) linkOpen(ctx context.Context, f *File, link string) (Entry, error) {
	path := f.path()
	if path == "" {
		return c.linkFirst(ctx, f, link)
	}
	if err := f.exists(ctx); err != nil {
		return Entry{}, err
	}
	a, err := c.remote.Link(ctx, path, link)
	if err != nil {
		return Entry{}, c.failed(err, path, link)
	}
	f.rebound(a)
	return c.linked(path, link, Entry{Attr: a}), nil
}

// storeFirst stores a file that has just got its first name.
func (f *File) storeFirst(ctx context.Context, path string) error {
	u, _, seq, err := f.upload()
	if err != nil {
		return err
	}
	defer f.landed()
	a, err := f.send(ctx, path, u)
	if err != nil {
		return err
	}
	return f.stored(path, a, seq)
}

// isCopy tells whether the host is to be asked to make the contents of those of
// another file.
func (f *File) isCopy() bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.from != nil
}

// linkFirst gives a file without a name its first.
func (c *Cache) linkFirst(ctx context.Context, f *File, link string) (Entry, error) {
	f.mu.Lock()
	lost := f.base.Ino != 0
	f.mu.Unlock()
	if lost {
		return Entry{}, syscall.ENOENT // was removed, as linkat(2) says
	}
	if _, err := c.entry(ctx, link); err == nil {
		return Entry{}, syscall.EEXIST // who has it open here keeps the name
	}
	f.addPath(link)
	f.mu.Lock()
	f.dirty = true
	f.mu.Unlock()
	err := f.storeFirst(ctx, link)
	if refused(err) && f.isCopy() {
		f.sendAll()
		err = f.storeFirst(ctx, link)
	}
	if err != nil {
		c.unname(link)
		f.mu.Lock()
		f.unnoteLocked()
		f.mu.Unlock()
		if errors.Is(err, syscall.ESTALE) {
			err = syscall.EEXIST
		}
		return Entry{}, c.failed(err, link)
	}
	return Entry{Attr: f.seen()}, nil
}
