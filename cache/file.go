package cache

import (
	"context"
	"crypto/sha256"
	"sync"
	"syscall"
	"time"
)

// File is a regular file that is open here, or has changes that the host
// does not have yet. There is one for each inode, however often it is open
// and under however many names.
type File struct {
	c   *Cache
	ino uint64

	// busy is held, also over the network, by who fetches or stores the
	// contents or changes the file's names.
	busy gate

	mu    sync.RWMutex // guards the fields below
	refs  int          // handles, and who works on it without one
	paths []string     // known names; the first is where it is stored. None: gone, or not yet linked
	base  Attr         // the version on the host that the contents derive from; Ino 0: not there yet
	attr  Attr         // as it is here
	obj   *object      // the contents; nil: not here yet
	fill  *content     // what of obj is on its way; nil: it is complete
	racy  bool         // of obj
	dirty bool         // the host does not have the contents or attributes
	noted bool         // the log knows that it is dirty
	ended bool         // the log says that what it has was flushed
	blank bool         // the host has made it for us; as long as seq is 0 it is empty
	stuck bool         // in a conflict that only a program can end
	// beside says that it has got a name beside a foreign version, of which nobody
	// was told yet.
	beside bool
	tried  []trial  // uploads of which it is not known whether the host has them
	temps  []string // names of uploads that the host may have, see temp.go
	lent   int      // how often obj is lent, see through.go
	// writers can write to obj without our knowledge, see mapped.go, and sum
	// is what it was when that was looked at last.
	writers int
	sum     [sha256.Size]byte
	seq     uint64 // counts changes of contents, for stores under way
	// over is the version that the file takes the place of when it is stored,
	// if the host does not have it yet.
	over     Attr
	queued   bool    // the backlog has what was flushed: kept, or obj
	kept     *kept   // what was flushed, if that was written to since
	underway bool    // an upload is
	failed   error   // of the last upload that nobody waited for
	place    uint64  // in the order of changes; 0: the end
	from     *origin // of contents that are a copy of another file's
	same     prefix
	trouble  trouble
	grown    growth
}

// origin says that a file's contents are those of a file on the host.
type origin struct {
	path string
	base Attr
	seq  uint64 // of the copy; a change since makes it void
}

// prefix is how much of the contents, from their beginning, is what the host
// has: in the version base, and in the one that is being stored, in bytes.
type prefix struct{ base, stored int64 }

// alteredLocked says that the contents are written to from an offset on.
func (f *File) alteredLocked(off int64) {
	f.same.base = min(f.same.base, off)
	f.same.stored = min(f.same.stored, off)
}

// acquire gives the File of an inode number to one more handle.
func (c *Cache) acquire(ino uint64, path string) *File {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.acquireLocked(ino)
	if path != "" {
		c.addPathLocked(f, path)
	}
	return f
}

func (c *Cache) acquireLocked(ino uint64) *File {
	f := c.files[ino]
	if f == nil {
		f = &File{c: c, ino: ino, busy: newGate()}
		c.files[ino] = f
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refs++
	return f
}

// opened tells whether a file has contents here. One that has none is held by
// who opens it, or by who works on it by its path, so that these take turns.
func (f *File) opened() bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.obj != nil
}

// authority gives the attributes of a file of which we know better than the
// host: it has changes, or is not there (any more).
func (f *File) authority() (Attr, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dirty || f.obj != nil && (f.base.Ino == 0 || len(f.paths) == 0) {
		return f.attrLocked(), true
	}
	return Attr{}, false
}

// attrLocked are the attributes as a program is to see them.
func (f *File) attrLocked() Attr {
	a := f.attr
	if f.grown.shown != nil {
		a = *f.grown.shown
	}
	a.Ino = f.ino
	if f.dirty && f.obj != nil {
		a.Block = f.obj.blocks()
	}
	if len(f.paths) == 0 {
		a.Nlink = 0
	}
	return a
}

// lock takes the file for something that uses the network.
func (f *File) lock(ctx context.Context) (func(), error) { return f.busy.exclude(ctx) }

func newAttr(mode uint32, o Options) Attr {
	now := time.Now().UnixNano()
	return Attr{
		Mode: syscall.S_IFREG | mode&07777, Nlink: 1, UID: o.UID, GID: o.GID,
		Atime: now - now%1000, Mtime: now, Ctime: now, // an Upload has microseconds of the first
	}
}
