package scpio

import "syscall"

// Attr are the attributes of one file on the host, as lstat(2) there tells
// them. It is an alias of a plain struct so that a package which declares
// the same struct can use a [Client] through an interface of its own
// without importing this package.
type Attr = struct {
	Mode  uint32 // file type and permission bits, as st_mode on Linux
	Nlink uint32
	UID   uint32
	GID   uint32
	Rdev  uint32 // of a device, in the kernel's encoding (major<<8 | minor for small numbers)
	Dev   uint64
	Ino   uint64
	Size  int64 // bytes
	Block int64 // allocated, in units of 512 bytes
	Atime int64 // nanoseconds since 1970
	Mtime int64 // nanoseconds since 1970
	Ctime int64 // nanoseconds since 1970
}

// Entry is a name in a directory with what is known of it.
type Entry = struct {
	Name   string
	Target string // where a symbolic link points, verbatim
	Attr   Attr
}

// Change says which attributes [Client.Setattr] is to set: those whose
// pointer is not nil. Times are nanoseconds since 1970.
type Change = struct {
	Mode         *uint32 // permission bits, 07777
	UID, GID     *uint32
	Atime, Mtime *int64
}

// Statfs describes a file system of the host, as statvfs(3) does.
type Statfs = struct {
	Bsize   uint32 // fragment size, the unit of the block counts
	Blocks  uint64
	Bfree   uint64
	Bavail  uint64
	Files   uint64
	Ffree   uint64
	Namelen uint32
}

// sameVersion tells whether two attributes describe the same contents: the
// same inode that nobody has written to or changed in between.
func sameVersion(a, b Attr) bool {
	return a.Ino == b.Ino && a.Size == b.Size && a.Mtime == b.Mtime && a.Ctime == b.Ctime
}

func isRegular(a Attr) bool { return a.Mode&syscall.S_IFMT == syscall.S_IFREG }
func isDir(a Attr) bool     { return a.Mode&syscall.S_IFMT == syscall.S_IFDIR }
func isDevice(a Attr) bool {
	t := a.Mode & syscall.S_IFMT
	return t == syscall.S_IFCHR || t == syscall.S_IFBLK
}
