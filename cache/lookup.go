package cache

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"syscall"
	"time"
)

// What names and attributes programs see.

// Lookup finds a name: in what is known, or by a listing of its directory,
// which tells the names beside it and those that do not exist.
func (c *Cache) Lookup(ctx context.Context, path string) (Entry, error) {
	if f := c.liveAt(path); f != nil {
		if a, ok := f.authority(); ok {
			return Entry{Attr: a}, nil
		}
	}
	find := c.entry
	if path == "" {
		find = func(ctx context.Context, _ string) (Entry, error) { return c.self(ctx) }
	}
	e, err := find(ctx, path)
	if err != nil {
		return Entry{}, err
	}
	return c.out(path, e), nil
}

// entry is what the host has under a name, at most Timeout ago; or what it had
// when it was last heard of, if it cannot be reached.
func (c *Cache) entry(ctx context.Context, path string) (Entry, error) {
	e, err := c.entryNow(ctx, path)
	return c.orRemembered(path, e, err)
}

func (c *Cache) entryNow(ctx context.Context, path string) (Entry, error) {
	dir, name := split(path)
	c.uses.add(dir)
	switch e, k := c.backlog.look(path); k {
	case known:
		return e, nil
	case absent:
		if len(name) > maxName {
			return Entry{}, syscall.ENAMETOOLONG
		}
		return Entry{}, syscall.ENOENT
	}
	e, k := c.known(path)
	if len(name) > maxName {
		return c.stat(ctx, path) // no listing tells that it is too long
	}
	if k == unknown && path != "" && c.o.Timeouts.Dir > 0 {
		var err error
		if e, k, err = c.byListing(ctx, path); err != nil {
			return Entry{}, err
		}
	}
	switch k {
	case known:
		return e, nil
	case absent:
		return Entry{}, syscall.ENOENT
	}
	return c.stat(ctx, path)
}

// byListing finds a name by listing its directory. It stays unknown in a
// directory that may be passed through but not read.
func (c *Cache) byListing(ctx context.Context, path string) (Entry, knowledge, error) {
	dir, name := split(path)
	entries, err := c.listDir(ctx, dir, false)
	if errors.Is(err, syscall.EACCES) {
		return Entry{}, unknown, nil
	}
	if err != nil {
		return Entry{}, unknown, err
	}
	if e, k := c.known(path); k == known {
		return e, k, nil
	}
	e, ok := find(entries, name)
	switch {
	case ok && (linked(e.Attr) || isDir(e.Attr)): // it may be older than a change of ours under another name, or in it
		return e, stale, nil
	case ok:
		return e, known, nil
	}
	return Entry{}, absent, nil
}

func find(entries []Entry, name string) (Entry, bool) {
	for _, e := range entries {
		if e.Name == name {
			return e, true
		}
	}
	return Entry{}, false
}

// stat asks the host about one name.
func (c *Cache) stat(ctx context.Context, path string) (Entry, error) {
	stamp, at := c.tree.stamp(), time.Now()
	e, err := c.remote.Stat(ctx, path)
	if isGone(err) {
		c.vanished(path)
	}
	if err != nil {
		return Entry{}, err
	}
	e.Attr = c.backlog.without(path, e.Attr)
	c.tree.learn(path, stamp, e, at)
	return e, nil
}

// vanished takes in that the host does not have a name any more.
func (c *Cache) vanished(path string) {
	if _, k := c.tree.last(path); k == known && path != "" {
		c.tree.forget(path)
	}
}

// known is what is known of a name and still believed.
func (c *Cache) known(path string) (Entry, knowledge) {
	now := time.Now()
	return c.tree.lookup(path, now.Add(-c.o.Timeouts.Stat), now.Add(-c.o.Timeouts.Dir))
}

// Readdir lists a directory.
func (c *Cache) Readdir(ctx context.Context, dir string) ([]Entry, error) {
	live, before := c.liveIn(dir), c.backlog.in(dir)
	entries, err := c.listDir(ctx, dir, true)
	if err != nil {
		return nil, err
	}
	c.walks.given(dir)
	maps.Copy(live, c.liveIn(dir))
	return c.overlay(dir, c.merge(dir, entries, before), live), nil
}

// listDir is what the host has in a directory: what is known, on its way, or
// asked for now; or what it had, if it cannot be reached. Reading says that a
// program wants all of it.
func (c *Cache) listDir(ctx context.Context, dir string, reading bool) ([]Entry, error) {
	if c.backlog.isFresh(dir) {
		return nil, nil
	}
	c.uses.add(dir)
	entries, ok := c.listed(dir)
	if !ok {
		if err := c.onItsWay(ctx, dir, func() bool { entries, ok = c.listed(dir); return ok }); err != nil {
			return nil, err
		}
	}
	if ok {
		return entries, nil
	}
	c.walked(dir, reading)
	entries, err := c.fetchList(ctx, dir)
	if err != nil && away(err) {
		if old, ok := c.rememberedList(dir); ok {
			return old, nil
		}
	}
	return entries, err
}

// listed is what is known of a directory and still believed.
func (c *Cache) listed(dir string) ([]Entry, bool) {
	now := time.Now()
	return c.tree.list(dir, now.Add(-c.o.Timeouts.Stat), now.Add(-c.o.Timeouts.Dir))
}

