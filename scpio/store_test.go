package scpio_test

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/scpfs/scpfs/scpio"
)

func testStore(t *testing.T, r *remote) {
	for _, size := range []int{0, 1, 128 << 10, 128<<10 + 1, 3 << 20, 9<<20 + 7} {
		var have scpio.Attr
		for _, piece := range []string{"a", "b"} {
			contents := strings.Repeat(piece, size)
			a, err := r.store(t.Context(), "file", contents, have)
			check(t, err)
			if got := r.read(t, "file"); got != contents {
				t.Errorf("%d bytes stored, %d are there", size, len(got))
			}
			if want := r.attrOf(t, "file"); !same(a, want) {
				t.Errorf("size %d: got %+v, want %+v", size, a, want)
			}
			have = a
		}
		check(t, r.Remove(t.Context(), "file"))
	}
	if names := r.names(t); names != "" {
		t.Errorf("left behind: %s", names)
	}
}

// testStoreShortReader has contents of another size than announced.
func testStoreShortReader(t *testing.T, r *remote) {
	for _, size := range []int{10, 1 << 20, 10 << 20} {
		u := scpio.Upload{Contents: strings.NewReader(strings.Repeat("x", size-1)), Size: int64(size), Mode: 0o644}
		if _, err := r.Store(t.Context(), "file", u); err == nil {
			t.Errorf("%d of %d bytes passed for all", size-1, size)
		}
	}
	r.awaitNames(t, "")
}

// testStoreRefused stores where the sink cannot make a file.
func testStoreRefused(t *testing.T, r *remote) {
	r.write(t, "file", "")
	for _, size := range []int{10, 1 << 20, 10 << 20} {
		// The contents would do harm if anything took them for commands.
		contents := strings.Repeat("C0644 3 evil\nabc\x00E\ntouch evil\n", size/30+1)
		_, err := r.store(t.Context(), "missing/new", contents, scpio.Attr{})
		wantErrno(t, "store in a missing directory", err, syscall.ENOENT)
		_, err = r.store(t.Context(), "file/new", contents, scpio.Attr{})
		wantErrno(t, "store below a file", err, syscall.ENOTDIR)
	}
	r.awaitNames(t, "file")
}

// testStoreConflicts stores over a file that is not what was expected.
func testStoreConflicts(t *testing.T, r *remote) {
	for _, size := range []int{10, 1 << 20, 10 << 20} {
		contents := strings.Repeat("x", size)
		r.write(t, "file", "ours")
		have := r.stat(t, "file")
		r.write(t, "file", "theirs")
		_, err := r.store(t.Context(), "file", contents, have)
		wantErrno(t, "store over a changed file", err, syscall.ESTALE)
		_, err = r.store(t.Context(), "file", contents, scpio.Attr{})
		wantErrno(t, "store of a new file over one", err, syscall.ESTALE)
		if got := r.read(t, "file"); got != "theirs" {
			t.Errorf("the file is now %.20q", got)
		}
		check(t, os.Remove(r.path("file")))
		_, err = r.store(t.Context(), "file", contents, have)
		wantErrno(t, "store over a removed file", err, syscall.ESTALE)
		r.mkdir(t, "file")
		_, err = r.store(t.Context(), "file", contents, scpio.Attr{})
		wantErrno(t, "store of a new file over a directory", err, syscall.ESTALE)
		check(t, os.Remove(r.path("file")))
		r.symlink(t, "elsewhere", "file")
		_, err = r.store(t.Context(), "file", contents, scpio.Attr{})
		wantErrno(t, "store of a new file over a link", err, syscall.ESTALE)
		if names := r.names(t); names != "file" {
			t.Errorf("left behind: %s", names)
		}
		check(t, os.Remove(r.path("file")))
	}
}

func testStoreHardLinked(t *testing.T, r *remote) {
	r.write(t, "one", "old")
	check(t, os.Link(r.path("one"), r.path("two")))
	before := r.stat(t, "one")
	a, err := r.store(t.Context(), "one", "new contents", before)
	check(t, err)
	if a.Ino != before.Ino || a.Nlink != 2 || r.read(t, "two") != "new contents" {
		t.Errorf("the other name was lost: %+v, and it has %q", a, r.read(t, "two"))
	}
	if want := r.attrOf(t, "one"); !same(a, want) {
		t.Errorf("got %+v, want %+v", a, want)
	}
	if want := r.mtime(1700000000123456789); a.Mtime != want {
		t.Errorf("mtime %d, want %d", a.Mtime, want)
	}
	if names := r.names(t); names != "one two" {
		t.Errorf("left behind: %s", names)
	}
}

