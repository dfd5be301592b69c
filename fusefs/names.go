package fusefs

import (
	"context"
	"errors"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/scpfs/scpfs/cache"
)

// entry ends an operation that made a name.
func (n *Node) entry(ctx context.Context, op, path string, e cache.Entry, err error, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if err != nil {
		return nil, n.fs.errno(op, path, err)
	}
	return n.node(ctx, path, e.Attr, out), 0
}

// Mkdir makes a directory.
func (n *Node) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	ctx, done := n.fs.interruptible(ctx)
	defer done()
	path, errno := n.child(name)
	if errno != 0 {
		return nil, errno
	}
	e, err := n.fs.cache.Mkdir(ctx, path, mode&0o7777)
	return n.entry(ctx, "mkdir", path, e, err, out)
}

// Mknod makes a regular file, a FIFO or a device.
func (n *Node) Mknod(ctx context.Context, name string, mode, rdev uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	ctx, done := n.fs.interruptible(ctx)
	defer done()
	path, errno := n.child(name)
	if errno != 0 {
		return nil, errno
	}
	if mode&syscall.S_IFMT != syscall.S_IFREG {
		e, err := n.fs.cache.Mknod(ctx, path, mode, rdev)
		return n.entry(ctx, "mknod", path, e, err, out)
	}
	h, err := n.fs.cache.Create(ctx, path, syscall.O_EXCL, mode&0o7777)
	if err != nil {
		return nil, n.fs.errno("mknod", path, err)
	}
	defer h.Release()
	return n.node(ctx, path, h.Attr(), out), 0
}

// Symlink makes a symbolic link.
func (n *Node) Symlink(ctx context.Context, target, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	ctx, done := n.fs.interruptible(ctx)
	defer done()
	path, errno := n.child(name)
	if errno != 0 {
		return nil, errno
	}
	e, err := n.fs.cache.Symlink(ctx, target, path)
	return n.entry(ctx, "symlink", path, e, err, out)
}

// Link gives a file one more name.
func (n *Node) Link(ctx context.Context, target fs.InodeEmbedder, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	ctx, done := n.fs.interruptible(ctx)
	defer done()
	file := target.(*Node)
	path, errno := n.child(name)
	if errno != 0 {
		return nil, errno
	}
	from, named := file.path()
	if !named && !n.fs.cache.IsOpen(file.ino()) {
		return nil, syscall.ENOENT
	}
	e, err := n.fs.cache.Link(ctx, from, file.ino(), path)
	if err != nil {
		return nil, n.fs.errno("link", path, err)
	}
	file.present(path, e.Attr, out)
	file.told(e.Attr)
	return file.EmbeddedInode(), 0
}

// Unlink removes a name that is not a directory's.
func (n *Node) Unlink(ctx context.Context, name string) syscall.Errno {
	ctx, done := n.fs.interruptible(ctx)
	defer done()
	path, errno := n.child(name)
	if errno != 0 {
		return errno
	}
	return n.fs.errno("unlink", path, n.fs.cache.Unlink(ctx, path))
}

// Rmdir removes an empty directory.
func (n *Node) Rmdir(ctx context.Context, name string) syscall.Errno {
	ctx, done := n.fs.interruptible(ctx)
	defer done()
	path, errno := n.child(name)
	if errno != 0 {
		return errno
	}
	return n.fs.errno("rmdir", path, n.fs.cache.Rmdir(ctx, path))
}

// Rename is renameat2(2).
func (n *Node) Rename(ctx context.Context, name string, newParent fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	ctx, done := n.fs.interruptible(ctx)
	defer done()
	from, errno := n.child(name)
	if errno != 0 {
		return errno
	}
	to, errno := newParent.(*Node).child(newName)
	if errno != 0 {
		return errno
	}
	return n.fs.errno("rename", from, n.fs.cache.Rename(ctx, from, to, flags))
}

// Create makes a file and opens it. If somebody on the host was faster, it
// opens theirs, unless the program wants its own.
func (n *Node) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	request := ctx
	ctx, done := n.fs.interruptible(ctx)
	defer done()
	path, errno := n.child(name)
	if errno != 0 {
		return nil, nil, 0, errno
	}
	h, err := n.fs.cache.Create(ctx, path, int(flags), mode&0o7777)
	if errors.Is(err, syscall.EEXIST) && flags&syscall.O_EXCL == 0 {
		var e cache.Entry
		if e, err = n.fs.cache.Lookup(ctx, path); err == nil {
			h, err = n.fs.cache.Open(ctx, path, e.Attr.Ino, int(flags))
		}
	}
	if err != nil {
		return nil, nil, 0, n.fs.errno("create", path, err)
	}
	child := n.node(ctx, path, h.Attr(), out)
	fh, how, errno := child.Operations().(*Node).opened(request, h)
	return child, fh, how, errno
}

// Tmpfile makes a file without a name.
func (n *Node) Tmpfile(ctx context.Context, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	h, err := n.fs.cache.Tmpfile(int(flags), mode&0o7777)
	if err != nil {
		return nil, nil, 0, n.fs.errno("tmpfile", "", err)
	}
	child := n.node(ctx, "", h.Attr(), out)
	fh, how, errno := child.Operations().(*Node).opened(ctx, h)
	return child, fh, how, errno
}
