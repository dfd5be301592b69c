package cache

// How a file is let go of.

// release is the end of a handle. Changes that are still there (a mapping
// may write after the last close) are sent by somebody nobody waits for. A
// file that is clean goes into the books of the disk.
func (f *File) release() {
	if f.releaseLast() {
		f.c.wg.Go(f.sendLeft)
		return
	}
	f.retire()
}

// releaseHere is release by a goroutine of the cache itself. Close waits for that
// after it has waited for all that others have released.
func (f *File) releaseHere() {
	if f.releaseLast() {
		f.sendLeft()
		return
	}
	f.retire()
}

// releaseLast tells whether the last handle has left changes.
func (f *File) releaseLast() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refs--
	return f.refs == 0 && f.dirty && !f.queued && !f.stuck && len(f.paths) > 0
}

func (f *File) sendLeft() {
	if err := f.store(f.c.ctx); err != nil {
		f.c.log.Warn("a file could not be stored; its contents are kept here", "path", f.path(), "err", err)
	}
	f.retire()
}

// retire lets go of a file that is not open any more and has nothing to
// send.
func (f *File) retire() {
	c := f.c
	c.mu.Lock()
	defer c.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	named := len(f.paths) > 0
	if f.refs > 0 || f.dirty && named || c.files[f.ino] != f {
		return
	}
	delete(c.files, f.ino)
	for _, p := range f.paths {
		dir, base := split(p)
		c.removeLiveLocked(dir, base)
	}
	f.putAwayLocked(named)
}

// putAwayLocked gives clean contents to the books, and removes all others.
func (f *File) putAwayLocked(named bool) {
	if f.obj == nil {
		return
	}
	have := f.haltLocked()
	if named && !f.dirty && f.base.Ino != 0 && (len(have) > 0 || f.base.Size == 0) {
		f.c.disk.keep(f.obj, f.base, f.racy, have)
		f.c.compact()
	} else {
		f.abandonLocked()
		f.c.disk.discard(f.obj)
	}
	f.obj = nil
}

// compact rewrites the index when most of it is history.
func (c *Cache) compact() {
	if !c.disk.grown() {
		return
	}
	if err := c.disk.rewrite(c.ino); err != nil {
		c.log.Warn("the index of the cache cannot be written", "err", err)
	}
}

// shut closes a file at the end of the mount; changes stay in the log.
func (f *File) shut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.obj == nil:
	case f.dirty && len(f.paths) > 0:
		f.obj.close()
		f.obj = nil
		if f.kept != nil {
			f.kept.obj.close()
			f.kept = nil
		}
	default:
		f.putAwayLocked(len(f.paths) > 0)
	}
}
