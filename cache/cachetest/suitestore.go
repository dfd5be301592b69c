package cachetest

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/scpfs/scpfs/cache"
)

func testStoreNew(t *testing.T, s *subject) {
	for name, text := range map[string]string{"empty": "", "small": "text", "large": strings.Repeat("x\x00y\n", 1<<17)} {
		a, err := s.Store(t.Context(), name, upload(text, cache.Attr{}))
		check(t, err)
		s.same(t, name, a)
		if s.read(t, name) != text {
			t.Errorf("%s: the contents differ", name)
		}
		if a.Mode != syscall.S_IFREG|0o640 || a.Mtime != 1600000001123456e3 {
			t.Errorf("%s: mode %o, mtime %d", name, a.Mode, a.Mtime)
		}
	}
	_, err := s.Store(t.Context(), "small", upload("other", cache.Attr{}))
	wantErr(t, "over a file that should not be there", err, syscall.ESTALE)
	if got := s.read(t, "small"); got != "text" {
		t.Errorf("it has %q", got)
	}
	_, err = s.Store(t.Context(), "none/f", upload("", cache.Attr{}))
	wantErr(t, "in no directory", err, syscall.ENOENT)
	s.only(t, "empty large small")
}

// only checks the names there are: uploads leave nothing else.
func (s *subject) only(t *testing.T, want string) {
	t.Helper()
	found, err := os.ReadDir(s.dir)
	check(t, err)
	var names []string
	for _, f := range found {
		names = append(names, f.Name())
	}
	if got := strings.Join(names, " "); got != want {
		t.Errorf("there are %s, want %s", got, want)
	}
}

func testStoreOver(t *testing.T, s *subject) {
	s.write(t, "f", "old text")
	a, err := s.Store(t.Context(), "f", upload("new", s.stat(t, "f")))
	check(t, err)
	s.same(t, "f", a)
	if got := s.read(t, "f"); got != "new" {
		t.Errorf("it has %q", got)
	}
	s.only(t, "f")
}

func testStoreChanged(t *testing.T, s *subject) {
	s.write(t, "f", "old")
	was := s.stat(t, "f")
	s.write(t, "f", "foreign")
	_, err := s.Store(t.Context(), "f", upload("ours", was))
	wantErr(t, "a foreign change", err, syscall.ESTALE)
	if got := s.read(t, "f"); got != "foreign" {
		t.Errorf("it has %q", got)
	}
	check(t, os.Remove(s.abs("f")))
	_, err = s.Store(t.Context(), "f", upload("ours", was))
	wantErr(t, "a file that is gone", err, syscall.ESTALE)
	s.only(t, "")
}

func testStoreLinked(t *testing.T, s *subject) {
	s.write(t, "f", "old text")
	check(t, os.Link(s.abs("f"), s.abs("g")))
	was := s.stat(t, "f")
	a, err := s.Store(t.Context(), "f", upload("new", was))
	check(t, err)
	s.same(t, "f", a)
	if a.Ino != was.Ino || a.Nlink != 2 || s.read(t, "g") != "new" {
		t.Errorf("inode %d with %d links, want %d with 2; the other name has %q", a.Ino, a.Nlink, was.Ino, s.read(t, "g"))
	}
	s.only(t, "f g")
}

func testStoreFrom(t *testing.T, s *subject) {
	text := strings.Repeat("copy", 1<<15)
	s.write(t, "from", text)
	u := upload("", cache.Attr{})
	u.Size, u.From, u.FromHave = int64(len(text)), "from", s.stat(t, "from")
	a, err := s.Store(t.Context(), "to", u)
	check(t, err)
	s.same(t, "to", a)
	if s.read(t, "to") != text || a.Mode != syscall.S_IFREG|0o640 || a.Mtime/1e9 != 1600000001 {
		t.Errorf("a copy with mode %o, mtime %d", a.Mode, a.Mtime)
	}
	s.write(t, "from", "other")
	_, err = s.Store(t.Context(), "third", u)
	wantErr(t, "a copy of another version", err, syscall.ESTALE)
	s.only(t, "from to")
}

func testTruncate(t *testing.T, s *subject) {
	s.write(t, "f", "0123456789")
	a := s.stat(t, "f")
	for _, size := range []int64{4, 0, 1 << 20} {
		got, err := s.Truncate(t.Context(), "f", a, size)
		check(t, err)
		s.same(t, "f", got)
		if got.Size != size {
			t.Errorf("%d bytes, want %d", got.Size, size)
		}
		a = got
	}
	s.write(t, "f", "foreign")
	_, err := s.Truncate(t.Context(), "f", a, 1)
	wantErr(t, "a foreign change", err, syscall.ESTALE)
	if got := s.read(t, "f"); got != "foreign" {
		t.Errorf("it has %q", got)
	}
}
