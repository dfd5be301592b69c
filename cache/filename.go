package cache

import "slices"

// The names of files that are open. The first lock is that of the cache, which
// has them by directory, and the second that of the file.

func (c *Cache) addPathLocked(f *File, name string) {
	dir, base := split(name)
	if c.live[dir][base] == f {
		return
	}
	if old := c.live[dir][base]; old != nil {
		if _, ours := old.authority(); ours {
			return // what it has would have nowhere to go
		}
		old.removePath(name)
	}
	if c.live[dir] == nil {
		c.live[dir] = map[string]*File{}
	}
	c.live[dir][base] = f
	f.mu.Lock()
	defer f.mu.Unlock()
	f.paths = append(f.paths, name)
}

func (f *File) removePath(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.paths = slices.DeleteFunc(f.paths, func(p string) bool { return p == name })
}

// addPath tells a file that is open of another of its names.
func (f *File) addPath(name string) {
	f.c.mu.Lock()
	defer f.c.mu.Unlock()
	if f.c.files[f.ino] == f {
		f.c.addPathLocked(f, name)
	}
}

// claim gives a file a name that the host says it has, and takes it from the
// file that had it before there. It reports whether the file has the name now:
// not if the host was asked, at the stamp, before a change of ours. Such a
// change is made in the tree first, and then to the names.
func (f *File) claim(name string, stamp uint64) bool {
	c := f.c
	c.mu.Lock()
	defer c.mu.Unlock()
	dir, base := split(name)
	if c.live[dir][base] == f {
		return true
	}
	a, ok := c.peek(name)
	if ok && c.numberLocked(name, a) != f.ino || !ok && c.tree.changed(dir, base, stamp) || c.files[f.ino] != f {
		return false
	}
	c.addPathLocked(f, name)
	return c.live[dir][base] == f
}

// unname takes a name from whatever file is open under it.
func (c *Cache) unname(name string) *File {
	c.mu.Lock()
	defer c.mu.Unlock()
	dir, base := split(name)
	f := c.live[dir][base]
	if f == nil {
		return nil
	}
	c.removeLiveLocked(dir, base)
	f.removePath(name)
	return f
}

func (c *Cache) removeLiveLocked(dir, base string) {
	delete(c.live[dir], base)
	if len(c.live[dir]) == 0 {
		delete(c.live, dir)
	}
}

// renamed moves the names of open files: of the file itself, or of all
// below a directory. An exchange moves both ways at once.
func (c *Cache) renamed(from, to string, exchange bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.renamedLocked(from, to, exchange)
}

func (c *Cache) renamedLocked(from, to string, exchange bool) {
	place := func(p string) (string, bool) {
		q, ok := moved(p, from, to)
		if !ok && exchange {
			q, ok = moved(p, to, from)
		}
		return q, ok
	}
	now := map[string]*File{}
	for _, f := range c.files {
		f.moveTemps(place)
		for _, p := range f.names() {
			if q, ok := place(p); ok {
				dir, base := split(p)
				c.removeLiveLocked(dir, base)
				f.removePath(p)
				now[q] = f
			}
		}
	}
	for q, f := range now {
		c.addPathLocked(f, q)
		f.renote()
	}
}

// moved is the new path of what was at p or below it.
func moved(p, from, to string) (string, bool) {
	if p == from {
		return to, true
	}
	if len(p) > len(from) && p[:len(from)] == from && p[len(from)] == '/' {
		return to + p[len(from):], true
	}
	return "", false
}

func (f *File) names() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.paths)
}

// path is where the file is on the host, "" if it has no name.
func (f *File) path() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pathLocked()
}

func (f *File) pathLocked() string {
	if len(f.paths) == 0 {
		return ""
	}
	return f.paths[0]
}

// liveAt is the open file under a name.
func (c *Cache) liveAt(name string) *File {
	c.mu.Lock()
	defer c.mu.Unlock()
	dir, base := split(name)
	return c.live[dir][base]
}

// openAt is liveAt for who wants nothing but a file with contents: another
// is only being opened, or worked on by its path.
func (c *Cache) openAt(name string) *File {
	f := c.liveAt(name)
	if f == nil || !f.opened() {
		return nil
	}
	return f
}

// liveIn is a copy of the open files in a directory.
func (c *Cache) liveIn(dir string) map[string]*File {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := make(map[string]*File, len(c.live[dir]))
	for name, f := range c.live[dir] {
		m[name] = f
	}
	return m
}
