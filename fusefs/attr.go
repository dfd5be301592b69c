package fusefs

import (
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/scpfs/scpfs/cache"
)

// fill makes attributes of the cache those that the kernel is shown.
func (f *FS) fill(out *fuse.Attr, a cache.Attr) {
	out.Ino = a.Ino
	out.Mode = f.mode(a.Mode)
	out.Nlink = a.Nlink
	out.Uid, out.Gid = f.owner(a)
	out.Rdev = a.Rdev
	out.Size = uint64(a.Size)
	out.Blocks = uint64(a.Block)
	out.Blksize = 128 << 10 // what programs copy in
	out.Atime, out.Atimensec = timespec(a.Atime)
	out.Mtime, out.Mtimensec = timespec(a.Mtime)
	out.Ctime, out.Ctimensec = timespec(a.Ctime)
}

func timespec(ns int64) (uint64, uint32) {
	t := time.Unix(0, ns)
	return uint64(t.Unix()), uint32(t.Nanosecond())
}

func (f *FS) mode(mode uint32) uint32 {
	if f.o.Umask == nil {
		return mode
	}
	return mode&syscall.S_IFMT | 0o777&^*f.o.Umask
}

func (f *FS) owner(a cache.Attr) (uid, gid uint32) {
	uid, gid = a.UID, a.GID
	if m := f.o.Map; m.On {
		uid = swap(uid, m.RemoteUID, m.LocalUID)
		gid = swap(gid, m.RemoteGID, m.LocalGID)
	}
	if f.o.UID != nil {
		uid = *f.o.UID
	}
	if f.o.GID != nil {
		gid = *f.o.GID
	}
	return uid, gid
}

// swap exchanges two ids, so that no two become the same.
func swap(id, a, b uint32) uint32 {
	switch id {
	case a:
		return b
	case b:
		return a
	}
	return id
}

// change reads what a SETATTR asks for, but the size.
func (f *FS) change(in *fuse.SetAttrIn) cache.Change {
	var ch cache.Change
	if mode, ok := in.GetMode(); ok {
		mode &= 0o7777
		ch.Mode = &mode
	}
	m := f.o.Map
	if uid, ok := in.GetUID(); ok {
		if m.On {
			uid = swap(uid, m.RemoteUID, m.LocalUID)
		}
		ch.UID = &uid
	}
	if gid, ok := in.GetGID(); ok {
		if m.On {
			gid = swap(gid, m.RemoteGID, m.LocalGID)
		}
		ch.GID = &gid
	}
	if t, ok := in.GetATime(); ok {
		ns := t.UnixNano()
		ch.Atime = &ns
	}
	if t, ok := in.GetMTime(); ok {
		ns := t.UnixNano()
		ch.Mtime = &ns
	}
	return ch
}

func stable(a cache.Attr) fs.StableAttr {
	return fs.StableAttr{Mode: a.Mode & syscall.S_IFMT, Ino: a.Ino}
}
