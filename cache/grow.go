package cache

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"syscall"
	"time"
)

// A file that is open here and only grows on the host, as a log does, is
// extended in place: what is here stays, the rest is fetched, and who reads at
// the end sees it.
//
// That it only grew cannot be known for certain: its size and time say so, and
// a few bytes in front of the old end are compared. So contents that were extended
// serve those who have the file open, and no others: they count as racy, the next
// open fetches the file. And what is written to them expects the version that was
// opened: it is a conflict, as without the extension.

// growth is what a File knows of having been extended.
type growth struct {
	busy  bool  // somebody is at it
	from  *Attr // the version that was opened, if the contents were extended since
	shown *Attr // what programs are shown until they may see the rest
	other Attr  // a version that is no extension of the contents
}

const (
	growCheck = 4 << 10 // bytes that are compared
	growPart  = 4 << 20 // bytes that are fetched at a time
	growParts = 16      // that are fetched before somebody looks at the file again
)

// grew tells whether a version can be another that was appended to.
func grew(was, is Attr) bool {
	return idOf(was) == idOf(is) && is.Size > was.Size && is.Mtime >= was.Mtime && isRegular(is)
}

// follow gives the attributes of an open file as far as it was extended, if the
// host's are those of a longer or a shorter state of it, and has it extended.
func (f *File) follow(a Attr) (Attr, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.obj == nil || f.refs == 0 || f.dirty || len(f.paths) == 0 {
		return Attr{}, false
	}
	if f.growsLocked(a) {
		f.growLocked()
		return f.attrLocked(), true
	}
	return f.attrLocked(), f.grown.shown != nil || f.grown.from != nil && grew(a, f.base)
}

// growsLocked tells whether the contents are to be extended to a version. What is
// lent stays here, so that it must not become too large.
func (f *File) growsLocked(a Attr) bool {
	return f.writers == 0 && grew(f.base, a) && !sameVersion(f.grown.other, a) && (f.lent == 0 || f.c.disk.fits(a.Size))
}

// growLocked starts extending the contents, unless somebody is at it.
func (f *File) growLocked() {
	if f.grown.busy || f.c.ctx.Err() != nil {
		return
	}
	f.grown.busy = true
	f.refs++
	f.c.loops.Go(func() {
		defer f.releaseHere()
		if err := f.grow(f.c.ctx); err != nil {
			f.c.log.Debug("a file that grows cannot be followed", "path", f.path(), "err", err)
		}
	})
}

// grow extends the contents to what the host has, or to a part of that: what goes on
// growing while it is fetched must not be fetched for ever. Who looks at the file
// then has it go on.
func (f *File) grow(ctx context.Context) (err error) {
	more := true
	for n := 0; n < growParts && more && err == nil; n++ {
		more, err = f.growOnce(ctx)
	}
	f.mu.Lock()
	f.grown.busy = false
	size := f.base.Size
	f.mu.Unlock()
	if more && err == nil {
		f.c.tell(Notice{Ino: f.ino, From: max(size, 1)}) // who has looked already does so again
	}
	return err
}

// growOnce extends the contents by a part, and tells whether there is more. In
// between others have their turn, who open, rename or remove the file.
func (f *File) growOnce(ctx context.Context) (more bool, err error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		return false, err
	}
	defer unlock()
	path, was, end := f.before()
	if path == "" {
		return false, syscall.ESTALE
	}
	if err := f.c.disk.reserve(growPart); err != nil {
		return false, err
	}
	stamp, at := f.c.tree.stamp(), time.Now()
	off := was.Size - int64(len(end))
	a, tail, err := f.c.remote.FetchTail(ctx, path, off, int64(len(end))+growPart)
	if err != nil {
		return false, err
	}
	f.c.tree.learn(path, stamp, Entry{Attr: a}, at)
	is := a
	is.Size = off + int64(len(tail))
	if !grew(was, is) || a.Size < is.Size || !bytes.HasPrefix(tail, end) {
		f.differs(a)
		return false, nil
	}
	if err := f.append(tail[len(end):], was, is); err != nil {
		return false, err
	}
	if t := f.filling(); t != nil {
		t.trim()
	}
	return is.Size < a.Size, nil
}

