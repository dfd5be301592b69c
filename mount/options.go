package mount

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

const (
	defaultSubtype = "scpfs"
	defaultRequest = 1 << 20 // bytes; the kernel's own limit unless fs.fuse.max_pages_limit says otherwise
)

// Options say how a file system is mounted. The zero value mounts for the
// mounting user alone, read and write, with nosuid and nodev.
type Options struct {
	FsName  string // first column of the mount table; the subtype when empty
	Subtype string // the type shown is "fuse." and this; "scpfs" when empty

	AllowOther bool // every user of this machine may enter
	// AllowRoot lets the mounting user and root in. The kernel knows only
	// "all" and "the mounter", so it is told "all" and the rest is refused here.
	AllowRoot          bool
	DefaultPermissions bool // the kernel checks modes and owners, as on a local disk
	ReadOnly           bool

	// Flags are the flag words of mount(8) ([IsFlag]); of opposites the last wins.
	Flags []string

	MaxRead             int // bytes in one read request; 1 MiB when zero
	MaxWrite            int // bytes in one write request; 1 MiB when zero
	MaxReadAhead        int // bytes; the kernel's default when zero
	MaxBackground       int // read-ahead and write-back requests under way; go-fuse's default when zero
	CongestionThreshold int // of those, from where the kernel slows down; 3/4 when zero

	EntryTimeout    *time.Duration // how long a name is believed; as Base says, or 1 s, when nil
	AttrTimeout     *time.Duration // how long attributes are believed; as Base says, or 1 s, when nil
	NegativeTimeout *time.Duration // how long an absence is believed; as Base says, or not at all, when nil

	// AutoUnmount keeps a fusermount3 that unmounts when this process dies
	// without having done so.
	AutoUnmount bool
	EnableLocks bool         // locks are requests to the file system, not the kernel's own
	Debug       bool         // log every request and answer
	Logger      *slog.Logger // discarded when nil

	// Wrap, where not nil, is put around what go-fuse makes of the root.
	Wrap func(fuse.RawFileSystem) fuse.RawFileSystem

	// Base is what go-fuse is given besides: the fields above replace theirs.
	Base fs.Options
}

// words are all flags asked for, in the order in which they count.
func (o Options) words() []string {
	if !o.ReadOnly {
		return o.Flags
	}
	return append(append([]string{}, o.Flags...), "ro")
}

// check refuses what cannot be mounted whatever the directory.
func (o Options) check() error {
	if _, err := flagBits(o.words()); err != nil {
		return err
	}
	if o.AllowOther && o.AllowRoot {
		return errors.New("allow_other and allow_root exclude each other: give one of them")
	}
	if word, ok := unsafeFlag(o.Flags); ok && os.Geteuid() != 0 {
		return fmt.Errorf("mount option %q is for root only: leave it out", word)
	}
	if strings.ContainsRune(o.FsName+o.Subtype, 0) {
		return errors.New("the file system's name has a NUL byte")
	}
	return nil
}

func (o Options) subtype() string { return cmp.Or(o.Subtype, defaultSubtype) }
func (o Options) source() string  { return cmp.Or(o.FsName, o.subtype()) }

// kernelWords are the options of FUSE itself, spelled as the kernel and
// fusermount3 both have them.
func (o Options) kernelWords() []string {
	words := []string{fmt.Sprintf("max_read=%d", cmp.Or(o.MaxRead, defaultRequest))}
	if o.DefaultPermissions {
		words = append(words, "default_permissions")
	}
	if o.AllowOther || o.AllowRoot {
		words = append(words, "allow_other")
	}
	return words
}

// fsOptions is what go-fuse has to know of o. What stands in the mount table is
// not repeated: the descriptor go-fuse gets is mounted already.
func (o Options) fsOptions() *fs.Options {
	f := o.Base
	f.Name, f.FsName = o.subtype(), o.source()
	f.MaxWrite = cmp.Or(o.MaxWrite, defaultRequest)
	f.MaxReadAhead = o.MaxReadAhead
	f.MaxBackground = o.MaxBackground
	f.CongestionThreshold = o.CongestionThreshold
	f.EnableLocks = o.EnableLocks
	f.Debug = o.Debug
	f.EntryTimeout = cmp.Or(o.EntryTimeout, f.EntryTimeout, new(time.Second))
	f.AttrTimeout = cmp.Or(o.AttrTimeout, f.AttrTimeout, new(time.Second))
	f.NegativeTimeout = cmp.Or(o.NegativeTimeout, f.NegativeTimeout)
	f.MountOptions.Logger = slog.NewLogLogger(o.logger().Handler(), o.fuseLevel())
	f.Logger = f.MountOptions.Logger
	return &f
}

// fuseLevel is what a line of go-fuse is worth: without Debug it only writes when
// something is wrong.
func (o Options) fuseLevel() slog.Level {
	if o.Debug {
		return slog.LevelDebug
	}
	return slog.LevelWarn
}

func (o Options) logger() *slog.Logger {
	return cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
}
