package cachetest

import (
	"context"
	"errors"
	"syscall"

	"github.com/scpfs/scpfs/cache"
)

// still tells whether a file has the contents of a version.
func (d *Dir) still(path string, want *cache.Attr) bool {
	if want == nil {
		return true
	}
	now, err := d.attr(path)
	if want.Ino == 0 {
		return errors.Is(err, syscall.ENOENT)
	}
	if want.Mode&syscall.S_IFMT == syscall.S_IFDIR {
		return err == nil && now.Mode&syscall.S_IFMT == syscall.S_IFDIR
	}
	now.Ctime = want.Ctime
	return err == nil && sameVersion(now, *want)
}

// RemoveIf implements [cache.Remote].
func (d *Dir) RemoveIf(ctx context.Context, path string, have cache.Attr) error {
	return d.remove(ctx, "Remove", path, &have, syscall.Unlink)
}

// RenameIf implements [cache.Remote].
func (d *Dir) RenameIf(ctx context.Context, from, to string, old, over *cache.Attr) (cache.Attr, error) {
	return d.moved(ctx, from, to, func(abs string) error {
		if !d.still(from, old) || !d.still(to, over) {
			return syscall.ESTALE
		}
		return syscall.Rename(d.abs(from), abs)
	})
}

// RemoveIf implements [cache.Remote]; its hooks are those of Remove.
func (f *Faulty) RemoveIf(ctx context.Context, path string, have cache.Attr) error {
	return only(ctx, f.hook("Remove", path), func() error { return f.Remote.RemoveIf(ctx, path, have) })
}

// RenameIf implements [cache.Remote]; its hooks are those of Rename.
func (f *Faulty) RenameIf(ctx context.Context, from, to string, old, over *cache.Attr) (cache.Attr, error) {
	return f.attr(ctx, "Rename", from, func() (cache.Attr, error) { return f.Remote.RenameIf(ctx, from, to, old, over) })
}
