package cache

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/singleflight"
)

// Options adjust a [Cache].
type Options struct {
	// Dir is the directory of the cache on the local disk, for this host
	// and directory alone. It is made if it does not exist.
	Dir string
	// Size is the budget of clean contents in bytes; 0: none.
	Size int64
	// MinFree is how many bytes of the local disk are left free.
	MinFree int64
	// Timeouts are how long what is known of the host is believed. 0 asks
	// every time.
	Timeouts Timeouts
	// Entries bounds the number of names remembered, in 140 bytes each.
	// Default: 250,000, more than most trees have. In the time that it takes
	// to list more, what was learned first is no longer believed anyway.
	Entries int
	// Ahead bounds what is fetched ahead of those who read. Zero: nothing.
	Ahead AheadLimits
	// WriteBack has changes wait here, on the local disk, and the host told of
	// them in the background.
	WriteBack bool
	// Offline has the remote not asked before [Cache.Online] is called: what
	// earlier mounts knew is shown, and changes wait as with WriteBack.
	Offline bool
	// View names the way in which the remote shows the directory, if there are
	// several: what a mount of another view knew of names is not shown.
	View string
	// Conflict says what is done when a file has been changed here and on
	// the host. Default: [KeepBoth].
	Conflict Policy
	// UID, GID and Groups are the account's on the host, by which access
	// is foreseen.
	UID, GID uint32
	Groups   []uint32
	// Watched has it remembered which directories are in use, as somebody
	// watches them and tells what he hears.
	Watched bool
	// Hostname names this machine in the names of conflict copies.
	Hostname string
	// Logger is told of what a person should know.
	Logger *slog.Logger
}

// AheadLimits are the most that is fetched ahead at a time: bytes of small
// files, and entries of directories and files.
type AheadLimits struct {
	Bytes   int64
	Entries int
}

// Timeouts are how long attributes, listings (and with them that a name does
// not exist) and targets of symbolic links are believed.
type Timeouts struct{ Stat, Dir, Link time.Duration }

// SameTimeouts believes everything as long.
func SameTimeouts(d time.Duration) Timeouts { return Timeouts{d, d, d} }

// Cache is a directory of a host with a cache on the local disk.
//
// Paths are relative to the directory, slash-separated; "" is the directory
// itself. Methods return the errors of the [Remote] or of the local disk,
// which wrap a syscall.Errno.
//
// Locks, in the order in which they are taken: names (shared by everything
// that uses a path on the host for more than one round trip, exclusive for
// the rename of a directory), File.busy, then for a moment each Cache.mu,
// File.mu, and those of tree, disk and inodes.
type Cache struct {
	remote Remote
	o      Options
	log    *slog.Logger
	disk   *disk
	tree   *tree
	ino    *inodes
	names  gate
	temps  *tempNames

	conflicts *conflictList

	flight singleflight.Group
	walks  walks
	ahead  ahead
	space  space
	root   prompt[Entry]
	uses   *uses
	notice atomic.Pointer[func(Notice)]
	users  atomic.Pointer[func(uint64) bool]
	// backlog are the changes that wait.
	backlog  *backlog
	offline  atomic.Bool
	back     chan struct{} // has something when the host is back
	recalled sync.Once     // what earlier mounts knew
	saved    uint64        // tree.news when it was written down last; for who does

	ctx    context.Context // of the mount: ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup // stores that nobody waits for
	loops  sync.WaitGroup // goroutines that end with ctx

	mu    sync.Mutex // guards the fields below
	files map[uint64]*File
	live  map[string]map[string]*File // by directory and name
}

// Open opens the cache of a remote directory, and sends what an earlier
// mount has left unsent.
func Open(ctx context.Context, remote Remote, o Options) (*Cache, error) {
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	o.Entries = cmp.Or(o.Entries, 250_000)
	o.Ahead.Entries = min(o.Ahead.Entries, o.Entries/2) // or they go before they are read
	var root Listing
	at := time.Now()
	if !o.Offline {
		var err error
		if root.Self, root.Entries, err = remote.List(ctx, ""); err != nil {
			return nil, err
		}
	}
	d, err := openDisk(o.Dir, o.Size, o.MinFree, o.Logger)
	if err != nil {
		return nil, err
	}
	c := &Cache{
		remote: remote, o: o, log: o.Logger, disk: d,
		tree: newTree(o.Entries), ino: newInodes(root.Self.Attr.Dev), names: newGate(),
		temps: newTempNames(), backlog: newBacklog(), uses: newUses(o.Watched),
		files: map[uint64]*File{}, live: map[string]map[string]*File{},
		back: make(chan struct{}, 1),
	}
	c.offline.Store(o.Offline)
	c.conflicts = openConflicts(d, o.Dir)
	c.ctx, c.cancel = context.WithCancel(context.Background())
	if err = c.begin(ctx, root, at); err != nil {
		c.cancel()
		d.unlock()
		return nil, err
	}
	c.loops.Go(c.retry)
	c.loops.Go(c.drain)
	c.loops.Go(c.keepSaving)
	return c, nil
}

