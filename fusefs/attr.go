package fusefs

import (
	"errors"
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

// change reads what a SETATTR asks for, but the size. EINVAL says that a time
// is not between 1678 and 2262, which is all that can be kept.
func (f *FS) change(in *fuse.SetAttrIn) (cache.Change, error) {
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
	var err1, err2 error
	ch.Atime, err1 = nanoseconds(in.GetATime())
	ch.Mtime, err2 = nanoseconds(in.GetMTime())
	return ch, errors.Join(err1, err2)
}

// nanoseconds since 1970 of a time, if there is one.
func nanoseconds(t time.Time, ok bool) (*int64, error) {
	if !ok {
		return nil, nil
	}
	ns := t.UnixNano()
	if !time.Unix(0, ns).Equal(t) {
		return nil, syscall.EINVAL
	}
	return &ns, nil
}

func stable(a cache.Attr) fs.StableAttr {
	return fs.StableAttr{Mode: a.Mode & syscall.S_IFMT, Ino: a.Ino}
}