// before is the state that is to be extended: the file's path, its version and
// the last bytes of it, if they are here. There is none if nobody has it open any
// more but who extends it.
func (f *File) before() (string, Attr, []byte) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.obj == nil || f.dirty || f.writers > 0 || f.refs < 2 {
		return "", Attr{}, nil
	}
	end := make([]byte, min(growCheck, f.base.Size))
	off := f.base.Size - int64(len(end))
	if f.fill != nil && !f.fill.here(span{off, f.base.Size}) {
		return f.pathLocked(), f.base, nil
	}
	if _, err := f.obj.f.ReadAt(end, off); err != nil {
		return "", Attr{}, nil
	}
	return f.pathLocked(), f.base, end
}

// differs remembers that a version is no extension of the contents.
func (f *File) differs(a Attr) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.grown.other = a
}

var errBegunAnew = errors.New("the contents were replaced meanwhile")

// append puts bytes behind the contents, which are of a version, and makes them
// those of another. Programs are shown it when the kernel has forgotten the end.
func (f *File) append(rest []byte, was, is Attr) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.obj == nil || f.dirty || f.writers > 0 || f.base != was {
		return errBegunAnew
	}
	if _, err := f.obj.f.WriteAt(rest, was.Size); err != nil {
		return err
	}
	if f.grown.from == nil {
		f.grown.from = &was
	}
	if f.grown.shown == nil {
		f.grown.shown = new(f.attr)
	}
	f.lengthenLocked(was, is)
	f.base, f.attr, f.racy = is, is, true
	f.same = prefix{base: is.Size}
	f.seq++
	if f.c.notice.Load() == nil {
		f.grown.shown = nil
		return nil
	}
	f.c.tell(Notice{Ino: f.ino, From: max(was.Size, 1)})
	return nil
}

// lengthenLocked says that what a version has more than another is here. If that
// makes the file too large to be here as a whole then its beginning makes room for
// it, as when it is read.
func (f *File) lengthenLocked(was, is Attr) {
	if f.fill == nil && (f.lent > 0 || f.c.disk.fits(is.Size)) {
		return
	}
	have := wholeOf(was.Size)
	if f.fill != nil {
		have = f.fill.stop()
	}
	rest := span{was.Size, is.Size}
	order := append(slices.Clone(have), rest)
	have.add(rest)
	f.fill = f.c.newContent(f, f.obj, is, have)
	f.fill.order = order
}

// Shown says that nobody remembers the old end of a file that was extended: it
// may be shown as long as it is.
func (c *Cache) Shown(ino uint64) {
	f := c.byNumber(ino)
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.grown.shown = nil
}

// anew has contents that were extended fetched again, as the next open does, for
// who needs those of one version. If that cannot be they stay as they are.
func (f *File) anew(ctx context.Context) {
	path := f.extended()
	if path == "" {
		return
	}
	unlock, err := f.lock(ctx)
	if err != nil {
		return
	}
	defer unlock()
	if err := f.current(ctx, path, syscall.O_RDONLY); err != nil {
		f.c.log.Debug("a file that was extended cannot be fetched anew", "path", path, "err", err)
	}
}

// extended is the path of a file whose contents were extended, and else "".
func (f *File) extended() string {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.grown.from == nil {
		return ""
	}
	return f.pathLocked()
}

// ungrowLocked says that the contents are about to be written to: they are based
// on the version that was opened.
func (f *File) ungrowLocked() {
	if f.grown.from == nil {
		return
	}
	f.base = *f.grown.from
	f.same.base = min(f.same.base, f.base.Size)
	f.grown = growth{busy: f.grown.busy}
}