// Stamp counts the changes that were made here. Taken before a Readdir it
// tells later whether an entry is still true, see Changed.
func (c *Cache) Stamp() uint64 { return c.tree.stamp() }

// Changed tells whether an entry of a directory, listed after the stamp was
// taken, may have been changed here since, or is open now.
func (c *Cache) Changed(dir, name string, stamp uint64) bool {
	_, k := c.backlog.look(join(dir, name))
	return k != unknown || c.liveAt(join(dir, name)) != nil || c.tree.changed(dir, name, stamp)
}

// fetchList asks the host for a listing. Those who want the same one at the
// same time share it; it goes on when one of them gives up.
func (c *Cache) fetchList(ctx context.Context, dir string) ([]Entry, error) {
	got := c.flight.DoChan(c.listing(dir), func() (any, error) {
		stamp, at := c.tree.stamp(), time.Now()
		self, entries, err := c.remote.List(c.ctx, dir)
		if err != nil {
			return nil, err
		}
		entries = slices.DeleteFunc(entries, func(e Entry) bool { return c.temps.made(e.Name) })
		self.Attr = c.backlog.without(dir, self.Attr)
		c.backlog.withoutAll(dir, entries)
		c.tree.learnList(dir, stamp, self, entries, at)
		return entries, nil
	})
	select {
	case r := <-got:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.([]Entry), nil
	case <-ctx.Done():
		return nil, interrupted(ctx)
	}
}

// listing names the listing of a directory among those under way. One that
// was begun before a directory was renamed is of another directory, perhaps.
func (c *Cache) listing(dir string) string { return fmt.Sprint(c.tree.movedAt(), "/", dir) }

// changed says that we have changed something in a directory: a listing
// under way may not know of it, and is not for those who ask from now on. To
// be called before the tree is told: who sees the change there must not be
// given such a listing any more.
func (c *Cache) changed(paths ...string) {
	for _, p := range paths {
		dir, _ := split(p)
		c.flight.Forget(c.listing(dir))
		c.flight.Forget(c.listing(p))
	}
}

// out is an entry as the cache returns it: with our inode number, and with
// the attributes of the file as it is open here.
func (c *Cache) out(path string, e Entry) Entry {
	if f := c.liveAt(path); f != nil {
		if a, ok := f.authority(); ok {
			e.Attr = a
			return e
		}
	}
	e.Attr.Ino = c.numberOf(path, e.Attr)
	if isDir(e.Attr) {
		e.Attr = c.backlog.changedBy(path, e.Attr)
	}
	if f := c.byNumber(e.Attr.Ino); f != nil && f.opened() {
		f.claim(path, 0)
		if a, ok := f.authority(); ok {
			e.Attr = a
		} else if a, ok := f.follow(e.Attr); ok {
			e.Attr = a
		}
	}
	return e
}

// overlay makes a listing of the host one of ours: with our inode numbers,
// and with the files that the host does not have yet or not in this state, or
// has got since it was asked: of those that were open before or after that.
func (c *Cache) overlay(dir string, entries []Entry, live map[string]*File) []Entry {
	all := make([]Entry, 0, len(entries)+len(live))
	for _, e := range entries {
		delete(live, e.Name)
		all = append(all, c.out(join(dir, e.Name), e))
	}
	for name, f := range live {
		path := join(dir, name)
		if a, ok := f.authority(); ok && c.liveAt(path) == f {
			all = append(all, Entry{Name: name, Attr: a})
		} else if a, ok := c.tree.peek(path); ok {
			all = append(all, c.out(path, Entry{Name: name, Attr: a}))
		}
	}
	return all
}

// Getattr gives the attributes of a file by its number, if it is open here,
// or else by its path, if it is named.
func (c *Cache) Getattr(ctx context.Context, path string, named bool, ino uint64) (Attr, error) {
	if f := c.byNumber(ino); f != nil {
		if a, ok := f.authority(); ok {
			return a, nil
		}
		if p := f.path(); p != "" {
			path, named = p, true
		}
	}
	if !named {
		return Attr{}, syscall.ENOENT
	}
	e, err := c.Lookup(ctx, path)
	if err == nil && path == "" {
		e.Attr.Ino = ino // also if the host has another directory there: nobody can look it up again
	}
	if err == nil && e.Attr.Ino == ino {
		return e.Attr, nil
	}
	if f := c.byNumber(ino); f != nil && f.opened() && (err == nil || isGone(err)) {
		return f.unnamed(), nil
	}
	return Attr{}, cmp.Or(err, error(syscall.ESTALE))
}

// IsOpen tells whether a file is open here, so that it can be used without
// a name.
func (c *Cache) IsOpen(ino uint64) bool {
	f := c.byNumber(ino)
	return f != nil && f.opened()
}

// Readlink gives the target of a symbolic link. ESTALE says that the name is
// something else by now, so that the kernel looks it up again.
func (c *Cache) Readlink(ctx context.Context, path string) (string, error) {
	now := time.Now()
	e, k := c.backlog.look(path)
	if k == unknown {
		e, k = c.tree.lookup(path, now.Add(-c.o.Timeouts.Link), now)
	}
	if k != known {
		var err error
		if e, err = c.entry(ctx, path); err != nil {
			return "", err
		}
	}
	if e.Attr.Mode&syscall.S_IFMT != syscall.S_IFLNK {
		return "", syscall.ESTALE
	}
	return e.Target, nil
}
