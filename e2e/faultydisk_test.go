package e2e_test

import (
	"context"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// faultyDisk is a disk for caches that fails as told: a file system of this
// process, in front of an ordinary directory.
type faultyDisk struct {
	dir    string       // where it is mounted
	writes atomic.Int32 // the errno of writes, 0 for none
	reads  atomic.Int32
	syncs  atomic.Int32
}

// newFaultyDisk mounts one until the test has ended. To be called before the
// mount that uses it is made.
func newFaultyDisk(t *testing.T) *faultyDisk {
	t.Helper()
	needRoot(t)
	d := &faultyDisk{dir: newDir(t, "")}
	below := newDir(t, "")
	loopback, err := fs.NewLoopbackRoot(below)
	if err != nil {
		t.Fatal(err)
	}
	top := &faultyNode{loopback.(*fs.LoopbackNode), d}
	server, err := fs.Mount(d.dir, top, &fs.Options{MountOptions: fuse.MountOptions{DirectMountStrict: true, FsName: "faulty"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Unmount(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// mend ends all faults.
func (d *faultyDisk) mend() {
	for _, fault := range []*atomic.Int32{&d.writes, &d.reads, &d.syncs} {
		fault.Store(0)
	}
}

type faultyNode struct {
	*fs.LoopbackNode
	disk *faultyDisk
}

// WrapChild makes the nodes below faulty as well.
func (n *faultyNode) WrapChild(_ context.Context, ops fs.InodeEmbedder) fs.InodeEmbedder {
	return &faultyNode{ops.(*fs.LoopbackNode), n.disk}
}

func (n *faultyNode) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	h, _, errno := n.LoopbackNode.Open(ctx, flags)
	return n.wrap(h), fuse.FOPEN_DIRECT_IO, errno
}

func (n *faultyNode) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	inode, h, _, errno := n.LoopbackNode.Create(ctx, name, flags, mode, out)
	return inode, n.wrap(h), fuse.FOPEN_DIRECT_IO, errno
}

func (n *faultyNode) wrap(h fs.FileHandle) fs.FileHandle {
	if f, ok := h.(*fs.LoopbackFile); ok {
		return &faultyFile{f, n.disk}
	}
	return h
}

type faultyFile struct {
	*fs.LoopbackFile
	disk *faultyDisk
}

func (f *faultyFile) Read(ctx context.Context, buf []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	if no := syscall.Errno(f.disk.reads.Load()); no != 0 {
		return nil, no
	}
	return f.LoopbackFile.Read(ctx, buf, off)
}

func (f *faultyFile) Write(ctx context.Context, data []byte, off int64) (uint32, syscall.Errno) {
	if no := syscall.Errno(f.disk.writes.Load()); no != 0 {
		return 0, no
	}
	return f.LoopbackFile.Write(ctx, data, off)
}

func (f *faultyFile) Fsync(ctx context.Context, flags uint32) syscall.Errno {
	if no := syscall.Errno(f.disk.syncs.Load()); no != 0 {
		return no
	}
	return f.LoopbackFile.Fsync(ctx, flags)
}
