package cache

import (
	"cmp"
	"time"
)

// changeLocked counts a change of ours in a directory, if it has a node.
func (t *tree) changeLocked(dir *node) {
	t.now++
	if dir == nil {
		t.lost = t.now
		return
	}
	dir.stamp = t.now
}

// put records a change of our own: the name exists now, with these
// attributes. The directory's own attributes are old then if the name is
// new.
func (t *tree) put(path string, e Entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.putLocked(path, e)
}

// putMade is put of what the host was asked at a time to make: if it is a
// directory, it is known to be empty, and need not be listed. A time of zero
// says that it was there before.
func (t *tree) putMade(path string, e Entry, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, was, _ := t.findLocked(path)
	t.putLocked(path, e)
	_, n, _ := t.findLocked(path)
	// Who has heard of it already may have made something in it. And who may not
	// read it is told so by the host.
	if was == nil && n != nil && !at.IsZero() && isDir(e.Attr) && e.Attr.Mode&0o700 == 0o700 {
		t.completeLocked(n, at)
	}
}

// putLocked is put for who has locked the tree.
func (t *tree) putLocked(path string, e Entry) {
	if path == "" {
		t.changeLocked(t.root)
		t.root.set(e, momentOf(time.Now()))
		return
	}
	dir, old, name := t.findLocked(path)
	t.changeLocked(dir)
	if dir == nil {
		return
	}
	if old == nil && isDir(e.Attr) {
		dir.link(1)
	}
	if old == nil || old.id() != idOf(e.Attr) {
		t.alteredLocked(dir, path)
	}
	above, _ := split(path)
	t.setLocked(dir, name, e, momentOf(time.Now()))
	t.shrinkLocked(above)
}

// remove records that the name is gone by our own doing.
func (t *tree) remove(path string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	dir, n, name := t.findLocked(path)
	t.changeLocked(dir)
	if dir == nil {
		return
	}
	if n != nil {
		if isDir(n.attr()) {
			dir.link(-1)
		}
		dir.remove(name)
		t.dropLocked(n)
	}
	t.alteredLocked(dir, path)
}

// link counts a directory in a directory that came or went.
func (n *node) link(by int) {
	if a := n.attr(); n.ino != 0 {
		a.Nlink += uint32(by)
		n.setAttr(a)
	}
}

// move records a rename of our own; a is what is at the new name now.
func (t *tree) move(from, to string, a Attr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fromDir, n, fromName := t.findLocked(from)
	toDir, old, toName := t.findLocked(to)
	t.changeLocked(fromDir)
	t.changeLocked(toDir)
	if isDir(a) {
		t.moved = t.now
	}
	if fromDir != nil && n != nil {
		fromDir.remove(fromName)
	}
	if isDir(a) {
		moveLink(fromDir, toDir)
	}
	if fromDir != toDir {
		t.alteredLocked(fromDir, from)
	}
	if old != nil && old != n {
		if isDir(old.attr()) {
			toDir.link(-1)
		}
		toDir.remove(toName)
		t.dropLocked(old)
	}
	t.alteredLocked(toDir, to)
	if toDir == nil {
		if n != nil {
			t.dropLocked(n)
		}
		return
	}
	if n == nil {
		t.setLocked(toDir, toName, Entry{Attr: a}, 0)
		return
	}
	n.setAttr(a)
	n.at = momentOf(time.Now())
	t.enterLocked(toDir, toName, n)
}

// moveLink counts a directory that went from one to another, as far as these
// are known.
func moveLink(from, to *node) {
	if from != nil {
		from.link(-1)
	}
	if to != nil {
		to.link(1)
	}
}

// expire says that what is known of the name itself is old.
func (t *tree) expire(path string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	dir, n, _ := t.findLocked(path)
	t.changeLocked(cmp.Or(dir, n)) // the root is in no directory
	if n != nil {
		n.at = 0
	}
}

// forget says that it is not known whether a name exists.
func (t *tree) forget(path string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forgetLocked(path)
}

func (t *tree) forgetLocked(path string) {
	dir, n, name := t.findLocked(path)
	t.changeLocked(dir)
	t.untold = momentOf(time.Now())
	if dir == nil {
		return
	}
	dir.partly()
	dir.at = 0
	if n != nil {
		dir.remove(name)
		t.dropLocked(n)
	}
}

// exchange says that we are about to swap two names. Until done, which tells
// whether it has happened, the host may have either at each, so that no answer
// is kept. Afterwards nothing below them is known any more, and of the names
// only which files they are.
func (t *tree) exchange(from, to string) (done func(swapped bool)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	a, b := t.attrLocked(from), t.attrLocked(to)
	t.swapLocked(true, from, to)
	return func(swapped bool) {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.swapLocked(false, from, to)
		if swapped {
			t.supposeLocked(to, a)
			t.supposeLocked(from, b)
		}
	}
}

func (t *tree) swapLocked(begins bool, from, to string) {
	t.forgetLocked(from)
	t.forgetLocked(to)
	t.moved, t.swapping = t.now, begins
}

// attrLocked are the attributes that were last learned of a path, if any.
func (t *tree) attrLocked(path string) Attr {
	if _, n, _ := t.findLocked(path); n != nil {
		return n.attr()
	}
	return Attr{}
}

// supposeLocked says which file has a name by our own doing. Its attributes
// are old.
func (t *tree) supposeLocked(path string, a Attr) {
	if linked(a) {
		t.expireLinksLocked(idOf(a))
	}
	if dir, _, name := t.findLocked(path); dir != nil && a.Ino != 0 {
		t.setLocked(dir, name, Entry{Attr: a}, 0)
		above, _ := split(path)
		t.shrinkLocked(above)
	}
}

// expireLinks says that what is known of all names of a file with several
// links is old.
func (t *tree) expireLinks(id fileID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expireLinksLocked(id)
}

func (t *tree) expireLinksLocked(id fileID) {
	if len(t.links) >= maxLinks {
		t.expireAllLinksLocked()
	}
	t.links[id] = momentOf(time.Now())
}

// expireAllLinks says so of all such files.
func (t *tree) expireAllLinks() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expireAllLinksLocked()
}

func (t *tree) expireAllLinksLocked() {
	clear(t.links)
	t.allLinks = momentOf(time.Now())
}
