package cache

import (
	"cmp"
	"context"
	"errors"
	"io"
	"syscall"
	"time"
)

// Handle is an open file. Its methods may be called at the same time.
type Handle struct {
	f      *File
	write  bool
	append bool
}

// Attr are the attributes of the file as it is open here.
func (h *Handle) Attr() Attr {
	h.f.mu.Lock()
	defer h.f.mu.Unlock()
	return h.f.attrLocked()
}

// Fd is the descriptor of the local file with the contents, valid until
// Release.
func (h *Handle) Fd() int {
	h.f.mu.Lock()
	defer h.f.mu.Unlock()
	return int(h.f.obj.f.Fd())
}

// Open opens a regular file, by its number and one of its names, with the
// flags of open(2). The contents are here, complete and of the version that
// the host has now (or had at most Timeout ago), when it returns.
func (c *Cache) Open(ctx context.Context, path string, ino uint64, flags int) (*Handle, error) {
	h := newHandle(flags)
	h.f = c.acquire(ino, "")
	if err := h.f.open(ctx, path, flags); err != nil {
		h.f.release()
		return nil, err
	}
	return h, nil
}

func newHandle(flags int) *Handle {
	mode := flags & syscall.O_ACCMODE
	return &Handle{write: mode == syscall.O_WRONLY || mode == syscall.O_RDWR, append: flags&syscall.O_APPEND != 0}
}

func (f *File) open(ctx context.Context, path string, flags int) error {
	unlock, err := f.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := f.current(ctx, path, flags); err != nil {
		return err
	}
	if flags&syscall.O_TRUNC != 0 {
		return f.truncate(0)
	}
	return nil
}

// current sees to it that the contents are those of the host's version now,
// or newer ones of ours. The path is one that the file is said to have. Called
// with the file locked.
func (f *File) current(ctx context.Context, path string, flags int) error {
	if _, ours := f.authority(); ours {
		return nil
	}
	path = cmp.Or(f.path(), path)
	e, err := f.entry(ctx, path)
	if err != nil {
		return err
	}
	if err := f.c.allowed(ctx, path, e.Attr, flags); err != nil {
		return err
	}
	if flags&syscall.O_TRUNC != 0 {
		return f.replace(e.Attr)
	}
	if f.has(e.Attr) {
		return nil
	}
	return f.fetch(ctx, e.Attr)
}

// entry is what the host has under a path, if it is this file.
func (f *File) entry(ctx context.Context, path string) (Entry, error) {
	for range fetches {
		stamp := f.c.tree.stamp()
		e, err := f.c.entry(ctx, path)
		if err != nil {
			return Entry{}, err
		}
		if !isRegular(e.Attr) || f.c.ino.number(idOf(e.Attr)) != f.ino {
			break
		}
		if f.claim(path, stamp) {
			return e, nil
		}
	}
	return Entry{}, syscall.ESTALE // another file has the name now: the kernel looks it up again
}

// has tells whether the contents are those of a version, or become so from
// the books of the disk.
func (f *File) has(a Attr) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dirty || f.obj != nil && sameVersion(f.base, a) && !f.racy {
		return true // dirty: somebody has written to it just now
	}
	o, ok := f.c.disk.take(a)
	if ok {
		f.adoptLocked(o, a, false)
	}
	return ok
}

// adopt makes an object the contents of a version, unless somebody has
// written to the file while it was fetched: that is newer.
func (f *File) adopt(o *object, a Attr, racy bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dirty {
		f.c.disk.discard(o)
		return
	}
	f.adoptLocked(o, a, racy)
}

// adoptLocked makes an object the contents of a version. The file is clean.
func (f *File) adoptLocked(o *object, a Attr, racy bool) {
	if f.obj != nil {
		f.c.disk.discard(f.obj)
	}
	f.obj, f.base, f.attr, f.racy = o, a, a, racy
	f.seq++
}

// replace makes the contents empty ones that will take the place of a
// version.
func (f *File) replace(a Attr) error {
	o, err := f.c.disk.create()
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dirty { // since just now
		f.c.disk.discard(o)
		return f.truncateLocked(0)
	}
	f.c.disk.drop(idOf(a))
	f.adoptLocked(o, a, false)
	f.attr.Size, f.attr.Block = 0, 0
	if err := f.touchLocked(); err != nil {
		f.racy = true // these are not the contents of a
		return err
	}
	return nil
}

// fetches is how often a file is fetched that changes meanwhile.
const fetches = 5

// fetch brings the contents from the host.
func (f *File) fetch(ctx context.Context, a Attr) error {
	for range fetches {
		stamp, at, path := f.c.tree.stamp(), time.Now(), f.path()
		if path == "" {
			return syscall.ESTALE // removed meanwhile
		}
		o, got, racy, err := f.c.fetch(ctx, path, a)
		if err == nil {
			f.c.tree.learn(path, stamp, Entry{Attr: got}, at)
			return f.fetched(o, got, racy, idOf(a))
		}
		if !errors.Is(err, errAgain) && f.path() == path {
			return err
		}
	}
	return syscall.EBUSY
}

// fetched takes in what was fetched, if it is the file that was asked for.
func (f *File) fetched(o *object, got Attr, racy bool, asked fileID) error {
	if idOf(got) != asked {
		f.c.disk.discard(o)
		return syscall.ESTALE // another file has the name now: the kernel looks it up again
	}
	f.adopt(o, got, racy)
	return nil
}

// errAgain says that a file changed while it was fetched.
var errAgain = errors.New("changed while it was fetched")

// fetch brings the contents of a file into a new object.
func (c *Cache) fetch(ctx context.Context, path string, a Attr) (*object, Attr, bool, error) {
	if err := c.disk.reserve(a.Size); err != nil {
		return nil, Attr{}, false, err
	}
	o, err := c.disk.create()
	if err != nil {
		return nil, Attr{}, false, err
	}
	w := &sparseWriter{o: o}
	settled := c.remote.Clock()
	got, err := c.remote.Fetch(ctx, path, Attr{}, func(Attr) (io.Writer, error) {
		w.off = 0
		return w, o.f.Truncate(0)
	})
	if err == nil {
		err = w.finish(got.Size)
	} else if !hasErrno(err) {
		err = errors.Join(errAgain, err)
	}
	if err != nil {
		c.disk.discard(o)
		return nil, Attr{}, false, err
	}
	return o, got, got.Mtime >= settled, nil
}
