package cachetest

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/scpfs/scpfs/cache"
)

// Store implements [cache.Remote]: under a temporary name first, which then
// takes the place of the version expected.
func (d *Dir) Store(ctx context.Context, path string, u cache.Upload) (cache.Attr, error) {
	return d.change(ctx, "Store", path, func(abs string) error {
		tmp := d.abs(cmp.Or(u.Temp, filepath.Join(filepath.Dir(path), ".scpfs-"+rand.Text())))
		defer os.Remove(tmp)
		if err := d.upload(tmp, path, u); err != nil {
			return errno(err)
		}
		return d.commit(tmp, abs, path, u)
	})
}

// errno is the cause alone: the caller wraps it anew.
func errno(err error) error {
	if e, ok := errors.AsType[syscall.Errno](err); ok {
		return e
	}
	return err
}

// upload makes the file under its temporary name, complete.
func (d *Dir) upload(tmp, path string, u cache.Upload) error {
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := d.contents(f, path, u); err != nil {
		return err
	}
	return finish(tmp, u)
}

// contents fills the new file from what is here already, and from the upload.
func (d *Dir) contents(f *os.File, path string, u cache.Upload) error {
	if u.From != "" {
		return d.copyFrom(f, u.From, u.FromHave)
	}
	if u.Keep > 0 {
		if err := d.copyFrom(f, path, u.Expect); err != nil {
			return err
		}
		if err := f.Truncate(u.Keep); err != nil {
			return err
		}
	}
	return fill(f, u)
}

// fill writes what the host has not got.
func fill(f *os.File, u cache.Upload) error {
	rest := u.Size - u.Keep
	n, err := io.Copy(io.NewOffsetWriter(f, u.Keep), io.NewSectionReader(u.Contents, u.Keep, rest))
	if err == nil && n != rest {
		err = fmt.Errorf("%d bytes where %d were announced", n, rest)
	}
	return err
}

// copyFrom takes the contents of another file, if it is the version said,
// before and after.
func (d *Dir) copyFrom(f *os.File, path string, have cache.Attr) error {
	from, err := os.Open(d.abs(path))
	if err != nil {
		return err
	}
	defer from.Close()
	if err := d.is(path, have); err != nil {
		return err
	}
	if _, err := io.Copy(f, from); err != nil {
		return err
	}
	return d.is(path, have)
}

// is tells by its error whether a file is another version.
func (d *Dir) is(path string, have cache.Attr) error {
	if now, err := d.attr(path); err != nil || !sameVersion(now, have) {
		return syscall.ESTALE
	}
	return nil
}

// finish sets what goes with the contents.
func finish(abs string, u cache.Upload) error {
	if err := syscall.Chmod(abs, u.Mode&07777); err != nil {
		return err
	}
	return unix.UtimesNano(abs, []unix.Timespec{unix.NsecToTimespec(u.Atime), unix.NsecToTimespec(u.Mtime)})
}

// commit puts an upload in its place.
func (d *Dir) commit(tmp, abs, path string, u cache.Upload) error {
	if u.Expect.Ino == 0 {
		err := unix.Renameat2(unix.AT_FDCWD, tmp, unix.AT_FDCWD, abs, unix.RENAME_NOREPLACE)
		if err == syscall.EEXIST {
			return syscall.ESTALE
		}
		return err
	}
	if err := d.is(path, u.Expect); err != nil {
		return err
	}
	if u.Expect.Nlink > 1 {
		return errno(over(tmp, abs, u))
	}
	if err := syscall.Lchown(tmp, int(u.Expect.UID), int(u.Expect.GID)); err != nil {
		return err
	}
	if err := syscall.Chmod(tmp, u.Mode&07777); err != nil { // chown clears bits
		return err
	}
	return syscall.Rename(tmp, abs)
}

// over writes through an inode, which keeps its other names.
func over(tmp, abs string, u cache.Upload) error {
	b, err := os.ReadFile(tmp)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(abs, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(b); err != nil {
		return err
	}
	return finish(abs, u)
}
