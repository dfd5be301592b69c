package fusefs

import (
	"context"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// bridge puts into answers what the nodes of go-fuse cannot say. A node
// leaves it for the request it works on, which its cancel channel stands for.
type bridge struct {
	fuse.RawFileSystem
	fs *FS
}

// extra is what a node has left.
type extra struct {
	relist  bool  // the kernel's copy of a directory is no good
	backing int32 // what the kernel knows the local file by that it is to read; 0: none
}

// Wrap completes what go-fuse makes of the file system.
func (f *FS) Wrap(raw fuse.RawFileSystem) fuse.RawFileSystem {
	return &bridge{RawFileSystem: raw, fs: f}
}

// leave leaves something for the request of a context.
func (f *FS) leave(ctx context.Context, e extra) {
	if request, ok := ctx.(*fuse.Context); ok {
		f.said.Store(request.Cancel, e)
	}
}

func (b *bridge) take(cancel <-chan struct{}) extra {
	if e, ok := b.fs.said.LoadAndDelete(cancel); ok {
		return e.(extra)
	}
	return extra{}
}

// Init takes the connection to the kernel.
func (b *bridge) Init(server *fuse.Server) {
	b.fs.lend.server = server
	b.RawFileSystem.Init(server)
}

// Lookup makes a missing name one that the kernel may remember to be
// missing, for the time in the answer.
func (b *bridge) Lookup(cancel <-chan struct{}, header *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	status := b.RawFileSystem.Lookup(cancel, header, name, out)
	if status == fuse.Status(syscall.ENOENT) && out.EntryTimeout() > 0 {
		return fuse.OK // with the node id 0
	}
	return status
}

// OpenDir tells the kernel to keep its own copy of a directory, and not to
// use the one it has if that is no good; go-fuse takes the one for the
// other.
func (b *bridge) OpenDir(cancel <-chan struct{}, input *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	status := b.RawFileSystem.OpenDir(cancel, input, out)
	if b.take(cancel).relist {
		out.OpenFlags &^= fuse.FOPEN_KEEP_CACHE
	}
	return status
}

// Open and Create say which local file the kernel is to read. go-fuse could
// do so, too, but reuses a file of the same inode that we are done with.
func (b *bridge) Open(cancel <-chan struct{}, input *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	status := b.RawFileSystem.Open(cancel, input, out)
	out.BackingID = b.take(cancel).backing
	return status
}

// Create is Open for a new file.
func (b *bridge) Create(cancel <-chan struct{}, input *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	status := b.RawFileSystem.Create(cancel, input, name, out)
	out.BackingID = b.take(cancel).backing
	return status
}
