package fusefs

import (
	"context"
	"math"
	"path"
	"slices"
	"strings"
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
	if !n.upToDate() {
		n.fs.leave(ctx, extra{relist: true})
	}
	return &dirHandle{n: n}, fuse.FOPEN_CACHE_DIR, 0
}

// upToDate tells whether the kernel's own copy of a directory is what the
// cache would answer.
func (n *Node) upToDate() bool {
	path, named := n.path()
	listed := n.listed.Load()
	return named && listed != nil && *listed != cache.Names{} && *listed == n.fs.cache.Names(path)
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
	entries, names, err := d.n.fs.list(ctx, path)
	if err != nil {
		return d.n.fs.errno("readdir", path, err)
	}
	d.n.listed.Store(&names)
	d.path, d.entries, d.stamp, d.read = path, entries, stamp, true
	return 0
}

// list lists a directory, and identifies the names in it. They are in order,
// so that an offset is the same place in every listing of the same names: the
// kernel goes on with one where its copy of another ends.
func (f *FS) list(ctx context.Context, path string) ([]cache.Entry, cache.Names, error) {
	const tries = 2 // the names are known after the first
	var entries []cache.Entry
	for range tries {
		names := f.cache.Names(path)
		var err error
		if entries, err = f.cache.Readdir(ctx, path); err != nil {
			return nil, cache.Names{}, err
		}
		slices.SortFunc(entries, func(a, b cache.Entry) int { return strings.Compare(a.Name, b.Name) })
		if names != (cache.Names{}) && names == f.cache.Names(path) {
			return entries, names, nil
		}
	}
	return entries, cache.Names{}, nil
}

// Seekdir goes to an offset that an entry had, perhaps in a snapshot of another
// handle, before this one has any: the kernel reads its copy of that as far as it
// still has it. The beginning takes a new snapshot, as rewinddir(3) does.
func (d *dirHandle) Seekdir(ctx context.Context, off uint64) syscall.Errno {
	if off == 0 {
		d.read = false
	}
	d.next = int(min(off, math.MaxInt32))
	return 0
}

// Lookup gives the kernel the attributes along with the entry it reads: the
// one that Readdirent gave last. What has been changed since the snapshot, by
// somebody who works on the files as he reads their names, is looked up anew.
// An error leaves the attributes out.
func (d *dirHandle) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if !d.n.fs.plus.spend() {
		return nil, syscall.EAGAIN
	}
	i := d.next - 3
	if i >= 0 && i < len(d.entries) && d.entries[i].Name == name && !d.n.fs.cache.Changed(d.path, name, d.stamp) {
		if a, err := d.n.distinct(ctx, name, d.entries[i].Attr); err == nil {
			return d.n.node(ctx, path.Join(d.path, name), a, out), 0
		}
	}
	return d.n.Lookup(ctx, name, out)
}

// Fsyncdir has nothing to wait for: changes of names are on the host when
// they return.
func (d *dirHandle) Fsyncdir(ctx context.Context, flags uint32) syscall.Errno { return 0 }
