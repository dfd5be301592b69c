package cachetest

import (
	"context"
	"os"
	"path"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/scpfs/scpfs/cache"
)

// change makes a change and gives the attributes of what it has touched.
func (d *Dir) change(ctx context.Context, method, name string, do func(abs string) error) (cache.Attr, error) {
	asked := time.Now()
	if err := d.enter(ctx, method); err != nil {
		return cache.Attr{}, err
	}
	if err := do(d.abs(name)); err != nil {
		return cache.Attr{}, &os.PathError{Op: method, Path: name, Err: err}
	}
	a, err := d.attr(name)
	if err == nil && method != "Setattr" && method != "Truncate" {
		d.tellAbove(name, asked)
	}
	return a, err
}

// tellAbove tells what the directory of a name that was changed has become.
func (d *Dir) tellAbove(name string, asked time.Time) {
	d.mu.Lock()
	f := d.onAbove
	d.mu.Unlock()
	if a, err := d.attr(path.Dir(name)); err == nil && f != nil {
		f(name, a, asked)
	}
}

// remove removes a name if it is still as it should be.
func (d *Dir) remove(ctx context.Context, method, name string, have *cache.Attr, do func(abs string) error) error {
	asked := time.Now()
	if err := d.enter(ctx, method); err != nil {
		return err
	}
	if have != nil && !d.still(name, have) {
		return syscall.ESTALE
	}
	if err := do(d.abs(name)); err != nil {
		return err
	}
	d.tellAbove(name, asked)
	return nil
}

// exact gives a new file the mode that was asked for, whatever the umask of
// this process; a set-group-ID bit that it has inherited stays.
func exact(abs string, mode uint32) error {
	var st syscall.Stat_t
	if err := syscall.Lstat(abs, &st); err != nil {
		return err
	}
	return syscall.Chmod(abs, mode&07777|st.Mode&syscall.S_ISGID)
}

// Create implements [cache.Remote].
func (d *Dir) Create(ctx context.Context, path string, mode uint32) (cache.Attr, error) {
	return d.change(ctx, "Create", path, func(abs string) error {
		fd, err := syscall.Open(abs, syscall.O_CREAT|syscall.O_EXCL|syscall.O_WRONLY|syscall.O_CLOEXEC, mode)
		if err != nil {
			return err
		}
		syscall.Close(fd)
		return exact(abs, mode)
	})
}

// Mkdir implements [cache.Remote].
func (d *Dir) Mkdir(ctx context.Context, path string, mode uint32) (cache.Attr, error) {
	return d.change(ctx, "Mkdir", path, func(abs string) error {
		if err := syscall.Mkdir(abs, mode); err != nil {
			return err
		}
		return exact(abs, mode)
	})
}

// Mknod implements [cache.Remote].
func (d *Dir) Mknod(ctx context.Context, path string, mode, rdev uint32) (cache.Attr, error) {
	return d.change(ctx, "Mknod", path, func(abs string) error {
		if err := syscall.Mknod(abs, mode, int(rdev)); err != nil {
			return err
		}
		return exact(abs, mode)
	})
}

// Symlink implements [cache.Remote].
func (d *Dir) Symlink(ctx context.Context, target, path string) (cache.Attr, error) {
	return d.change(ctx, "Symlink", path, func(abs string) error { return syscall.Symlink(target, abs) })
}

// Link implements [cache.Remote].
func (d *Dir) Link(ctx context.Context, path, link string) (cache.Attr, error) {
	return d.change(ctx, "Link", link, func(abs string) error { return syscall.Link(d.abs(path), abs) })
}

// Remove implements [cache.Remote].
func (d *Dir) Remove(ctx context.Context, path string) error {
	return d.remove(ctx, "Remove", path, nil, syscall.Unlink)
}

// Rmdir implements [cache.Remote].
func (d *Dir) Rmdir(ctx context.Context, path string) error {
	return d.remove(ctx, "Rmdir", path, nil, syscall.Rmdir)
}

// Rename implements [cache.Remote].
func (d *Dir) Rename(ctx context.Context, from, to string, flags uint32) (cache.Attr, error) {
	return d.moved(ctx, from, to, func(abs string) error {
		return unix.Renameat2(unix.AT_FDCWD, d.abs(from), unix.AT_FDCWD, abs, uint(flags))
	})
}

// moved is change for a rename.
func (d *Dir) moved(ctx context.Context, from, to string, do func(abs string) error) (cache.Attr, error) {
	asked := time.Now()
	a, err := d.change(ctx, "Rename", to, do)
	if err == nil && path.Dir(from) != path.Dir(to) {
		d.tellAbove(from, asked)
	}
	return a, err
}

// Setattr implements [cache.Remote]: of a symbolic link, its own.
func (d *Dir) Setattr(ctx context.Context, path string, ch cache.Change) (cache.Attr, error) {
	return d.change(ctx, "Setattr", path, func(abs string) error {
		if ch.UID != nil || ch.GID != nil {
			if err := syscall.Lchown(abs, id(ch.UID), id(ch.GID)); err != nil {
				return err
			}
		}
		if ch.Mode != nil {
			if err := unix.Fchmodat(unix.AT_FDCWD, abs, *ch.Mode&07777, unix.AT_SYMLINK_NOFOLLOW); err != nil {
				return err
			}
		}
		times := []unix.Timespec{moment(ch.Atime), moment(ch.Mtime)}
		return unix.UtimesNanoAt(unix.AT_FDCWD, abs, times, unix.AT_SYMLINK_NOFOLLOW)
	})
}

// id is an argument of chown(2): -1 leaves the owner alone.
func id(n *uint32) int {
	if n == nil {
		return -1
	}
	return int(*n)
}

func moment(ns *int64) unix.Timespec {
	if ns == nil {
		return unix.Timespec{Nsec: unix.UTIME_OMIT}
	}
	return unix.NsecToTimespec(*ns)
}

// Truncate implements [cache.Remote].
func (d *Dir) Truncate(ctx context.Context, path string, have cache.Attr, size int64) (cache.Attr, error) {
	return d.change(ctx, "Truncate", path, func(abs string) error {
		if now, err := d.attr(path); err != nil || !sameVersion(now, have) {
			return syscall.ESTALE
		}
		return syscall.Truncate(abs, size)
	})
}
