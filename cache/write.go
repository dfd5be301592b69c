package cache

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// ReadAt reads from the contents, as io.ReaderAt does, but without an error
// at the end of the file.
func (h *Handle) ReadAt(ctx context.Context, p []byte, off int64) (n int, err error) {
	err = h.f.view(ctx, span{off, off + int64(len(p))}, func(o *object) error {
		n, err = o.f.ReadAt(p, off)
		return err
	})
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// Here tells whether bytes are here, so that reading them waits for nobody.
func (h *Handle) Here(off, size int64) bool {
	t := h.f.filling()
	return t == nil || t.here(span{off, off + size})
}

// Complete tells whether all of the contents are here.
func (h *Handle) Complete() bool { return h.f.filling() == nil }

// WriteAt writes to the contents here; Flush or Fsync bring them to the
// host. On a handle opened with O_APPEND the offset is not looked at.
func (h *Handle) WriteAt(ctx context.Context, p []byte, off int64) (int, error) {
	return h.f.writeAt(ctx, p, off, h.append)
}

// WriteBack writes pages of a mapping. They have their place, also when the
// kernel sends them by a handle opened with O_APPEND.
func (h *Handle) WriteBack(ctx context.Context, p []byte, off int64) (int, error) {
	return h.f.writeAt(ctx, p, off, false)
}

func (f *File) writeAt(ctx context.Context, p []byte, off int64, atEnd bool) (n int, err error) {
	err = f.change(ctx, everything.End, func() error {
		n, err = f.writeLocked(p, off, atEnd)
		return err
	})
	return n, err
}

func (f *File) writeLocked(p []byte, off int64, atEnd bool) (int, error) {
	if atEnd {
		off = f.attr.Size
	}
	if err := f.c.disk.spare(); err != nil {
		return 0, err
	}
	if err := f.touchLocked(); err != nil {
		return 0, err
	}
	f.alteredLocked(off)
	n, err := f.obj.f.WriteAt(p, off)
	if n > 0 { // else the offset does not count
		f.attr.Size = max(f.attr.Size, off+int64(n))
	}
	return n, err
}

// Truncate sets the size of the contents here.
func (h *Handle) Truncate(ctx context.Context, size int64) error { return h.f.truncate(ctx, size) }

func (f *File) truncate(ctx context.Context, size int64) error {
	return f.change(ctx, size, func() error { return f.truncateLocked(size) })
}

func (f *File) truncateLocked(size int64) error {
	if err := f.keepLocked(size); err != nil {
		return err
	}
	if err := f.touchLocked(); err != nil {
		return err
	}
	f.alteredLocked(size)
	if err := f.obj.f.Truncate(size); err != nil {
		return err
	}
	f.attr.Size = size
	return nil
}

// Allocate is fallocate(2) on the contents here. What it reserves is space
// of the local disk, not of the host's.
func (h *Handle) Allocate(ctx context.Context, mode uint32, off, size int64) error {
	return h.f.change(ctx, everything.End, func() error { return h.f.allocateLocked(mode, off, size) })
}

func (f *File) allocateLocked(mode uint32, off, size int64) error {
	if err := f.touchLocked(); err != nil {
		return err
	}
	f.alteredLocked(off)
	if err := unix.Fallocate(int(f.obj.f.Fd()), mode, off, size); err != nil {
		return err
	}
	n, err := f.obj.size()
	f.attr.Size = n
	return err
}

// Seek finds the next data or hole in the contents: whence is SEEK_DATA or
// SEEK_HOLE of lseek(2). Of contents that are still on their way it says that
// they have no holes.
func (h *Handle) Seek(off int64, whence int) (int64, error) {
	h.f.mu.Lock() // the offset of the descriptor is shared
	defer h.f.mu.Unlock()
	if h.f.fill != nil {
		return seekPlain(off, whence, h.f.attr.Size)
	}
	return unix.Seek(int(h.f.obj.f.Fd()), off, whence)
}

// seekPlain is Seek in a file that is all data.
func seekPlain(off int64, whence int, size int64) (int64, error) {
	switch {
	case off < 0 || off >= size:
		return 0, syscall.ENXIO
	case whence == unix.SEEK_HOLE:
		return size, nil
	}
	return off, nil
}

// copyPart is the most that one call copies, in bytes: all of it has to be here
// together, also of a file that is too large for that. See leastShare.
const copyPart = 16 << 20

// CopyRange copies between two files here, and tells how much: it may be less
// than it was asked for. If the whole of a file that the host has as it is becomes
// the whole of another, Flush has the host copy it.
func (h *Handle) CopyRange(ctx context.Context, off int64, to *Handle, toOff, size int64) (int64, error) {
	if h.f == to.f {
		return to.copyWithin(ctx, off, toOff, size)
	}
	src, dst := h.f, to.f
	size = min(size, copyPart)
	if src.anew(ctx); ctx.Err() != nil {
		return 0, interrupted(ctx)
	}
	for range fetches {
		err := cmp.Or(src.present(ctx, span{off, off + size}), dst.present(ctx, everything))
		if err != nil {
			return 0, err
		}
		if n, done, err := h.copyTo(to, off, toOff, size); done {
			return n, err
		}
	}
	return 0, syscall.EBUSY
}

// copyTo copies what is here. It reports whether it was.
func (h *Handle) copyTo(to *Handle, off, toOff, size int64) (n int64, done bool, err error) {
	src, dst := h.f, to.f
	first, second := src, dst
	if dst.ino < src.ino {
		first, second = dst, src
	}
	first.mu.Lock()
	defer first.mu.Unlock()
	second.mu.Lock()
	defer second.mu.Unlock()
	if dst.fill != nil || src.fill != nil && !src.fill.here(span{off, off + size}) {
		return 0, false, nil
	}
	n, err = copyLocked(src, dst, off, toOff, size, to.append)
	return n, true, err
}

func copyLocked(src, dst *File, off, toOff, size int64, atEnd bool) (int64, error) {
	if atEnd {
		toOff = dst.attr.Size
	}
	size = min(size, src.attr.Size-off)
	if size <= 0 {
		return 0, nil
	}
	goesOn := dst.from != nil && dst.from.seq == dst.seq && dst.attr.Size == toOff && off == toOff && dst.from.base == src.base
	if err := dst.touchLocked(); err != nil {
		return 0, err
	}
	dst.alteredLocked(toOff)
	n, err := copyBytes(dst.obj.f, toOff, src.obj.f, off, size)
	dst.attr.Size = max(dst.attr.Size, toOff+n)
	dst.from = nil
	if err == nil && src.asThereLocked() && dst.attr.Size == toOff+n && (goesOn || off == 0 && toOff == 0) {
		dst.from = &origin{src.pathLocked(), src.base, dst.seq}
	}
	return n, err
}

// asThereLocked tells whether the contents are for certain those of the version
// base, as the host has them: nobody has written to them, by a mapping or
// otherwise, and they are not what an extended file had before.
func (f *File) asThereLocked() bool {
	return f.base.Ino != 0 && !f.dirty && !f.racyLocked() && f.writers == 0 && f.grown.from == nil
}

// copyBytes copies between two files of the local disk, by reference where its
// file system can.
func copyBytes(dst *os.File, toOff int64, src *os.File, off, size int64) (int64, error) {
	var n int64
	for n < size {
		from, to := off+n, toOff+n
		k, err := unix.CopyFileRange(int(src.Fd()), &from, int(dst.Fd()), &to, int(min(size-n, 1<<30)), 0)
		if k <= 0 || err != nil {
			rest, err := io.Copy(io.NewOffsetWriter(dst, toOff+n), io.NewSectionReader(src, off+n, size-n))
			return n + rest, err
		}
		n += int64(k)
	}
	return n, nil
}

func (h *Handle) copyWithin(ctx context.Context, off, toOff, size int64) (int64, error) {
	buf := make([]byte, min(size, 1<<20))
	n, err := h.ReadAt(ctx, buf, off)
	if err != nil || n == 0 {
		return 0, err
	}
	n, err = h.WriteAt(ctx, buf[:n], toOff)
	return int64(n), err
}

// Flush brings changes to the host: what every close of a file does that was
// opened for writing. It returns once the host has them or, with
// [Options.WriteBack], once nothing but the local disk can lose them.
func (h *Handle) Flush(ctx context.Context) error {
	switch {
	case !h.write:
		return nil
	case h.f.c.later():
		return h.told(h.f.storeLater(ctx))
	}
	return h.Fsync(ctx)
}

// told is an error that a program gets: it may be the first that anybody hears of
// a conflict.
func (h *Handle) told(err error) error {
	if errors.Is(err, syscall.ESTALE) {
		h.f.c.conflicts.told(h.f.path())
	}
	return err
}

// FlushLater tells whether a flush can do without the host, as another will
// follow: that is so of an empty file which whoever closes it still has open
// by another descriptor, as again tells. Shells open the target of ">", give it
// another number and close the first, before anybody has written. After a crash
// the file is empty nonetheless; and if it stays open as it is the host gets it after
// a while, see retry.
func (h *Handle) FlushLater(again func() bool) bool {
	if !h.write || h.f.c.later() || !h.f.isVoid() || !again() {
		return false
	}
	f := h.f
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.voidLocked() && f.noteLocked(true) == nil
}

// isVoid tells whether the file is to be stored, and empty.
func (f *File) isVoid() bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.voidLocked()
}

func (f *File) voidLocked() bool {
	return f.dirty && len(f.paths) > 0 && f.attr.Size == 0 && f.writers == 0 && !f.queued && !f.stuck && f.kept == nil
}

// Fsync brings changes to the host, whoever made them. While the cache is offline
// it brings them to the local disk.
func (h *Handle) Fsync(ctx context.Context) error {
	switch {
	case h.f.c.Offline():
		return h.told(h.f.storeLater(ctx))
	case h.f.c.o.WriteBack, h.f.isQueued():
		return h.told(h.f.storeNow(ctx))
	}
	if err := h.f.notice(); err != nil {
		return err
	}
	return h.told(h.f.store(ctx))
}

// Release ends the handle.
func (h *Handle) Release() { h.f.release() }

// spare refuses a write when the local disk has no room but what is to be
// left free.
func (d *disk) spare() error {
	if d.room() > 0 {
		return nil
	}
	d.evict(1 << 20)
	if d.room() > 0 {
		return nil
	}
	return syscall.ENOSPC
}
