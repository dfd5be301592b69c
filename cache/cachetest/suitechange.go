package cachetest

import (
	"os"
	"syscall"
	"testing"

	"github.com/scpfs/scpfs/cache"
)

func testCreate(t *testing.T, s *subject) {
	a, err := s.Create(t.Context(), "f", 0o604)
	check(t, err)
	s.same(t, "f", a)
	if a.Mode != syscall.S_IFREG|0o604 {
		t.Errorf("mode %o", a.Mode)
	}
	_, err = s.Create(t.Context(), "f", 0o604)
	wantErr(t, "again", err, syscall.EEXIST)
	_, err = s.Create(t.Context(), "none/f", 0o604)
	wantErr(t, "in no directory", err, syscall.ENOENT)
}

func testMkdir(t *testing.T, s *subject) {
	a, err := s.Mkdir(t.Context(), "d", 0o1770)
	check(t, err)
	s.same(t, "d", a)
	if a.Mode != syscall.S_IFDIR|0o1770 {
		t.Errorf("mode %o", a.Mode)
	}
	_, err = s.Mkdir(t.Context(), "d", 0o755)
	wantErr(t, "again", err, syscall.EEXIST)
	s.write(t, "d/f", "")
	wantErr(t, "rmdir of a full one", s.Rmdir(t.Context(), "d"), syscall.ENOTEMPTY)
	check(t, s.Remove(t.Context(), "d/f"))
	check(t, s.Rmdir(t.Context(), "d"))
	wantErr(t, "rmdir of none", s.Rmdir(t.Context(), "d"), syscall.ENOENT)
}

func testMknod(t *testing.T, s *subject) {
	a, err := s.Mknod(t.Context(), "p", syscall.S_IFIFO|0o620, 0)
	check(t, err)
	s.same(t, "p", a)
	if a.Mode != syscall.S_IFIFO|0o620 {
		t.Errorf("mode %o", a.Mode)
	}
}

func testSymlink(t *testing.T, s *subject) {
	a, err := s.Symlink(t.Context(), "-n to 'where\n", "l")
	check(t, err)
	s.same(t, "l", a)
	if got, err := os.Readlink(s.abs("l")); got != "-n to 'where\n" {
		t.Errorf("target %q, %v", got, err)
	}
	_, err = s.Symlink(t.Context(), "else", "l")
	wantErr(t, "again", err, syscall.EEXIST)
}

func testLink(t *testing.T, s *subject) {
	s.write(t, "f", "text")
	a, err := s.Link(t.Context(), "f", "g")
	check(t, err)
	s.same(t, "g", a)
	if a.Nlink != 2 || a.Ino != s.stat(t, "f").Ino {
		t.Errorf("%+v", a)
	}
	_, err = s.Link(t.Context(), "f", "g")
	wantErr(t, "again", err, syscall.EEXIST)
	_, err = s.Link(t.Context(), "none", "h")
	wantErr(t, "of no file", err, syscall.ENOENT)
}

func testRemove(t *testing.T, s *subject) {
	s.write(t, "f", "")
	check(t, os.Mkdir(s.abs("d"), 0o755))
	check(t, s.Remove(t.Context(), "f"))
	wantErr(t, "again", s.Remove(t.Context(), "f"), syscall.ENOENT)
	wantErr(t, "of a directory", s.Remove(t.Context(), "d"), syscall.EISDIR, syscall.EPERM)
	wantErr(t, "rmdir of no directory", s.Rmdir(t.Context(), "f"), syscall.ENOENT)
}

func testRename(t *testing.T, s *subject) {
	s.write(t, "f", "text")
	s.write(t, "over", "old")
	ino := s.stat(t, "f").Ino
	a, err := s.Rename(t.Context(), "f", "over", 0)
	check(t, err)
	s.same(t, "over", a)
	if a.Ino != ino || s.read(t, "over") != "text" {
		t.Errorf("inode %d, want %d", a.Ino, ino)
	}
	_, err = s.Rename(t.Context(), "f", "g", 0)
	wantErr(t, "of no file", err, syscall.ENOENT)
	check(t, os.Link(s.abs("over"), s.abs("same")))
	_, err = s.Rename(t.Context(), "over", "same", 0)
	check(t, err)
	s.only(t, "over same")
}

func testRenameDir(t *testing.T, s *subject) {
	check(t, os.MkdirAll(s.abs("d/e"), 0o755))
	check(t, os.Mkdir(s.abs("empty"), 0o755))
	s.write(t, "f", "")
	_, err := s.Rename(t.Context(), "d", "d/e/below", 0)
	wantErr(t, "below itself", err, syscall.EINVAL)
	_, err = s.Rename(t.Context(), "empty", "d", 0)
	wantErr(t, "over a full one", err, syscall.ENOTEMPTY, syscall.EEXIST)
	_, err = s.Rename(t.Context(), "d", "f", 0)
	wantErr(t, "over a file", err, syscall.ENOTDIR)
	_, err = s.Rename(t.Context(), "f", "d", 0)
	wantErr(t, "a file over it", err, syscall.EISDIR)
	a, err := s.Rename(t.Context(), "d", "empty", 0)
	check(t, err)
	s.same(t, "empty", a)
	s.stat(t, "empty/e")
}

func testRenameFlags(t *testing.T, s *subject) {
	s.write(t, "f", "f")
	s.write(t, "g", "g")
	_, err := s.Rename(t.Context(), "f", "g", cache.NoReplace)
	wantErr(t, "over a file", err, syscall.EEXIST)
	_, err = s.Rename(t.Context(), "f", "h", cache.NoReplace)
	check(t, err)
	_, err = s.Rename(t.Context(), "g", "h", cache.Exchange)
	switch {
	case err == nil && s.read(t, "g") == "f" && s.read(t, "h") == "g":
	case err != nil && s.read(t, "g") == "g" && s.read(t, "h") == "f":
		wantErr(t, "an exchange where the host has no means for it", err, syscall.EINVAL)
	default:
		t.Errorf("an exchange: %v, and then there are %q and %q", err, s.read(t, "g"), s.read(t, "h"))
	}
}

func testSetattr(t *testing.T, s *subject) {
	s.write(t, "f", "text")
	check(t, os.Symlink("f", s.abs("l")))
	mode, atime, mtime := uint32(0o2751), int64(1500000000e9), int64(1500000077e9)
	for _, ch := range []cache.Change{{Mode: &mode}, {Atime: &atime}, {Mtime: &mtime}, {}} {
		a, err := s.Setattr(t.Context(), "f", ch)
		check(t, err)
		s.same(t, "f", a)
	}
	if a := s.stat(t, "f"); a.Mode&07777 != mode || a.Atime != atime || a.Mtime != mtime {
		t.Errorf("got %+v", a)
	}
	a, err := s.Setattr(t.Context(), "l", cache.Change{Mtime: &atime})
	check(t, err)
	if a.Mtime != atime || s.stat(t, "f").Mtime != mtime {
		t.Errorf("the time of a link: got %d, and %d of its target", a.Mtime, s.stat(t, "f").Mtime)
	}
	_, err = s.Setattr(t.Context(), "none", cache.Change{Mode: &mode})
	wantErr(t, "of no file", err, syscall.ENOENT)
}
