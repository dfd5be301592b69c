package cachetest

import (
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/scpfs/scpfs/cache"
)

// ErrTorn is the error of a Fetch whose file changed meanwhile. Like the one
// of the real Remote it is no errno.
var ErrTorn = errors.New("changed while it was being read")

// Dir is a [cache.Remote]: a local directory.
type Dir struct {
	root string

	mu      sync.Mutex // guards the fields below
	calls   map[string]int
	onAbove func(name string, dir cache.Attr, asked time.Time)
}

var _ cache.Remote = (*Dir)(nil)

// NewDir makes a Remote of an existing directory.
func NewDir(root string) *Dir { return &Dir{root: root, calls: map[string]int{}} }

// OnAbove has f told the attributes of the directory in which a name was changed,
// and since when, before the method that has done it returns.
func (d *Dir) OnAbove(f func(name string, dir cache.Attr, asked time.Time)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.onAbove = f
}

// Calls tells how often each method has been called since the last Reset.
func (d *Dir) Calls() map[string]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.calls)
}

// Reset sets the counts of Calls to 0.
func (d *Dir) Reset() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.calls)
}

// enter begins a method: it counts the call, and refuses it when the caller
// has given up.
func (d *Dir) enter(ctx context.Context, method string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls[method]++
	if ctx.Err() != nil {
		return syscall.EINTR
	}
	return nil
}

func (d *Dir) abs(path string) string { return filepath.Join(d.root, path) }

// attr is what lstat(2) says of a path.
func (d *Dir) attr(path string) (cache.Attr, error) {
	var st syscall.Stat_t
	if err := syscall.Lstat(d.abs(path), &st); err != nil {
		return cache.Attr{}, &os.PathError{Op: "lstat", Path: path, Err: err}
	}
	return attrOf(&st), nil
}

func attrOf(st *syscall.Stat_t) cache.Attr {
	return cache.Attr{
		Mode: st.Mode, Nlink: uint32(st.Nlink), UID: st.Uid, GID: st.Gid, Rdev: uint32(st.Rdev),
		Dev: st.Dev, Ino: st.Ino, Size: st.Size, Block: st.Blocks,
		Atime: st.Atim.Nano(), Mtime: st.Mtim.Nano(), Ctime: st.Ctim.Nano(),
	}
}

func sameVersion(a, b cache.Attr) bool {
	return a.Dev == b.Dev && a.Ino == b.Ino && a.Size == b.Size && a.Mtime == b.Mtime && a.Ctime == b.Ctime
}

// Stat implements [cache.Remote].
func (d *Dir) Stat(ctx context.Context, path string) (cache.Entry, error) {
	if err := d.enter(ctx, "Stat"); err != nil {
		return cache.Entry{}, err
	}
	return d.entry(path, "")
}

func (d *Dir) entry(path, name string) (cache.Entry, error) {
	a, err := d.attr(path)
	e := cache.Entry{Name: name, Attr: a}
	if err == nil && a.Mode&syscall.S_IFMT == syscall.S_IFLNK {
		e.Target, err = os.Readlink(d.abs(path))
	}
	return e, err
}

// List implements [cache.Remote]. What goes away meanwhile is left out.
func (d *Dir) List(ctx context.Context, path string) (cache.Entry, []cache.Entry, error) {
	if err := d.enter(ctx, "List"); err != nil {
		return cache.Entry{}, nil, err
	}
	return d.list(path)
}

func (d *Dir) list(path string) (cache.Entry, []cache.Entry, error) {
	self, err := d.entry(path, "")
	if err != nil {
		return cache.Entry{}, nil, err
	}
	found, err := os.ReadDir(d.abs(path))
	if err != nil {
		return cache.Entry{}, nil, err
	}
	var all []cache.Entry
	for _, f := range found {
		e, err := d.entry(filepath.Join(path, f.Name()), f.Name())
		if errors.Is(err, syscall.ENOENT) {
			continue
		}
		if err != nil {
			return cache.Entry{}, nil, err
		}
		all = append(all, e)
	}
	return self, all, nil
}

// Fetch implements [cache.Remote].
func (d *Dir) Fetch(ctx context.Context, path string, have cache.Attr, begin func(cache.Attr) (io.Writer, error)) (cache.Attr, error) {
	if err := d.enter(ctx, "Fetch"); err != nil {
		return cache.Attr{}, err
	}
	return d.fetch(path, have, begin)
}

func (d *Dir) fetch(path string, have cache.Attr, begin func(cache.Attr) (io.Writer, error)) (cache.Attr, error) {
	f, err := os.OpenFile(d.abs(path), os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return cache.Attr{}, err
	}
	defer f.Close()
	before, err := d.attr(path)
	if err != nil || have.Ino != 0 && sameVersion(have, before) {
		return before, err
	}
	if before.Mode&syscall.S_IFMT != syscall.S_IFREG {
		return cache.Attr{}, syscall.EINVAL
	}
	w, err := begin(before)
	if err != nil {
		return cache.Attr{}, err
	}
	if _, err := io.CopyN(w, f, before.Size); err != nil && !errors.Is(err, io.EOF) {
		return cache.Attr{}, err
	}
	after, err := d.attr(path)
	if err == nil && !sameVersion(before, after) {
		err = ErrTorn
	}
	return after, err
}

// Access implements [cache.Remote].
func (d *Dir) Access(ctx context.Context, path string, mask uint32) error {
	if err := d.enter(ctx, "Access"); err != nil {
		return err
	}
	return unix.Faccessat(unix.AT_FDCWD, d.abs(path), mask, unix.AT_EACCESS)
}

// Statfs implements [cache.Remote].
func (d *Dir) Statfs(ctx context.Context, path string) (cache.Statfs, error) {
	if err := d.enter(ctx, "Statfs"); err != nil {
		return cache.Statfs{}, err
	}
	var st unix.Statfs_t
	if err := unix.Statfs(d.abs(path), &st); err != nil {
		return cache.Statfs{}, err
	}
	return cache.Statfs{
		Bsize: uint32(st.Frsize), Blocks: st.Blocks, Bfree: st.Bfree, Bavail: st.Bavail,
		Files: st.Files, Ffree: st.Ffree, Namelen: uint32(st.Namelen),
	}, nil
}

// Clock implements [cache.Remote] by the clock that the kernel stamps files
// with.
func (d *Dir) Clock() int64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_REALTIME_COARSE, &now); err != nil {
		return 0
	}
	return now.Nano()
}
