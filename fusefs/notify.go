package fusefs

import (
	"path"
	"strings"
	"sync"

	"github.com/hanwen/go-fuse/v2/fs"

	"github.com/scpfs/scpfs/cache"
)

// notifier tells the kernel that something has changed that it could not
// see. It needs locks for that which are held, perhaps, by who waits for an
// answer of ours: so it is never told from within a request, but by a goroutine
// that exists while there is something to tell.
type notifier struct {
	f *FS

	mu      sync.Mutex // guards the fields below
	pending []cache.Notice
	queued  map[cache.Notice]bool // those in pending
	busy    bool
	closed  bool
	done    sync.WaitGroup
}

// add takes a notice; one that is queued already need not be told twice.
func (q *notifier) add(n cache.Notice) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.queued[n] || q.closed {
		return
	}
	if q.queued == nil {
		q.queued = map[cache.Notice]bool{}
	}
	q.queued[n] = true
	q.pending = append(q.pending, n)
	if !q.busy {
		q.busy = true
		q.done.Go(q.drain)
	}
}

func (q *notifier) drain() {
	for n, ok := q.next(); ok; n, ok = q.next() {
		switch {
		case n.Ino != 0:
			q.f.contents(n.Ino, n.From)
		case n.Below:
			q.f.below(n)
		default:
			q.f.name(n)
		}
	}
}

func (q *notifier) next() (cache.Notice, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.pending) == 0 || q.closed {
		q.busy, q.pending = false, nil
		return cache.Notice{}, false
	}
	n := q.pending[0]
	q.pending = q.pending[1:]
	delete(q.queued, n)
	return n, true
}

// close ends the telling. The mount must have ended, so that the kernel keeps
// nobody waiting.
func (q *notifier) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.done.Wait()
}

// contents has the pages of an open file forgotten, from an offset on. What was
// appended is shown only then: the kernel takes what it has of the last page
// for all of it, and a reader would get zeros.
func (f *FS) contents(ino uint64, from int64) {
	n := f.lend.node(ino)
	if n != nil {
		n.NotifyContent(from, 0)
	}
	if from > 0 {
		f.cache.Shown(ino)
		if n != nil {
			n.NotifyContent(-1, 0)
		}
	}
}

// name has the kernel look a name up again. Directories keep theirs: without
// one, who works in them could not tell where he is.
func (f *FS) name(n cache.Notice) {
	if n.Self {
		if dir := f.find(n.Path); dir != nil {
			dir.NotifyContent(-1, 0)
		}
		return
	}
	dir, base := path.Split(n.Path)
	parent := f.find(strings.TrimSuffix(dir, "/"))
	if parent == nil || n.Path == "" {
		return
	}
	parent.NotifyContent(-1, 0)
	if n.Attr {
		return
	}
	child := parent.GetChild(base)
	if child != nil {
		child.NotifyContent(-1, 0)
	}
	if child != nil && child.IsDir() && n.Gone {
		parent.NotifyDelete(base, child)
		return
	}
	if child == nil || !child.IsDir() {
		parent.NotifyEntry(base)
	}
}

// below has the kernel look up all names in a directory again.
func (f *FS) below(n cache.Notice) {
	if dir := f.find(n.Path); dir != nil {
		dir.NotifyContent(-1, 0)
		f.forget(dir, n.Deep)
	}
}

func (f *FS) forget(dir *fs.Inode, deep bool) {
	for name, child := range dir.Children() {
		if f.ctx.Err() != nil {
			return
		}
		child.NotifyContent(-1, 0)
		switch {
		case !child.IsDir():
			dir.NotifyEntry(name)
		case deep:
			f.forget(child, true)
		}
	}
}

// find is the inode that the kernel knows by a path, or nil.
func (f *FS) find(path string) *fs.Inode {
	at := f.root.EmbeddedInode()
	for path != "" && at != nil {
		var name string
		name, path, _ = strings.Cut(path, "/")
		at = at.GetChild(name)
	}
	return at
}
