package cache

import (
	"bytes"
	"context"
	"errors"
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

// growsLocked tells whether the contents are to be extended to a version.
func (f *File) growsLocked(a Attr) bool {
	return f.writers == 0 && grew(f.base, a) && !sameVersion(f.grown.other, a)
}

// growLocked starts extending the contents, unless somebody is at it.
func (f *File) growLocked() {
	if f.grown.busy || f.c.ctx.Err() != nil {
		return
	}
	f.grown.busy = true
	f.refs++
	f.c.loops.Go(func() {
		defer f.release()
		if err := f.grow(f.c.ctx); err != nil {
			f.c.log.Debug("a file that grows cannot be followed", "path", f.path(), "err", err)
		}
	})
}

// grow extends the contents to what the host has.
func (f *File) grow(ctx context.Context) error {
	defer func() {
		f.mu.Lock()
		f.grown.busy = false
		f.mu.Unlock()
	}()
	unlock, err := f.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	for more := true; more && err == nil; {
		more, err = f.growOnce(ctx)
	}
	return err
}

// growOnce extends the contents by a part, and tells whether there is more.
func (f *File) growOnce(ctx context.Context) (more bool, err error) {
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
	return is.Size < a.Size, f.append(tail[len(end):], was, is)
}

// before is the state that is to be extended: the file's path, its version and
// the last bytes of it, if they are here.
func (f *File) before() (string, Attr, []byte) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.obj == nil || f.dirty || f.writers > 0 {
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
	if f.fill != nil {
		have := f.fill.stop()
		have.add(span{was.Size, is.Size})
		f.fill = f.c.newContent(f, f.obj, is, have)
	}
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
