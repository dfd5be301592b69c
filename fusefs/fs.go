package fusefs

import (
	"cmp"
	"context"
	"log/slog"
	"sync"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/scpfs/scpfs/cache"
)

// Options adjust what the kernel is shown. The zero value shows the host's
// own ids and modes.
type Options struct {
	// UID and GID, where not nil, are shown as the owner of everything.
	UID, GID *uint32
	// Umask, where not nil, makes the mode of everything 0777 without its
	// bits.
	Umask *uint32
	// Map shows files of one id as another's, and maps back what chown(2)
	// says. The zero value maps nothing.
	Map IDMap
	// Logger is told of errors that no errno can express.
	Logger *slog.Logger
}

// IDMap pairs the account on the host with the user here.
type IDMap struct {
	On                  bool
	RemoteUID, LocalUID uint32
	RemoteGID, LocalGID uint32
}

// FS is a mounted file system.
type FS struct {
	cache *cache.Cache
	o     Options
	log   *slog.Logger
	ctx   context.Context // ends when the mount does
	stop  context.CancelFunc
	odd   sync.Map // operations and paths of errors already logged
}

// New makes a file system of a cache.
func New(c *cache.Cache, o Options) *FS {
	f := &FS{cache: c, o: o, log: cmp.Or(o.Logger, slog.New(slog.DiscardHandler))}
	f.ctx, f.stop = context.WithCancel(context.Background())
	return f
}

// Root is the node to mount.
func (f *FS) Root() fs.InodeEmbedder { return &Node{fs: f} }

// Options are what go-fuse must be told for this file system.
func (f *FS) Options() fs.Options {
	return fs.Options{
		NullPermissions: true, // a mode of 0000 is one
		RootStableAttr:  &fs.StableAttr{Ino: f.cache.Root()},
		MountOptions: fuse.MountOptions{
			DisableXAttrs: true, // refused as not supported, without a request each
			// An open that truncates need not fetch what it truncates.
			ExtraCapabilities: fuse.CAP_ATOMIC_O_TRUNC,
		},
	}
}

// Interrupt ends the waiting of all requests under way, with EINTR. It is
// for the end of the mount.
func (f *FS) Interrupt() { f.stop() }
