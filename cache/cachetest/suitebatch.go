package cachetest

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/scpfs/scpfs/cache"
)

func storing(path, text string, expect cache.Attr) cache.Step {
	return cache.Step{Op: "store", Path: path, Upload: upload(text, expect)}
}

func testBatch(t *testing.T, s *subject) {
	s.write(t, "over", "old")
	s.write(t, "gone", "")
	s.write(t, "stale", "ours")
	stale := s.stat(t, "stale")
	s.write(t, "stale", "theirs")
	mode := uint32(0o600)
	steps := []cache.Step{
		{Op: "mkdir", Path: "d", Mode: 0o755},
		storing("d/a", "a", cache.Attr{}),
		storing("d/b", strings.Repeat("b", 128<<10), cache.Attr{}),
		storing("stale", "ours again", stale),
		{Op: "symlink", Path: "l", Target: "d/a"},
		{Op: "rename", Path: "d/a", To: "a"},
		storing("over", "new", s.stat(t, "over")),
		storing("missing/a", "a", cache.Attr{}),
		{Op: "remove", Path: "gone"},
		{Op: "mkdir", Path: "e", Mode: 0o755},
		{Op: "rmdir", Path: "e"},
		{Op: "rmdir", Path: "e"},
		{Op: "setattr", Path: "a", Change: cache.Change{Mode: &mode}},
		storing("huge", strings.Repeat("b", 128<<10+1), cache.Attr{}),
		{Op: "unknown", Path: "a"},
	}
	want := map[int]syscall.Errno{3: syscall.ESTALE, 7: syscall.ENOENT, 11: syscall.ENOENT, 13: syscall.EINVAL, 14: syscall.EINVAL}
	next := 0
	check(t, s.Batch(t.Context(), steps, func(i int, a cache.Attr, err error) {
		if i != next {
			t.Errorf("step %d is reported, want %d", i, next)
		}
		next++
		if e, refused := want[i]; refused {
			wantErr(t, steps[i].Op+" "+steps[i].Path, err, e)
		} else if err != nil {
			t.Errorf("%s %s: %v", steps[i].Op, steps[i].Path, err)
		}
		switch i {
		case 2:
			s.same(t, "d/b", a)
		case 12:
			s.same(t, "a", a)
		}
	}))
	if next != len(steps) {
		t.Errorf("%d steps of %d are reported", next, len(steps))
	}
	s.only(t, "a d l over stale")
	if s.read(t, "a") != "a" || s.read(t, "over") != "new" || s.read(t, "stale") != "theirs" {
		t.Error("the contents differ")
	}
}

func testDiscard(t *testing.T, s *subject) {
	for _, name := range []string{".scpfs-a", ".scpfs-a+", ".scpfs-b", ".scpfs-c"} {
		s.write(t, name, "")
	}
	check(t, os.Mkdir(s.abs(".scpfs-b+"), 0o700))
	s.write(t, ".scpfs-b+/0", "")
	for _, temp := range []string{".scpfs-a", ".scpfs-b", ".scpfs-none"} {
		check(t, s.Discard(t.Context(), temp))
	}
	s.only(t, ".scpfs-c")
}
