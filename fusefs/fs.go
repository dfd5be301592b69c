package fusefs

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/hashicorp/golang-lru/v2/simplelru"

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
	// Believe says how long the kernel believes answers. The zero value
	// leaves that to the cache.
	Believe Believe
	// Direct has the kernel read complete contents itself, without asking
	// (FUSE_PASSTHROUGH), where it can.
	Direct bool
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
	root  *Node
	plus  plus
	crowd crowd
	odd   *lru.Cache[string, struct{}] // operations and paths of errors already logged
	said  sync.Map                     // what nodes leave for the bridge
	lend  lending
	tells notifier

	numbers numbers
	mountID atomic.Pointer[string] // see Mounted

	mu    sync.Mutex                        // guards stale
	stale *simplelru.LRU[uint32, time.Time] // threads that were answered ESTALE, and when
}

// New makes a file system of a cache.
func New(c *cache.Cache, o Options) *FS {
	f := &FS{cache: c, o: o, log: cmp.Or(o.Logger, slog.New(slog.DiscardHandler)), odd: newOdd()}
	f.root = &Node{fs: f}
	f.stale = newStale()
	f.crowd.f = f
	f.plus.looked() // a small tree is given with its attributes
	f.ctx, f.stop = context.WithCancel(context.Background())
	f.tells.f = f
	f.lend.refused.Store(!o.Direct)
	c.OnNotice(f.tells.add)
	c.InUseBy(func(ino uint64) bool { return f.numbers.has(ino) != nil })
	return f
}

// Root is the node to mount.
func (f *FS) Root() fs.InodeEmbedder { return f.root }

// Options are what go-fuse must be told for this file system.
func (f *FS) Options() fs.Options {
	return fs.Options{
		// Each answer says itself how long it may be believed.
		EntryTimeout: new(time.Duration), AttrTimeout: new(time.Duration),
		NullPermissions: true, // a mode of 0000 is one
		RootStableAttr:  &fs.StableAttr{Ino: f.cache.Root()},
		MountOptions: fuse.MountOptions{
			DisableXAttrs: true, // refused as not supported, without a request each
			// An open that truncates need not fetch what it truncates.
			ExtraCapabilities: fuse.CAP_ATOMIC_O_TRUNC,
			// Pages are dropped when the contents are others, not when
			// the time is another, as it is after each store.
			ExplicitDataCacheControl: true,
			MaxStackDepth:            1, // the local disk, itself on nothing
		},
	}
}

// Interrupt ends the waiting of all requests under way, with EINTR. It is
// for the end of the mount.
func (f *FS) Interrupt() { f.stop() }

// Close ends what goes on besides requests. It is for when the mount has
// ended.
func (f *FS) Close() {
	f.stop()
	f.tells.close()
	f.crowd.close()
}
