package cachetest

import (
	"errors"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/scpfs/scpfs/cache"
)

// version is what the host says of a file.
func version(t *testing.T, s *subject, path string) cache.Attr {
	t.Helper()
	e, err := s.Stat(t.Context(), path)
	check(t, err)
	return e.Attr
}

func testRemoveIf(t *testing.T, s *subject) {
	s.write(t, "f '", "text")
	a := version(t, s, "f '")
	s.write(t, "f '", "other text")
	wantErr(t, "of what was written to", s.RemoveIf(t.Context(), "f '", a), syscall.ESTALE)
	a = version(t, s, "f '")
	check(t, os.Chmod(s.abs("f '"), 0o600)) // attributes alone
	check(t, s.RemoveIf(t.Context(), "f '", a))
	wantErr(t, "of what is gone", s.RemoveIf(t.Context(), "f '", a), syscall.ESTALE)

	s.write(t, "g", "text")
	a = version(t, s, "g")
	check(t, os.Rename(s.abs("g"), s.abs("kept"))) // so that its inode is not used again
	s.write(t, "g", "text")
	check(t, os.Chtimes(s.abs("g"), time.Time{}, time.Unix(0, a.Mtime)))
	wantErr(t, "of another file", s.RemoveIf(t.Context(), "g", a), syscall.ESTALE)
}

func testRenameIf(t *testing.T, s *subject) {
	s.write(t, "f", "new")
	s.write(t, "over", "old")
	check(t, os.Mkdir(s.abs("d"), 0o755))
	f, over := version(t, s, "f"), version(t, s, "over")
	s.write(t, "over", "foreign")
	_, err := s.RenameIf(t.Context(), "f", "over", &f, &over)
	wantErr(t, "over what was written to", err, syscall.ESTALE)
	_, err = s.RenameIf(t.Context(), "f", "over", nil, &cache.Attr{})
	wantErr(t, "over what should not be there", err, syscall.ESTALE)
	old := f
	old.Size++
	over = version(t, s, "over")
	_, err = s.RenameIf(t.Context(), "f", "over", &old, nil)
	wantErr(t, "of what was written to", err, syscall.ESTALE)
	a, err := s.RenameIf(t.Context(), "f", "over", &f, &over)
	check(t, err)
	s.same(t, "over", a)
	if a.Ino != f.Ino {
		t.Error("it is not the file")
	}
	a, err = s.RenameIf(t.Context(), "over", "d/new", nil, &cache.Attr{})
	check(t, err)
	s.same(t, "d/new", a)
	if _, err := os.Lstat(s.abs("over")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the old name: %v", err)
	}
	_, err = s.RenameIf(t.Context(), "over", "d/new", nil, nil)
	wantErr(t, "of nothing", err, syscall.ENOENT)

	d := version(t, s, "d")
	s.write(t, "d/more", "")
	a, err = s.RenameIf(t.Context(), "d", "e", &d, nil)
	check(t, err)
	s.same(t, "e", a)
	s.write(t, "d", "a file")
	check(t, os.Symlink("e", s.abs("link")))
	for _, from := range []string{"d", "link", "none"} {
		_, err = s.RenameIf(t.Context(), from, "g", &d, nil)
		wantErr(t, from+", which is no directory", err, syscall.ESTALE)
	}
	s.write(t, "file", "")
	_, err = s.RenameIf(t.Context(), "e", "file", &a, nil)
	wantErr(t, "over a file", err, syscall.ENOTDIR)
}
