package fusefs

import (
	"context"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/scpfs/scpfs/cache"
)

// The kernel can read contents that are complete from the local file itself
// (FUSE_PASSTHROUGH). All handles of a file have to agree on it, or opens fail
// with EIO: while one is open of which the kernel keeps pages, all others are
// like it; and while the kernel reads one itself, all others are of the same
// local file. Whether it does is decided when nobody has the file open.
//
// A handle that may write never begins it, as the kernel would not tell what
// was written. Where it reads a file itself already, such a handle is one without
// pages: its writes come here, and the cache looks for those of mappings.

// lending is what the kernel reads itself.
type lending struct {
	server  *fuse.Server // set before the first request
	refused atomic.Bool  // the kernel will not, or shall not

	mu   sync.Mutex // guards the fields below
	uses map[uint64]*use
}

// use is an open file, by its number.
type use struct {
	node    *Node
	handles int
	backing int32 // what the kernel knows the local file by; 0: it reads nothing itself
}

// opened makes a handle of an open file, and tells how the kernel is to use
// it: it reads the contents itself, or keeps the pages it has if they are of the
// contents that were opened.
func (n *Node) opened(request context.Context, h *cache.Handle) (fs.FileHandle, uint32, syscall.Errno) {
	fh, how := n.use(request, h)
	if !fh.lent || !h.Writes() {
		return fh, how, 0
	}
	if err := h.Watch(); err != nil {
		fh.Release(request)
		return nil, 0, n.fs.errno("open", "", err)
	}
	return fh, how | fuse.FOPEN_DIRECT_IO, 0
}

// use counts a handle, and decides how the kernel uses it.
func (n *Node) use(request context.Context, h *cache.Handle) (*handle, uint32) {
	l := &n.fs.lend
	l.mu.Lock()
	defer l.mu.Unlock()
	u := l.useLocked(n)
	u.handles++
	if n.fs.lendLocked(u, h) {
		n.pages = ""
		n.fs.leave(request, extra{backing: u.backing})
		return &handle{h, n.fs, true}, fuse.FOPEN_PASSTHROUGH
	}
	var how uint32
	if is := h.Contents(); n.pages == is {
		how = fuse.FOPEN_KEEP_CACHE
	} else {
		n.pages = is
	}
	return &handle{h, n.fs, false}, how
}

func (l *lending) useLocked(n *Node) *use {
	u := l.uses[n.ino()]
	if u == nil {
		if l.uses == nil {
			l.uses = map[uint64]*use{}
		}
		u = &use{node: n}
		l.uses[n.ino()] = u
	}
	return u
}

// leastLent is the size from which on a file is lent, in bytes. For a smaller
// one the kernel's own pages serve better, which it keeps between two opens.
const leastLent = 1 << 20

// lendLocked decides whether the kernel reads what a handle has opened.
func (f *FS) lendLocked(u *use, h *cache.Handle) bool {
	if u.backing == 0 && (u.handles > 1 || h.Writes() || h.Attr().Size < leastLent || f.lend.refused.Load()) {
		return false
	}
	fd, ok := h.Lend()
	if !ok {
		return false
	}
	if u.backing == 0 {
		id, errno := f.lend.server.RegisterBackingFd(&fuse.BackingMap{Fd: int32(fd)})
		if errno != 0 { // not root, no such kernel, or a local disk that is itself on another
			h.Return()
			f.lend.refused.Store(true)
			f.log.Debug("the kernel does not read the cache itself", "err", errno)
			return false
		}
		u.backing = id
	}
	return true
}

// closed is the end of a handle. The local file stays open until the kernel
// has been told that it is not to be read any more.
func (f *FS) closed(h *handle, ino uint64) {
	l := &f.lend
	l.mu.Lock()
	defer l.mu.Unlock()
	u := l.uses[ino]
	if u.handles--; u.handles == 0 {
		if u.backing != 0 {
			if errno := l.server.UnregisterBackingFd(u.backing); errno != 0 {
				f.log.Debug("the kernel does not let go of a file", "err", errno)
			}
		}
		delete(l.uses, ino)
	}
	if h.lent {
		h.Return()
	}
}

// node is that of an open file, or nil.
func (l *lending) node(ino uint64) *Node {
	l.mu.Lock()
	defer l.mu.Unlock()
	if u := l.uses[ino]; u != nil {
		return u.node
	}
	return nil
}
