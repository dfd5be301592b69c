package cachetest

import (
	"context"

	"github.com/scpfs/scpfs/cache"
)

// attr makes a call that gives attributes.
func (f *Faulty) attr(ctx context.Context, method, path string, call func() (cache.Attr, error)) (cache.Attr, error) {
	return through(ctx, f.hook(method, path), call)
}

// Create implements [cache.Remote].
func (f *Faulty) Create(ctx context.Context, path string, mode uint32) (cache.Attr, error) {
	return f.attr(ctx, "Create", path, func() (cache.Attr, error) { return f.Remote.Create(ctx, path, mode) })
}

// Mkdir implements [cache.Remote].
func (f *Faulty) Mkdir(ctx context.Context, path string, mode uint32) (cache.Attr, error) {
	return f.attr(ctx, "Mkdir", path, func() (cache.Attr, error) { return f.Remote.Mkdir(ctx, path, mode) })
}

// Mknod implements [cache.Remote].
func (f *Faulty) Mknod(ctx context.Context, path string, mode, rdev uint32) (cache.Attr, error) {
	return f.attr(ctx, "Mknod", path, func() (cache.Attr, error) { return f.Remote.Mknod(ctx, path, mode, rdev) })
}

// Symlink implements [cache.Remote].
func (f *Faulty) Symlink(ctx context.Context, target, path string) (cache.Attr, error) {
	return f.attr(ctx, "Symlink", path, func() (cache.Attr, error) { return f.Remote.Symlink(ctx, target, path) })
}

// Link implements [cache.Remote]. Its hooks go by the new name.
func (f *Faulty) Link(ctx context.Context, path, link string) (cache.Attr, error) {
	return f.attr(ctx, "Link", link, func() (cache.Attr, error) { return f.Remote.Link(ctx, path, link) })
}

// Rename implements [cache.Remote]. Its hooks go by the old name.
func (f *Faulty) Rename(ctx context.Context, from, to string, flags uint32) (cache.Attr, error) {
	return f.attr(ctx, "Rename", from, func() (cache.Attr, error) { return f.Remote.Rename(ctx, from, to, flags) })
}

// Setattr implements [cache.Remote].
func (f *Faulty) Setattr(ctx context.Context, path string, ch cache.Change) (cache.Attr, error) {
	return f.attr(ctx, "Setattr", path, func() (cache.Attr, error) { return f.Remote.Setattr(ctx, path, ch) })
}

// Truncate implements [cache.Remote].
func (f *Faulty) Truncate(ctx context.Context, path string, have cache.Attr, size int64) (cache.Attr, error) {
	return f.attr(ctx, "Truncate", path, func() (cache.Attr, error) { return f.Remote.Truncate(ctx, path, have, size) })
}

// Remove implements [cache.Remote].
func (f *Faulty) Remove(ctx context.Context, path string) error {
	return only(ctx, f.hook("Remove", path), func() error { return f.Remote.Remove(ctx, path) })
}

// Rmdir implements [cache.Remote].
func (f *Faulty) Rmdir(ctx context.Context, path string) error {
	return only(ctx, f.hook("Rmdir", path), func() error { return f.Remote.Rmdir(ctx, path) })
}

// Access implements [cache.Remote].
func (f *Faulty) Access(ctx context.Context, path string, mask uint32) error {
	return only(ctx, f.hook("Access", path), func() error { return f.Remote.Access(ctx, path, mask) })
}

// Statfs implements [cache.Remote].
func (f *Faulty) Statfs(ctx context.Context, path string) (cache.Statfs, error) {
	return through(ctx, f.hook("Statfs", path), func() (cache.Statfs, error) { return f.Remote.Statfs(ctx, path) })
}
