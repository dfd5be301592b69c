package cachetest

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/scpfs/scpfs/cache"
)

// FetchRange implements [cache.Remote].
func (d *Dir) FetchRange(ctx context.Context, path string, have cache.Attr, off, size int64, w io.Writer) error {
	if err := d.enter(ctx, "FetchRange"); err != nil {
		return err
	}
	f, err := os.OpenFile(d.abs(path), os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	before, err := d.attr(path)
	if err != nil {
		return err
	}
	if !sameVersion(have, before) {
		return syscall.ESTALE
	}
	if _, err := io.Copy(w, io.NewSectionReader(f, off, size)); err != nil {
		return err
	}
	after, err := d.attr(path)
	if err == nil && !sameVersion(before, after) {
		err = ErrTorn
	}
	return err
}

// FetchTail implements [cache.Remote].
func (d *Dir) FetchTail(ctx context.Context, path string, off, most int64) (cache.Attr, []byte, error) {
	if err := d.enter(ctx, "FetchTail"); err != nil {
		return cache.Attr{}, nil, err
	}
	f, err := os.OpenFile(d.abs(path), os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return cache.Attr{}, nil, err
	}
	defer f.Close()
	tail, err := io.ReadAll(io.NewSectionReader(f, off, most))
	if err != nil {
		return cache.Attr{}, nil, err
	}
	a, err := d.attr(path)
	return a, tail, err
}

// FetchMany implements [cache.Remote].
func (d *Dir) FetchMany(ctx context.Context, paths []string, begin func(int, cache.Attr) (io.Writer, error), done func(int, cache.Attr, error)) error {
	if err := d.enter(ctx, "FetchMany"); err != nil {
		return err
	}
	for i, path := range paths {
		a, err := d.fetch(path, cache.Attr{}, func(a cache.Attr) (io.Writer, error) { return begin(i, a) })
		done(i, a, err)
	}
	return nil
}

// ListTree implements [cache.Remote].
func (d *Dir) ListTree(ctx context.Context, path string, limit int, each func(cache.Listing)) (bool, error) {
	if err := d.enter(ctx, "ListTree"); err != nil {
		return false, err
	}
	err := filepath.WalkDir(d.abs(path), func(abs string, e os.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return err
		}
		dir := strings.TrimPrefix(strings.TrimPrefix(abs, d.abs("")), "/")
		self, entries, err := d.list(dir)
		if err != nil {
			return err
		}
		if limit -= len(entries); limit < 0 {
			return filepath.SkipAll
		}
		each(cache.Listing{Path: dir, Self: self, Entries: entries})
		return nil
	})
	return limit < 0, err
}
