package fusefs

import (
	"context"
	"errors"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/scpfs/scpfs/cache"
)

// handle is an open file.
type handle struct {
	*cache.Handle
	fs   *FS
	lent bool // the kernel reads the contents itself
}

var _ = (interface {
	fs.FileReader
	fs.FileWriter
	fs.FileFlusher
	fs.FileFsyncer
	fs.FileReleaser
	fs.FileLseeker
	fs.FileAllocater
})((*handle)(nil))

// Open opens a file.
func (n *Node) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	request := ctx
	ctx, done := n.fs.interruptible(ctx)
	defer done()
	path, named := n.path()
	if !named && !n.fs.cache.IsOpen(n.ino()) {
		return nil, 0, n.fs.staled(request)
	}
	h, err := n.fs.cache.Open(ctx, path, n.ino(), int(flags))
	if errors.Is(err, syscall.ESTALE) {
		return nil, 0, n.fs.staled(request)
	}
	if err != nil {
		return nil, 0, n.fs.errno("open", path, err)
	}
	n.fs.again(request, false)
	n.correct(h.Attr())
	return n.opened(request, h)
}

// Read reads from the contents here.
func (h *handle) Read(ctx context.Context, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	ctx, done := h.waiting(ctx, h.Here(off, int64(len(dest))))
	defer done()
	n, err := h.ReadAt(ctx, dest, off)
	return fuse.ReadResultData(dest[:n]), h.fs.errno("read", "", err)
}

// waiting makes the context of a request interruptible that will have to wait
// for contents: not when they are here, as it costs more than the request.
func (h *handle) waiting(ctx context.Context, here bool) (context.Context, context.CancelFunc) {
	if here {
		return ctx, func() {}
	}
	return h.fs.interruptible(ctx)
}

// Write writes to the contents here. Pages of mappings are not written by
// anybody in particular, so the kernel names no process.
func (h *handle) Write(ctx context.Context, data []byte, off int64) (uint32, syscall.Errno) {
	write := h.WriteAt
	if caller, ok := fuse.FromContext(ctx); ok && caller.Pid == 0 {
		write = h.WriteBack
	}
	ctx, done := h.waiting(ctx, h.Complete())
	defer done()
	n, err := write(ctx, data, off)
	return uint32(n), h.fs.errno("write", "", err)
}

// Flush brings changes to the host, at each close; what it returns is what
// close(2) returns.
func (h *handle) Flush(ctx context.Context) syscall.Errno {
	if c, ok := fuse.FromContext(ctx); ok && h.FlushLater(func() bool { return h.fs.hasOpen(c.Pid, h.Attr().Ino) }) {
		return 0
	}
	ctx, done := h.fs.interruptible(ctx)
	defer done()
	return h.fs.errno("flush", "", h.Handle.Flush(ctx))
}

// Fsync brings changes to the host.
func (h *handle) Fsync(ctx context.Context, flags uint32) syscall.Errno {
	ctx, done := h.fs.interruptible(ctx)
	defer done()
	return h.fs.errno("fsync", "", h.Handle.Fsync(ctx))
}

// Release ends the handle.
func (h *handle) Release(ctx context.Context) syscall.Errno {
	h.fs.closed(h, h.Attr().Ino)
	h.Handle.Release()
	return 0
}

// Lseek finds data and holes.
func (h *handle) Lseek(ctx context.Context, off uint64, whence uint32) (uint64, syscall.Errno) {
	n, err := h.Seek(int64(off), int(whence))
	return uint64(n), h.fs.errno("lseek", "", err)
}

// Allocate is fallocate(2) in the contents here.
func (h *handle) Allocate(ctx context.Context, off, size uint64, mode uint32) syscall.Errno {
	ctx, done := h.waiting(ctx, h.Complete())
	defer done()
	return h.fs.errno("fallocate", "", h.Handle.Allocate(ctx, mode, int64(off), int64(size)))
}

// CopyFileRange copies between two files of the mount: a whole file is
// copied on the host itself when the copy is closed.
func (n *Node) CopyFileRange(ctx context.Context, in fs.FileHandle, offIn uint64, out *fs.Inode, to fs.FileHandle, offOut, size, flags uint64) (uint32, syscall.Errno) {
	src, ok1 := in.(*handle)
	dst, ok2 := to.(*handle)
	if !ok1 || !ok2 {
		return 0, syscall.EBADF
	}
	ctx, done := n.fs.interruptible(ctx)
	defer done()
	const most = 1 << 30 // the answer has 32 bits
	copied, err := src.CopyRange(ctx, int64(offIn), dst.Handle, int64(offOut), int64(min(size, most)))
	if errors.Is(err, syscall.EOPNOTSUPP) {
		err = syscall.EXDEV
	}
	return uint32(copied), n.fs.errno("copy_file_range", "", err)
}
