package cachetest

import (
	"context"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/scpfs/scpfs/cache"
)

func testStat(t *testing.T, s *subject) {
	s.write(t, "f", "text")
	check(t, os.Symlink("no/where", s.abs("l")))
	for _, path := range []string{"", "f", "l"} {
		e, err := s.Stat(t.Context(), path)
		check(t, err)
		s.same(t, path, e.Attr)
		if path == "l" && e.Target != "no/where" {
			t.Errorf("target %q", e.Target)
		}
	}
	_, err := s.Stat(t.Context(), "none")
	wantErr(t, "no file", err, syscall.ENOENT)
	_, err = s.Stat(t.Context(), "f/below")
	wantErr(t, "below a file", err, syscall.ENOTDIR)
}

func testList(t *testing.T, s *subject) {
	names := []string{"plain", " -r ", "new\nline", "quote'\"\\$`", "\xff\xfe", "ünï", ".hidden", strings.Repeat("n", 255)}
	check(t, os.Mkdir(s.abs("d"), 0o755))
	for _, name := range names {
		s.write(t, "d/"+name, name)
	}
	check(t, os.Symlink("tar get", s.abs("d/l")))
	self, all, err := s.List(t.Context(), "d")
	check(t, err)
	s.same(t, "d", self.Attr)
	if len(all) != len(names)+1 {
		t.Errorf("%d entries, want %d", len(all), len(names)+1)
	}
	for _, e := range all {
		s.same(t, "d/"+e.Name, e.Attr)
		if e.Name == "l" && e.Target != "tar get" {
			t.Errorf("target %q", e.Target)
		}
	}
	_, _, err = s.List(t.Context(), "none")
	wantErr(t, "no directory", err, syscall.ENOENT)
	_, _, err = s.List(t.Context(), "d/plain")
	wantErr(t, "a file", err, syscall.ENOTDIR)
}

func testFetch(t *testing.T, s *subject) {
	for _, text := range []string{"", "text", strings.Repeat("0123456789abcdef", 1<<16)} {
		s.write(t, "f", text)
		got, a, err := s.fetch(t.Context(), "f", cache.Attr{})
		check(t, err)
		if got != text {
			t.Errorf("%d bytes came, not the %d of the file", len(got), len(text))
		}
		s.same(t, "f", a)
		again, err := s.Fetch(t.Context(), "f", a, func(cache.Attr) (io.Writer, error) {
			t.Error("a version that is here was sent")
			return io.Discard, nil
		})
		check(t, err)
		s.same(t, "f", again)
	}
}

func testFetchErrors(t *testing.T, s *subject) {
	check(t, os.Mkdir(s.abs("d"), 0o755))
	check(t, syscall.Mkfifo(s.abs("p"), 0o644))
	check(t, os.Symlink("d", s.abs("l")))
	_, _, err := s.fetch(t.Context(), "none", cache.Attr{})
	wantErr(t, "no file", err, syscall.ENOENT)
	for _, path := range []string{"d", "p", "l"} {
		if _, _, err := s.fetch(t.Context(), path, cache.Attr{}); err == nil {
			t.Errorf("%s, which is no regular file, was fetched", path)
		}
	}
}

func testInterrupted(t *testing.T, s *subject) {
	s.write(t, "f", "text")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Stat(ctx, "f")
	wantErr(t, "Stat", err, syscall.EINTR)
	_, err = s.Store(ctx, "f", upload("new", s.stat(t, "f")))
	wantErr(t, "Store", err, syscall.EINTR)
	if got := s.read(t, "f"); got != "text" {
		t.Errorf("the file has %q", got)
	}
}

func testAccess(t *testing.T, s *subject) {
	s.write(t, "f", "")
	if err := s.Access(t.Context(), "f", 6); err != nil {
		t.Errorf("reading and writing: %v", err)
	}
	wantErr(t, "execution", s.Access(t.Context(), "f", 1), syscall.EACCES)
	wantErr(t, "no file", s.Access(t.Context(), "none", 4), syscall.ENOENT)
}

func testStatfs(t *testing.T, s *subject) {
	got, err := s.Statfs(t.Context(), "")
	check(t, err)
	var want syscall.Statfs_t
	check(t, syscall.Statfs(s.dir, &want))
	if got.Bsize != uint32(want.Frsize) || got.Blocks != want.Blocks || got.Files != want.Files || got.Namelen != uint32(want.Namelen) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
