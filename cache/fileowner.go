package cache

import "slices"

// Which file has a name or a number, for who works on it without a handle.

// holdAt is the regular file that has a name, as far as is known, for who
// works on it without a handle, be it open or not: it is not let go of before
// letGo.
func (c *Cache) holdAt(name string) *File {
	c.mu.Lock()
	defer c.mu.Unlock()
	ino := c.ownerLocked(name)
	if ino == 0 {
		return nil
	}
	return c.acquireLocked(ino)
}

// holdFor is holdAt for who knows the number. What is known to be something
// else than a regular file cannot be opened here, and needs no File.
func (c *Cache) holdFor(path string, ino uint64) *File {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a, ok := c.tree.peek(path); ok && !isRegular(a) && c.files[ino] == nil {
		return nil
	}
	return c.acquireLocked(ino)
}

// owns tells whether a file, or none, is the one that holdAt would give.
func (c *Cache) owns(f *File, name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	ino := c.ownerLocked(name)
	if f == nil {
		return ino == 0
	}
	return ino == f.ino
}

// ownerLocked is the number of the regular file that has a name, as far as is
// known, or 0.
func (c *Cache) ownerLocked(name string) uint64 {
	dir, base := split(name)
	if f := c.live[dir][base]; f != nil {
		return f.ino
	}
	if a, ok := c.peek(name); ok && isRegular(a) {
		return c.numberLocked(name, a)
	}
	return 0
}

// numberOf is the inode number of what the host has under a name. When the host
// gives the inode of a file that is open here, and gone there, to another file,
// then that one has to have another number.
func (c *Cache) numberOf(name string, a Attr) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.numberLocked(name, a)
}

func (c *Cache) numberLocked(name string, a Attr) uint64 {
	n := c.ino.number(idOf(a))
	if f := c.files[n]; f != nil && f.lostTo(name, a) {
		c.ino.gone(n)
		return c.ino.number(idOf(a))
	}
	return n
}

// lostTo tells whether what the host has under a name is another file that has
// got the inode of this one: it has no second name, which could be one of ours,
// and is not what this one was either when it was renamed.
func (f *File) lostTo(name string, a Attr) bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.obj == nil || f.base.Ino == 0 || slices.Contains(f.paths, name) {
		return false
	}
	return !isRegular(a) || !linked(a) && !sameContents(f.base, a)
}

func letGo(files ...*File) {
	for _, f := range files {
		if f != nil {
			f.release()
		}
	}
}

func (c *Cache) byNumber(ino uint64) *File {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.files[ino]
}