// mtime is what becomes of the time of an upload: scp brings microseconds,
// the rest needs a touch that knows fractions.
func (r *remote) mtime(ns int64) int64 {
	if r.Host().NanoTime {
		return ns
	}
	return ns - ns%1000
}

func testStoreKeepsOwner(t *testing.T, r *remote) {
	needRoot(t)
	for _, mode := range []uint32{0o644, 0o4755, 0o2755, 0o1600, 0} {
		r.write(t, "file", "old")
		check(t, os.Chown(r.path("file"), 1234, 2345))
		check(t, syscall.Chmod(r.path("file"), mode))
		a, err := r.Store(t.Context(), "file", scpio.Upload{
			Contents: strings.NewReader("new"), Size: 3, Mode: mode, Mtime: -1500000000, Expect: r.stat(t, "file"),
		})
		check(t, err)
		if a.UID != 1234 || a.GID != 2345 || a.Mode != syscall.S_IFREG|mode {
			t.Errorf("mode %#o: got owner %d:%d, mode %#o", mode, a.UID, a.GID, a.Mode)
		}
		if want := int64(-1500000000); r.Host().NanoTime && a.Mtime != want {
			t.Errorf("mtime %d, want %d", a.Mtime, want)
		}
	}
}

// testStoreBusy stores in place, because of another name, over a program that
// runs: that cannot be, and leaves the program alone.
func testStoreBusy(t *testing.T, r *remote) {
	sleep, err := os.ReadFile("/bin/sleep")
	check(t, err)
	check(t, os.WriteFile(r.path("sleep"), sleep, 0o755))
	check(t, os.Link(r.path("sleep"), r.path("other")))
	cmd := exec.Command(r.path("sleep"), "1000")
	check(t, cmd.Start())
	defer cmd.Wait()
	defer cmd.Process.Kill()
	_, err = r.store(t.Context(), "sleep", "new", r.stat(t, "sleep"))
	wantErrno(t, "store over a running program", err, syscall.ETXTBSY)
	if r.read(t, "sleep") != string(sleep) {
		t.Error("the program was changed")
	}
	if names := r.names(t); names != "other sleep" {
		t.Errorf("left behind: %s", names)
	}
}

// testStoreFrom stores what another file of the host has.
func testStoreFrom(t *testing.T, r *remote) {
	contents := strings.Repeat("contents", 1<<16)
	r.write(t, "from", contents)
	from := r.stat(t, "from")
	u := scpio.Upload{Size: int64(len(contents)), Mode: 0o2750, Mtime: 1e9, From: "from", FromHave: from}
	a, err := r.Store(t.Context(), "to", u)
	if err != nil || !same(a, r.attrOf(t, "to")) || r.read(t, "to") != contents || a.Mode&07777 != 0o2750 || a.Mtime != 1e9 {
		t.Errorf("got %+v, %v", a, err)
	}
	_, err = r.Store(t.Context(), "to", u)
	wantErrno(t, "store over a file that was not expected", err, syscall.ESTALE)
	u.Expect, u.FromHave = a, a
	_, err = r.Store(t.Context(), "to", u)
	wantErrno(t, "store of a changed file", err, syscall.ESTALE)
	if names := r.names(t); names != "from to" {
		t.Errorf("left behind: %s", names)
	}
}

func testTruncate(t *testing.T, r *remote) {
	r.write(t, "file", "0123456789")
	for _, size := range []int64{5, 20, 0, 5 << 30} {
		a, err := r.Truncate(t.Context(), "file", r.stat(t, "file"), size)
		if err != nil || !same(a, r.attrOf(t, "file")) || a.Size != size {
			t.Errorf("truncate to %d: %+v, %v", size, a, err)
		}
	}
	have := r.stat(t, "file")
	r.write(t, "file", "changed")
	_, err := r.Truncate(t.Context(), "file", have, 0)
	wantErrno(t, "truncate of a changed file", err, syscall.ESTALE)
	check(t, os.Remove(r.path("file")))
	_, err = r.Truncate(t.Context(), "file", have, 0)
	wantErrno(t, "truncate of a removed file", err, syscall.ESTALE)
	if names := r.names(t); names != "" {
		t.Errorf("left behind: %s", names)
	}
}
