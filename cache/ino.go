package cache

import "sync"

// inodes gives every file of the host an inode number of ours that stays
// the same for as long as anybody could compare it: while it is open, across
// a store (which gives the file another inode on the host), across renames
// and remounts.
//
// Most files simply have the number they have on the host. The table holds
// the exceptions: files that were stored through us (alias), and numbers
// that must not be given to another file (taken): those of aliases, and of
// files that are gone from the host but still open here.
type inodes struct {
	mu    sync.Mutex // guards the fields below
	dev   uint64     // of the root directory: its files keep their numbers
	next  uint64
	alias map[fileID]uint64
	taken map[uint64]fileID // the zero fileID: nobody on the host
}

// firstOwn is the first of the numbers that we make up. Those below it are
// the host's.
const firstOwn = 1 << 62

func newInodes(dev uint64) *inodes {
	return &inodes{dev: dev, next: firstOwn, alias: map[fileID]uint64{}, taken: map[uint64]fileID{}}
}

// number is the inode number of a file of the host.
func (t *inodes) number(id fileID) uint64 {
	if id.dev == hereDev {
		return id.ino
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if n, ok := t.alias[id]; ok {
		return n
	}
	n := t.natural(id)
	if owner, ok := t.taken[n]; ok && owner != id {
		n = t.freshLocked()
		t.bindLocked(n, id)
	}
	return n
}

// natural is the number of a file that is no exception. Files of another
// file system below the root get a mixture of both numbers; so do those
// whose numbers the kernel or FUSE reserve.
func (t *inodes) natural(id fileID) uint64 {
	if id.dev == t.dev && id.ino > 1 && id.ino < firstOwn {
		return id.ino
	}
	h := uint64(14695981039346656037) // FNV-1a, by words
	for _, w := range [2]uint64{id.dev, id.ino} {
		h = (h ^ w) * 1099511628211
		h ^= h >> 29
	}
	return h>>2 | firstOwn>>1
}

// fresh is a number that no file has.
func (t *inodes) fresh() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.freshLocked()
	t.taken[n] = fileID{}
	return n
}

func (t *inodes) freshLocked() uint64 {
	t.next++
	return t.next
}

// bind makes n the number of the file id, which has taken the place of the
// one that had it before.
func (t *inodes) bind(n uint64, id fileID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bindLocked(n, id)
}

func (t *inodes) bindLocked(n uint64, id fileID) {
	if old, ok := t.taken[n]; ok && old != id && t.alias[old] == n {
		delete(t.alias, old)
	}
	t.taken[n] = id
	if t.natural(id) == n {
		delete(t.alias, id)
		return
	}
	t.alias[id] = n
}

// gone says that no file of the host has the number any more, while it may
// still be in use here.
func (t *inodes) gone(n uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if old, ok := t.taken[n]; ok && t.alias[old] == n {
		delete(t.alias, old)
	}
	t.taken[n] = fileID{}
}

// leave says that a file is about to lose its inode on the host, which may
// give that to another file before we hear that it is done: from now on it is
// not the file's. If it is not done after all, stay takes it back.
func (t *inodes) leave(n uint64, a Attr) (stay func()) {
	if a.Ino == 0 || linked(a) {
		return func() {}
	}
	t.gone(n)
	return func() { t.bind(n, idOf(a)) }
}

// forget says that nobody here remembers the number: if its file is gone it
// can be given to another.
func (t *inodes) forget(n uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if id, ok := t.taken[n]; ok && (id == fileID{} || t.alias[id] != n) {
		delete(t.taken, n)
	}
}

// aliases are the exceptions that have to survive a remount.
func (t *inodes) aliases(yield func(fileID, uint64) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, n := range t.alias {
		if !yield(id, n) {
			return
		}
	}
}

// restore takes an alias back after a remount.
func (t *inodes) restore(id fileID, n uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n <= 1 || n >= firstOwn<<1 {
		return // not one of ours
	}
	t.next = max(t.next, n)
	t.bindLocked(n, id)
}
