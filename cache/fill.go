package cache

import (
	"context"
	"errors"
	"syscall"
)

// What happens to a File whose contents are on their way: File.fill is the
// content then, and nil once all of it is here. Contents that are written to
// are always complete.

// expect makes the contents those of a version, of which nothing is here yet.
func (f *File) expect(a Attr) error {
	o, err := f.c.disk.create()
	if err != nil {
		return err
	}
	if err := o.f.Truncate(a.Size); err != nil {
		f.c.disk.discard(o)
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dirty { // since just now: that is newer
		f.c.disk.discard(o)
		return nil
	}
	return f.adoptLocked(o, a, nil, false)
}

// view calls read once the bytes of a span are here, with the file locked so
// that they stay.
func (f *File) view(ctx context.Context, s span, read func(*object) error) error {
	for range fetches {
		f.mu.RLock()
		if f.fill == nil || f.fill.here(s) {
			defer f.mu.RUnlock()
			return read(f.obj)
		}
		f.mu.RUnlock()
		if err := f.present(ctx, s); err != nil {
			return err
		}
	}
	return syscall.EBUSY
}

// change calls write, with the file locked, once all of the contents are
// here up to an end.
func (f *File) change(ctx context.Context, end int64, write func() error) error {
	s := span{0, end}
	for range fetches {
		f.mu.Lock()
		if f.fill == nil || f.fill.here(s) && end < f.fill.attr.Size {
			defer f.mu.Unlock()
			f.haltLocked()
			return write()
		}
		f.mu.Unlock()
		if err := f.present(ctx, s); err != nil {
			return err
		}
	}
	return syscall.EBUSY
}

// haltLocked ends what is under way for the contents: they are what is here.
func (f *File) haltLocked() ranges {
	if f.fill == nil {
		return wholeOf(f.base.Size)
	}
	have := f.fill.stop()
	f.racy = f.racyLocked()
	f.fill = nil
	return have
}

// present waits until the bytes of a span are here. The file may turn out to
// be another version by now; then it is that one's bytes.
func (f *File) present(ctx context.Context, s span) error {
	for range fetches {
		t := f.filling()
		if t == nil {
			return nil
		}
		err := t.need(ctx, s)
		switch {
		case err == nil:
			f.settle(t)
			return nil
		case ctx.Err() != nil:
			return err
		case f.filling() != t:
			continue // somebody began anew
		case !errors.Is(err, errAgain):
			return err
		}
		if err := f.restart(ctx, t); err != nil {
			return err
		}
	}
	return syscall.EBUSY
}

// filling is the contents that are on their way, if they are not complete.
func (f *File) filling() *content {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.fill
}

// settle notes that contents are complete, if they are.
func (f *File) settle(t *content) {
	if !t.here(everything) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fill == t && t.here(everything) {
		f.haltLocked()
	}
}

// restart begins anew with the version that the host has now.
func (f *File) restart(ctx context.Context, t *content) error {
	unlock, err := f.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if f.filling() != t {
		return nil // somebody else did
	}
	path := f.path()
	if path == "" {
		return syscall.ESTALE // removed before it was here
	}
	e, err := f.c.stat(ctx, path)
	if err != nil {
		return err
	}
	if !isRegular(e.Attr) || f.c.ino.number(idOf(e.Attr)) != f.ino {
		return syscall.ESTALE
	}
	if f.goOn(t, e.Attr) {
		return nil
	}
	if err := f.expect(e.Attr); !errors.Is(err, errLent) {
		return err
	}
	return nil // all of it came meanwhile
}

// goOn continues with contents on their way as those of another version, if
// only attributes have changed.
func (f *File) goOn(t *content, a Attr) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fill != t || !sameContents(f.base, a) {
		return false
	}
	f.base, f.attr = a, a
	f.renewLocked()
	return true
}

// renewLocked has what is missing fetched as that of the version base, which
// has the contents that the transfers under way were begun for.
func (f *File) renewLocked() {
	if f.fill == nil {
		return
	}
	settled := f.fill.settled
	f.fill = f.c.newContent(f, f.obj, f.base, f.fill.stop())
	f.fill.settled = settled
}

// lastMinute is the size up to which a file that is being read is fetched to
// its end before it loses its last name. Readers of a larger one get ESTALE.
const lastMinute = 64 << 20

// rescue fetches the rest of a file that is open and about to lose its last
// name on the host. Called with the file locked.
func (f *File) rescue(ctx context.Context) error {
	t := f.filling()
	if t == nil || t.attr.Size > lastMinute || len(f.names()) > 1 {
		return nil
	}
	err := t.need(ctx, everything)
	if err == nil {
		f.settle(t)
	}
	if errors.Is(err, errAgain) {
		return nil
	}
	return err
}
