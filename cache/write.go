package cache

import (
	"context"
	"errors"
	"io"
	"syscall"

	"golang.org/x/sys/unix"
)

// ReadAt reads from the contents, as io.ReaderAt does, but without an error
// at the end of the file.
func (h *Handle) ReadAt(p []byte, off int64) (int, error) {
	h.f.mu.RLock()
	defer h.f.mu.RUnlock()
	n, err := h.f.obj.f.ReadAt(p, off)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// WriteAt writes to the contents here; Flush or Fsync bring them to the
// host. On a handle opened with O_APPEND the offset is not looked at.
func (h *Handle) WriteAt(p []byte, off int64) (int, error) { return h.f.writeAt(p, off, h.append) }

// WriteBack writes pages of a mapping. They have their place, also when the
// kernel sends them by a handle opened with O_APPEND.
func (h *Handle) WriteBack(p []byte, off int64) (int, error) { return h.f.writeAt(p, off, false) }

func (f *File) writeAt(p []byte, off int64, atEnd bool) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if atEnd {
		off = f.attr.Size
	}
	if err := f.c.disk.spare(); err != nil {
		return 0, err
	}
	if err := f.touchLocked(); err != nil {
		return 0, err
	}
	n, err := f.obj.f.WriteAt(p, off)
	if n > 0 { // else the offset does not count
		f.attr.Size = max(f.attr.Size, off+int64(n))
	}
	return n, err
}

// Truncate sets the size of the contents here.
func (h *Handle) Truncate(size int64) error { return h.f.truncate(size) }

func (f *File) truncate(size int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.truncateLocked(size)
}

func (f *File) truncateLocked(size int64) error {
	if err := f.touchLocked(); err != nil {
		return err
	}
	if err := f.obj.f.Truncate(size); err != nil {
		return err
	}
	f.attr.Size = size
	return nil
}

// Allocate is fallocate(2) on the contents here. What it reserves is space
// of the local disk, not of the host's.
func (h *Handle) Allocate(mode uint32, off, size int64) error {
	f := h.f
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.touchLocked(); err != nil {
		return err
	}
	if err := unix.Fallocate(int(f.obj.f.Fd()), mode, off, size); err != nil {
		return err
	}
	n, err := f.obj.size()
	f.attr.Size = n
	return err
}

// Seek finds the next data or hole in the contents: whence is SEEK_DATA or
// SEEK_HOLE of lseek(2).
func (h *Handle) Seek(off int64, whence int) (int64, error) {
	h.f.mu.Lock() // the offset of the descriptor is shared
	defer h.f.mu.Unlock()
	return unix.Seek(int(h.f.obj.f.Fd()), off, whence)
}

// CopyRange copies between two files here. If the whole of a file that the
// host has as it is becomes the whole of another, Flush has the host copy it.
func (h *Handle) CopyRange(ctx context.Context, off int64, to *Handle, toOff, size int64) (int64, error) {
	if h.f == to.f {
		return to.copyWithin(off, toOff, size)
	}
	src, dst := h.f, to.f
	first, second := src, dst
	if dst.ino < src.ino {
		first, second = dst, src
	}
	first.mu.Lock()
	defer first.mu.Unlock()
	second.mu.Lock()
	defer second.mu.Unlock()

	if to.append {
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
	n, err := io.Copy(io.NewOffsetWriter(dst.obj.f, toOff), io.NewSectionReader(src.obj.f, off, size))
	dst.attr.Size = max(dst.attr.Size, toOff+n)
	dst.from = nil
	if err == nil && !src.dirty && src.base.Ino != 0 && dst.attr.Size == toOff+n && (goesOn || off == 0 && toOff == 0) {
		dst.from = &origin{src.pathLocked(), src.base, dst.seq}
	}
	return n, err
}

func (h *Handle) copyWithin(off, toOff, size int64) (int64, error) {
	buf := make([]byte, min(size, 1<<20))
	n, err := h.ReadAt(buf, off)
	if err != nil || n == 0 {
		return 0, err
	}
	n, err = h.WriteAt(buf[:n], toOff)
	return int64(n), err
}

// Flush brings changes to the host: what every close of a file does that was
// opened for writing. It returns once the host has them.
func (h *Handle) Flush(ctx context.Context) error {
	if !h.write {
		return nil
	}
	return h.f.store(ctx)
}

// Fsync brings changes to the host, whoever made them.
func (h *Handle) Fsync(ctx context.Context) error { return h.f.store(ctx) }

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
