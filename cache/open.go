package cache

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"
)

// Handle is an open file. Its methods may be called at the same time.
type Handle struct {
	f      *File
	write  bool
	append bool

	watched bool // its file is, see mapped.go
}

// Attr are the attributes of the file as it is open here.
func (h *Handle) Attr() Attr {
	h.f.mu.Lock()
	defer h.f.mu.Unlock()
	return h.f.attrLocked()
}

// Writes tells whether the handle may write.
func (h *Handle) Writes() bool { return h.write }

// Contents names what the file has here: it stays the same for as long as
// nothing but this handle and others like it change the contents, also over
// stores and while nobody has the file open. It is never empty.
func (h *Handle) Contents() string {
	h.f.mu.RLock()
	defer h.f.mu.RUnlock()
	return fmt.Sprint(h.f.obj.name, h.f.obj.turn)
}

// Open opens a regular file, by its number and one of its names, with the
// flags of open(2). The contents are of the version that the host has now (or
// had at most Timeout ago). Those of a small file are here when it returns;
// those of a large one come as they are read.
func (c *Cache) Open(ctx context.Context, path string, ino uint64, flags int) (*Handle, error) {
	h := newHandle(flags)
	if h.write || flags&syscall.O_TRUNC != 0 {
		// What was set before it was opened is not to come over what is written.
		if err := c.backlog.settleSet(ctx, path); err != nil && !c.apart() {
			return nil, err
		}
	}
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
	if _, ours := f.authority(); ours && f.opened() && f.otherName(path) == "" {
		// Who stores it need not be waited for.
		if flags&syscall.O_TRUNC != 0 {
			return f.truncate(ctx, 0)
		}
		return nil
	}
	for {
		err := f.openInTurn(ctx, path, flags)
		if !errors.Is(err, errUnnamed) {
			return err
		}
		// The host is told with the file locked, and nobody may wait for it with that.
		if err := f.c.backlog.settleRename(ctx, f.path()); err != nil && !away(err) {
			return err
		}
	}
}

// errUnnamed says that the host does not have a file under its name yet.
var errUnnamed = errors.New("the file is to get its name")

func (f *File) openInTurn(ctx context.Context, path string, flags int) error {
	unlock, err := f.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := f.confirm(ctx, path); err != nil {
		return err
	}
	if flags&syscall.O_TRUNC != 0 {
		if err := f.c.unaware(ctx, "open", path); err != nil {
			return err
		}
	}
	if err := f.current(ctx, path, flags); err != nil {
		return err
	}
	f.c.conflicts.untold.seen(path)
	if flags&syscall.O_TRUNC != 0 {
		return f.truncate(ctx, 0)
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
	has := f.c.backlog.version(path, e.Attr)
	if flags&syscall.O_TRUNC != 0 {
		err = f.replace(has)
	} else {
		err = f.obtain(ctx, has)
	}
	if err == nil && !sameVersion(has, e.Attr) {
		f.wear(e.Attr)
	}
	return err
}

// wear gives a file the attributes that it is to get on the host.
func (f *File) wear(a Attr) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.attr.Mode, f.attr.Atime = a.Mode, a.Atime
	if !f.dirty {
		f.attr.Mtime, f.attr.Ctime = a.Mtime, a.Ctime
	}
}

// obtain makes the contents those of a version: as they are here, as they are
// being fetched ahead, as they are fetched now, or as they will come when they
// are read.
func (f *File) obtain(ctx context.Context, a Attr) error {
	err := f.obtainNow(ctx, a)
	if err != nil && away(err) && f.hasOld(a) {
		return nil
	}
	return err
}

func (f *File) obtainNow(ctx context.Context, a Attr) error {
	if f.has(a) {
		return nil
	}
	if waits, lost := f.c.backlog.renamesTo(f.path()); lost != nil {
		return lost
	} else if waits {
		return errUnnamed
	}
	if a.Size > smallFile {
		if err := f.expect(a); !errors.Is(err, errLent) {
			return err
		}
		return f.fetch(ctx, a)
	}
	came, err := f.c.awaited(ctx, f.path())
	if err != nil || came && f.has(a) {
		return err
	}
	f.c.opened(f.path())
	return f.fetch(ctx, a)
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
	if f.dirty || f.obj != nil && sameVersion(f.base, a) && !f.racyLocked() {
		return true // dirty: somebody has written to it just now
	}
	o, have, ok := f.c.disk.take(a)
	if !ok {
		return false
	}
	f.c.ahead.count(0, f.c.disk.claim(o.name))
	return f.adoptLocked(o, a, have, false) == nil
}

// racyLocked tells whether the file could have changed on the host, while its
// contents were fetched, without getting another version.
func (f *File) racyLocked() bool {
	return f.racy || f.fill != nil && f.base.Mtime >= f.fill.settled
}

// adopt makes an object the contents of a version, unless somebody has
// written to the file while it was fetched: that is newer.
func (f *File) adopt(o *object, a Attr, racy bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dirty {
		f.c.disk.discard(o)
		return nil
	}
	return f.adoptLocked(o, a, wholeOf(a.Size), racy)
}

// adoptLocked makes an object the contents of a version, of which some bytes
// are here; on an error the object is gone. The file is clean.
func (f *File) adoptLocked(o *object, a Attr, have ranges, racy bool) error {
	if f.lent > 0 && !have.has(span{0, a.Size}) {
		f.c.disk.discard(o)
		return errLent
	}
	f.haltLocked()
	if err := f.installLocked(o); err != nil {
		return err
	}
	f.base, f.attr, f.racy = a, a, racy
	f.grown = growth{busy: f.grown.busy}
	f.same = prefix{base: a.Size}
	if !have.has(span{0, a.Size}) {
		f.fill = f.c.newContent(f, o, a, have)
	}
	f.seq++
	return nil
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
	if err := f.adoptLocked(o, a, wholeOf(a.Size), false); err != nil {
		return err
	}
	f.attr.Size, f.attr.Block = 0, 0
	f.alteredLocked(0)
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
			if isGone(err) {
				return f.c.failed(err, path)
			}
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
	return f.adopt(o, got, racy)
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
	}
	if err != nil && !hasErrno(err) {
		err = errors.Join(errAgain, err)
	}
	if err != nil {
		c.disk.discard(o)
		return nil, Attr{}, false, err
	}
	return o, got, got.Mtime >= settled, nil
}
