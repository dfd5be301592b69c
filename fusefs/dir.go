package fusefs

import (
	"context"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/scpfs/scpfs/cache"
)

// dirHandle is an open directory: a snapshot of its entries, made when it is
// read from the beginning. An entry's offset is its place, so that seekdir
// and a read that the kernel repeats find it again.
type dirHandle struct {
	n       *Node
	path    string
	entries []cache.Entry
	stamp   uint64 // of the cache, before it was read
	next    int
	read    bool
}

var _ = (interface {
	fs.FileReaddirenter
	fs.FileSeekdirer
	fs.FileLookuper
	fs.FileFsyncdirer
})((*dirHandle)(nil))

// OpendirHandle opens a directory. What is in it is asked when it is read.
func (n *Node) OpendirHandle(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return &dirHandle{n: n}, 0, 0
}

// Readdirent gives the next entry.
func (d *dirHandle) Readdirent(ctx context.Context) (*fuse.DirEntry, syscall.Errno) {
	if errno := d.fill(ctx); errno != 0 {
		return nil, errno
	}
	const dots = 2 // "." and ".."
	i := d.next - dots
	if i >= len(d.entries) {
		return nil, 0
	}
	d.next++
	e := fuse.DirEntry{Off: uint64(d.next), Mode: syscall.S_IFDIR, Ino: d.n.ino()}
	switch i {
	case -2:
		e.Name = "."
	case -1:
		e.Name = ".."
	default:
		e.Name, e.Mode, e.Ino = d.entries[i].Name, d.entries[i].Attr.Mode, d.entries[i].Attr.Ino
	}
	return &e, 0
}

func (d *dirHandle) fill(ctx context.Context) syscall.Errno {
	if d.read {
		return 0
	}
	ctx, done := d.n.fs.interruptible(ctx)
	defer done()
	path, named := d.n.path()
	if !named {
		d.entries, d.read = nil, true // removed: nothing is in it
		return 0
	}
	stamp := d.n.fs.cache.Stamp()
	entries, err := d.n.fs.cache.Readdir(ctx, path)
	if err != nil {
		return d.n.fs.errno("readdir", path, err)
	}
	d.path, d.entries, d.stamp, d.read = path, entries, stamp, true
	return 0
}

// Seekdir goes to an offset that an entry had. The beginning takes a new
// snapshot, as rewinddir(3) does.
func (d *dirHandle) Seekdir(ctx context.Context, off uint64) syscall.Errno {
	if off == 0 {
		d.read = false
	}
	d.next = int(min(off, uint64(len(d.entries)+2)))
	return 0
}

// Lookup gives the kernel the attributes along with the entry it reads: the
// one that Readdirent gave last. What has been changed since the snapshot, by
// somebody who works on the files as he reads their names, is looked up anew.
func (d *dirHandle) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	i := d.next - 3
	if i >= 0 && i < len(d.entries) && d.entries[i].Name == name && !d.n.fs.cache.Changed(d.path, name, d.stamp) {
		return d.n.node(ctx, d.entries[i].Attr, out), 0
	}
	return d.n.Lookup(ctx, name, out)
}

// Fsyncdir has nothing to wait for: changes of names are on the host when
// they return.
func (d *dirHandle) Fsyncdir(ctx context.Context, flags uint32) syscall.Errno { return 0 }
