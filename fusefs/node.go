package fusefs

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/scpfs/scpfs/cache"
)

// Node is an inode of any type.
type Node struct {
	fs.Inode
	fs   *FS
	last atomic.Pointer[cache.Attr] // of what is no file; for who has it open when it is removed

	shown  atomic.Pointer[shown]       // what the kernel was told last
	listed atomic.Pointer[cache.Names] // the names that it has its own copy of, of a directory
	pages  string                      // the contents that it has pages of; guarded by lending.mu
}

var _ = (interface {
	fs.NodeLookuper
	fs.NodeGetattrer
	fs.NodeSetattrer
	fs.NodeAccesser
	fs.NodeStatfser
	fs.NodeReadlinker
	fs.NodeOpendirHandler
	fs.NodeMkdirer
	fs.NodeMknoder
	fs.NodeSymlinker
	fs.NodeLinker
	fs.NodeUnlinker
	fs.NodeRmdirer
	fs.NodeRenamer
	fs.NodeCreater
	fs.NodeTmpfiler
	fs.NodeOpener
	fs.NodeCopyFileRanger
	fs.NodeOnForgetter
})((*Node)(nil))

// path is one of the names of the node, below the root; false says that it
// has none any more, or is below a directory that has none.
func (n *Node) path() (string, bool) {
	root := n.Root()
	var names []string
	for at := n.EmbeddedInode(); at != root; {
		name, parent := at.Parent()
		if parent == nil {
			return "", false
		}
		names = append(names, name)
		at = parent
	}
	slices.Reverse(names)
	return strings.Join(names, "/"), true
}

// child is the path of a name in a directory. In a directory that was
// removed there are no names.
func (n *Node) child(name string) (string, syscall.Errno) {
	dir, ok := n.path()
	switch {
	case !ok:
		return "", syscall.ENOENT
	case dir == "":
		return name, 0
	}
	return dir + "/" + name, 0
}

func (n *Node) ino() uint64 { return n.StableAttr().Ino }

// node gives the inode of an entry, which go-fuse replaces by the one it
// has for the number, if it has one.
func (n *Node) node(ctx context.Context, path string, a cache.Attr, out *fuse.EntryOut) *fs.Inode {
	n.fs.crowd.gave()
	child := &Node{fs: n.fs}
	child.remember(a)
	child.present(path, a, out)
	inode := n.NewInode(ctx, child, stable(a))
	if !inode.IsDir() {
		child = n.fs.numbers.enter(child, n.GetChild(path[strings.LastIndexByte(path, '/')+1:]))
	}
	child.told(a)
	return inode
}

// remember keeps the attributes of a directory or a FIFO. Those of an open
// file the cache has.
func (n *Node) remember(a cache.Attr) {
	if a.Mode&syscall.S_IFMT != syscall.S_IFREG {
		a.Nlink = 0
		n.last.Store(&a)
	}
}

// Lookup finds a name in a directory.
func (n *Node) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	ctx, done := n.fs.interruptible(ctx)
	defer done()
	path, errno := n.child(name)
	if errno != 0 {
		return nil, errno
	}
	e, err := n.fs.cache.Lookup(ctx, path)
	if errors.Is(err, syscall.ENOENT) {
		return nil, n.lacks(path, out)
	}
	if err != nil {
		return nil, n.fs.errno("lookup", path, err)
	}
	if e.Attr.Mode&syscall.S_IFMT != syscall.S_IFDIR { // who walks asks for each directory
		n.fs.plus.looked()
	}
	a, err := n.distinct(ctx, name, e.Attr)
	if err != nil {
		return nil, n.fs.errno("lookup", path, err)
	}
	return n.node(ctx, path, a, out), 0
}

// Getattr gives the attributes of a file, open or not.
func (n *Node) Getattr(ctx context.Context, f fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	ctx, done := n.fs.interruptible(ctx)
	defer done()
	path, named := n.path()
	if last := n.last.Load(); !named && last != nil {
		n.fs.fill(&out.Attr, *last)
		return 0
	}
	a, err := n.fs.cache.Getattr(ctx, path, named, n.ino())
	if err != nil {
		return n.fs.errno("getattr", path, err)
	}
	n.remember(a)
	n.describe(path, a, out)
	return 0
}

// Setattr changes attributes and the size.
func (n *Node) Setattr(ctx context.Context, f fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	ctx, done := n.fs.interruptible(ctx)
	defer done()
	path, named := n.path()
	if !named && !n.fs.cache.IsOpen(n.ino()) {
		return n.setLast(in, out)
	}
	a, err := n.setattr(ctx, f, path, in)
	if err != nil {
		return n.fs.errno("setattr", path, err)
	}
	a.Ino = n.ino()
	n.remember(a)
	n.describe(path, a, out)
	return 0
}

// setLast changes the attributes of what is removed and still open.
func (n *Node) setLast(in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	last := n.last.Load()
	if last == nil {
		return syscall.ENOENT
	}
	ch, err := n.fs.change(in)
	if err != nil {
		return syscall.EINVAL
	}
	a := *last
	cache.Apply(&a, ch)
	n.remember(a)
	n.fs.fill(&out.Attr, a)
	return 0
}

func (n *Node) setattr(ctx context.Context, f fs.FileHandle, path string, in *fuse.SetAttrIn) (cache.Attr, error) {
	var a cache.Attr
	ch, err := n.fs.change(in)
	if err != nil {
		return a, err
	}
	size, sized := in.GetSize()
	if sized {
		if h, ok := f.(*handle); ok {
			if err = h.Truncate(ctx, int64(size)); err == nil {
				a = h.Attr()
			}
		} else {
			a, err = n.fs.cache.Truncate(ctx, path, n.ino(), int64(size))
		}
	}
	if err != nil || sized && ch == (cache.Change{}) {
		return a, err
	}
	return n.fs.cache.Setattr(ctx, path, n.ino(), ch)
}

// Access answers access(2) by what the account on the host may do.
func (n *Node) Access(ctx context.Context, mask uint32) syscall.Errno {
	ctx, done := n.fs.interruptible(ctx)
	defer done()
	path, named := n.path()
	if !named {
		return syscall.ENOENT
	}
	return n.fs.errno("access", path, n.fs.cache.Access(ctx, path, n.ino(), mask))
}

// Statfs describes the host's file system.
func (n *Node) Statfs(ctx context.Context, out *fuse.StatfsOut) syscall.Errno {
	ctx, done := n.fs.interruptible(ctx)
	defer done()
	st, err := n.fs.cache.Statfs(ctx)
	if err != nil {
		return n.fs.errno("statfs", "", err)
	}
	*out = fuse.StatfsOut{
		Blocks: st.Blocks, Bfree: st.Bfree, Bavail: st.Bavail, Files: st.Files, Ffree: st.Ffree,
		Bsize: st.Bsize, Frsize: st.Bsize, NameLen: st.Namelen,
	}
	return 0
}

// Readlink gives the target of a symbolic link, verbatim.
func (n *Node) Readlink(ctx context.Context) ([]byte, syscall.Errno) {
	request := ctx
	ctx, done := n.fs.interruptible(ctx)
	defer done()
	path, named := n.path()
	if !named {
		return nil, syscall.ENOENT
	}
	target, err := n.fs.cache.Readlink(ctx, path)
	if errors.Is(err, syscall.ESTALE) {
		return nil, n.fs.staled(request)
	}
	return []byte(target), n.fs.errno("readlink", path, err)
}

// OnForget tells the cache that the kernel has forgotten the node.
func (n *Node) OnForget() {
	n.fs.numbers.forget(n)
	n.fs.cache.Forget(n.ino())
}
