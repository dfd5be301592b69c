package cache

import (
	"context"
	"io"
	"syscall"
)

// Remote is the host as the cache sees it: one directory with everything
// below. Paths are relative to it, slash-separated and clean; "" is the
// directory itself. Every method is a round trip or two; errors wrap a
// syscall.Errno. ESTALE says that a file is not the version expected.
//
// The interface is stated in aliases of plain structs, so that a package
// that talks to hosts can meet it without importing this one.
type Remote interface {
	Stat(ctx context.Context, path string) (Entry, error)
	List(ctx context.Context, path string) (self Entry, entries []Entry, err error)
	// ListTree lists a directory and everything below, calling each with
	// every directory that is complete, up to about limit entries; more
	// says that there were more. After an error none is to be believed.
	ListTree(ctx context.Context, path string, limit int, each func(Listing)) (more bool, err error)
	// Fetch writes a file's contents to what begin returns, unless they are the
	// version have. begin is called again where it has to begin anew.
	Fetch(ctx context.Context, path string, have Attr, begin func(Attr) (io.Writer, error)) (Attr, error)

	// FetchMany fetches small files in one stream: for each path in turn it
	// calls begin as Fetch does, and then done with how it went.
	FetchMany(ctx context.Context, paths []string, begin func(i int, a Attr) (io.Writer, error), done func(i int, a Attr, err error)) error
	// FetchRange writes part of a file of the version have to w. ESTALE
	// says that it is another version; an error without an errno, that it
	// became one meanwhile.
	FetchRange(ctx context.Context, path string, have Attr, off, size int64, w io.Writer) error
	// FetchTail gives at most so many bytes of a file of any version, from an
	// offset on, and its attributes after that.
	FetchTail(ctx context.Context, path string, off, most int64) (Attr, []byte, error)

	// Store replaces or makes a file. An error with attributes says that
	// the contents were copied in place, and only half of them: it is the
	// version that there is now.
	Store(ctx context.Context, path string, u Upload) (Attr, error)
	// Batch makes changes in turn without waiting for one before the next
	// is sent, and calls done for each. A step that is refused stops none
	// of the others; what was on its way when the connection ended has the
	// error of that, which Batch returns, and what was certainly not
	// executed has ECANCELED. Stores into one directory that follow each
	// other may be under way in a directory called as the Temp of the first
	// with a "+".
	Batch(ctx context.Context, steps []Step, done func(i int, a Attr, err error)) error
	// Discard removes what an upload or a batch has left under a Temp.
	Discard(ctx context.Context, temp string) error
	Create(ctx context.Context, path string, mode uint32) (Attr, error)
	Mkdir(ctx context.Context, path string, mode uint32) (Attr, error)
	Mknod(ctx context.Context, path string, mode, rdev uint32) (Attr, error)
	Symlink(ctx context.Context, target, path string) (Attr, error)
	Link(ctx context.Context, path, link string) (Attr, error)
	Remove(ctx context.Context, path string) error
	Rmdir(ctx context.Context, path string) error
	Rename(ctx context.Context, from, to string, flags uint32) (Attr, error)
	// RemoveIf and RenameIf do what Remove, and Rename without flags, do, if
	// the files have the contents of these versions (inode, size, time of the
	// last write). One whose Ino is 0 says that there is none, nil that it may
	// be any; one of a directory that there is one. Else, also when a file is
	// gone, the error is ESTALE.
	RemoveIf(ctx context.Context, path string, have Attr) error
	RenameIf(ctx context.Context, from, to string, old, over *Attr) (Attr, error)
	Setattr(ctx context.Context, path string, ch Change) (Attr, error)
	Truncate(ctx context.Context, path string, have Attr, size int64) (Attr, error)

	Access(ctx context.Context, path string, mask uint32) error
	Statfs(ctx context.Context, path string) (Statfs, error)

	// Clock gives a time in nanoseconds since 1970 that is certainly past
	// by the clock that stamps the files.
	Clock() int64
}

// Attr are the attributes of a file. From a Remote, Dev and Ino are the
// host's; what the cache returns has its own stable inode number in Ino.
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

// Listing is one directory of a subtree.
type Listing = struct {
	Path    string // of the directory
	Self    Entry  // the directory itself, without a name
	Entries []Entry
}

// Change says which attributes are to be set: those whose pointer is not
// nil. Times are nanoseconds since 1970.
type Change = struct {
	Mode         *uint32 // permission bits, 07777
	UID, GID     *uint32
	Atime, Mtime *int64
}

// Upload is a store: the new contents of a file and what goes with them.
type Upload = struct {
	Contents io.ReaderAt
	Size     int64 // of Contents, in bytes
	// Keep is how many bytes Contents has in common, from the first on, with
	// the file in the version Expect: the host has them, and they are not sent.
	Keep  int64
	Mode  uint32 // permission bits
	Atime int64  // nanoseconds since 1970, kept to the microsecond
	Mtime int64  // nanoseconds since 1970
	// Expect is the version of the file that the contents replace; a zero
	// one says that there must be no file yet.
	Expect Attr
	// Temp is a name in the same directory that nobody else uses, nor the
	// same with a "+": what the contents are called until they are complete.
	// Both may be left where a host or a connection fails.
	Temp string
	// From, if not "", is a file of the remote that has the contents as
	// long as it is the version FromHave: they are copied there, and
	// Contents is not used.
	From     string
	FromHave Attr
}

// Step is one change of a batch. Op says which, and which of the other fields
// are used:
//
//	store    Path, Upload: of 128 KiB at most
//	mkdir    Path, Mode
//	symlink  Path, Target
//	rename   Path, To: replaces what it can, as rename(2)
//	remove   Path; Upload.Expect is as in RemoveIf, unless its Ino is 0
//	rmdir    Path
//	setattr  Path, Change
type Step = struct {
	Op     string
	Path   string
	To     string // the new name
	Target string // the text of the link
	Mode   uint32 // permission bits
	Upload Upload // without From; Keep is of no use
	Change Change
}

// Statfs describes a file system, as statvfs(3) does.
type Statfs = struct {
	Bsize   uint32 // fragment size, the unit of the block counts
	Blocks  uint64
	Bfree   uint64
	Bavail  uint64
	Files   uint64
	Ffree   uint64
	Namelen uint32
}

// fileID is a file's identity on the host.
type fileID struct{ dev, ino uint64 }

func idOf(a Attr) fileID { return fileID{a.Dev, a.Ino} }

// sameVersion tells whether two attributes describe the same contents: the
// same inode, that nobody has written to or changed in between.
func sameVersion(a, b Attr) bool {
	return sameContents(a, b) && a.Ctime == b.Ctime
}

// sameContents is sameVersion over a change of attributes that was our own
// doing: the status change time may differ.
func sameContents(a, b Attr) bool {
	return a.Ino == b.Ino && a.Dev == b.Dev && a.Size == b.Size && a.Mtime == b.Mtime
}

func isRegular(a Attr) bool { return a.Mode&syscall.S_IFMT == syscall.S_IFREG }
func isDir(a Attr) bool     { return a.Mode&syscall.S_IFMT == syscall.S_IFDIR }

// linked tells whether a file has several names.
func linked(a Attr) bool { return a.Nlink > 1 && !isDir(a) }