// begin takes in what is known at the start: of the host, asked at a time, and of
// earlier mounts.
func (c *Cache) begin(ctx context.Context, root Listing, at time.Time) error {
	if c.o.Offline {
		if err := c.openOffline(); err != nil {
			return err
		}
		_, err := c.recover(ctx)
		return err
	}
	c.tree.learn("", 0, root.Self, at)
	clean, err := c.recover(ctx)
	// An empty directory is one that something is about to come into: it is asked for
	// again when somebody looks.
	if clean && len(root.Entries) > 0 && c.o.Ahead.Entries > 0 {
		c.tree.learnList("", 0, root.Self, root.Entries, at)
	}
	return err
}

// Unsent is the error of Close when the host does not have everything. The
// rest stays in the log, and is sent by the next mount.
type Unsent struct {
	Paths []string // on the host
	Dir   string   // of the log
	Err   error    // why the first was not sent
}

func (e *Unsent) Error() string { return "changes were not sent: " + e.Err.Error() }
func (e *Unsent) Unwrap() error { return e.Err }

// Close sends what is dirty, and closes the cache. Files still open are of
// no more use. A host that is away is waited for once, not for each file.
func (c *Cache) Close(ctx context.Context) error {
	defer context.AfterFunc(ctx, c.cancel)()
	c.wg.Wait()
	_ = c.backlog.wait(ctx, func(*change) bool { return true })
	c.cancel()
	c.loops.Wait()
	unsent := &Unsent{Dir: c.disk.dir, Err: c.send(ctx, c.backlog.all())}
	for _, ch := range c.backlog.all() {
		if ch.kind != storing {
			unsent.Paths = append(unsent.Paths, ch.path)
		}
	}
	for _, f := range c.snapshot() {
		if err := f.storeLast(ctx, unsent.Err); err != nil {
			unsent.Err = cmp.Or(unsent.Err, err)
			unsent.Paths = append(unsent.Paths, f.path())
		}
		f.shut()
	}
	c.save()
	err := c.disk.close(c.ino)
	if len(unsent.Paths) > 0 {
		return errors.Join(unsent, err)
	}
	return err
}

// storeLast is store, but for a host that was away before does not ask again.
func (f *File) storeLast(ctx context.Context, before error) error {
	if away(before) && f.unsent() {
		f.promiseLast()
		return before
	}
	return f.store(ctx)
}

// promiseLast has the log say that what the file has was flushed, unless a program
// was still writing to it: nobody will any more.
func (f *File) promiseLast() {
	f.mu.Lock()
	var err error
	if f.refs == 0 {
		err = f.noteLocked(true)
	}
	if f.refs == 0 && err == nil {
		f.dropKeptLocked()
		err = f.obj.f.Sync()
	}
	f.mu.Unlock()
	if err = errors.Join(err, f.c.disk.changes.sync()); err != nil {
		f.c.log.Warn("the log cannot be written", "path", f.path(), "err", err)
	}
}

func (c *Cache) snapshot() []*File {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]*File, 0, len(c.files))
	for _, f := range c.files {
		all = append(all, f)
	}
	return all
}

// maxName is how many bytes a name has at most on the file systems of most
// hosts.
const maxName = 255

// Forget says that the kernel no longer knows an inode number.
func (c *Cache) Forget(ino uint64) {
	if c.byNumber(ino) == nil {
		c.ino.forget(ino)
	}
}

// Root is the inode number of the directory itself.
func (c *Cache) Root() uint64 {
	a, _ := c.tree.peek("")
	return c.ino.number(idOf(a))
}

// CacheDir is where the cache is on the local disk.
func (c *Cache) CacheDir() string { return c.disk.dir }

// isGone tells whether an error says that a name does not exist.
func isGone(err error) bool {
	return errors.Is(err, syscall.ENOENT) || errors.Is(err, os.ErrNotExist)
}
