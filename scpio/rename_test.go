package scpio_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/scpfs/scpfs/scpio"
	"github.com/scpfs/scpfs/scpio/scptest"
)

// lay makes the files that renames are tried on.
func (r *remote) lay(t *testing.T) {
	t.Helper()
	check(t, os.RemoveAll(r.path("z")))
	r.mkdir(t, "z")
	r.write(t, "z/file", "file")
	r.write(t, "z/file2", "file2")
	r.mkdir(t, "z/empty")
	r.mkdir(t, "z/full")
	r.write(t, "z/full/x", "x")
	r.symlink(t, "file", "z/sym")
	r.symlink(t, "sym", "z/sym2")
	r.symlink(t, "full", "z/symdir")
	check(t, os.Link(r.path("z/file"), r.path("z/hard")))
}

// testRename compares each rename with what rename(2) here does to the same
// files.
func testRename(t *testing.T, r *remote) {
	names := []string{"file", "file2", "empty", "full", "sym", "symdir", "hard", "new", "missing/x", "full/x", "file/x"}
	for _, from := range names {
		for _, to := range names {
			r.testRename(t, from, to)
		}
	}
}

func (r *remote) testRename(t *testing.T, from, to string) {
	t.Helper()
	r.lay(t)
	want := syscall.Rename(r.path("z/"+from), r.path("z/"+to))
	after := r.tree(t)
	r.lay(t)
	a, err := r.Rename(t.Context(), "z/"+from, "z/"+to, 0)
	if got := r.tree(t); got != after {
		t.Errorf("%s -> %s left %s, want %s", from, to, got, after)
	}
	if want == syscall.ENOTDIR && errors.Is(err, syscall.ENOENT) {
		return // both names are bad, and which is looked at first is no matter
	}
	if want != nil {
		wantErrno(t, from+" -> "+to, err, want.(syscall.Errno))
	} else if err != nil || !same(a, r.attrOf(t, "z/"+to)) {
		t.Errorf("%s -> %s: got %+v, %v", from, to, a, err)
	}
}

// tree is all there is below the root, in one line.
func (r *remote) tree(t *testing.T) string {
	t.Helper()
	s := ""
	var walk func(string)
	walk = func(dir string) {
		entries, err := os.ReadDir(r.path(dir))
		check(t, err)
		for _, e := range entries {
			name := dir + "/" + e.Name()
			s += name + "(" + e.Type().String()
			if e.Type().IsRegular() {
				s += r.read(t, name)
			}
			s += ") "
			if e.IsDir() {
				walk(name)
			}
		}
	}
	walk("z")
	return s
}

func testRenameNoReplace(t *testing.T, r *remote) {
	for _, from := range []string{"file", "full", "sym", "symdir"} {
		for _, to := range []string{"file2", "empty", "full", "sym2", "symdir", from} {
			r.lay(t)
			before := r.tree(t)
			_, err := r.Rename(t.Context(), "z/"+from, "z/"+to, scpio.RenameNoReplace)
			wantErrno(t, from+" -> "+to, err, syscall.EEXIST)
			if after := r.tree(t); after != before {
				t.Errorf("%s -> %s left %s, want %s", from, to, after, before)
			}
		}
		want := r.lstat(t, "z/"+from).Ino
		a, err := r.Rename(t.Context(), "z/"+from, "z/new", scpio.RenameNoReplace)
		if err != nil || a.Ino != want || !same(a, r.attrOf(t, "z/new")) {
			t.Errorf("%s -> new: %+v, %v", from, a, err)
		}
		_, err = r.Rename(t.Context(), "z/"+from, "z/new2", scpio.RenameNoReplace)
		wantErrno(t, from+" again", err, syscall.ENOENT)
	}
}

func testRenameExchange(t *testing.T, r *remote) {
	for _, from := range []string{"file", "full", "sym", "file"} {
		for _, to := range []string{"file2", "full/x", "symdir", "hard"} {
			r.lay(t)
			a, b := r.lstat(t, "z/"+from).Ino, r.lstat(t, "z/"+to).Ino
			got, err := r.Rename(t.Context(), "z/"+from, "z/"+to, scpio.RenameExchange)
			if r.Host().Exchange == "" || from == "full" && to == "full/x" {
				wantErrno(t, from+" <-> "+to, err, syscall.EINVAL)
				continue
			}
			if err != nil || got.Ino != a || r.lstat(t, "z/"+from).Ino != b || r.lstat(t, "z/"+to).Ino != a {
				t.Errorf("%s <-> %s: %+v, %v", from, to, got, err)
			}
		}
	}
	_, err := r.Rename(t.Context(), "z/file", "z/missing", scpio.RenameExchange)
	if r.Host().Exchange != "" {
		wantErrno(t, "exchange with nothing", err, syscall.ENOENT)
	}
}

// TestForeignPerl has a host whose perl is of another architecture than its kernel
// says: by the kernel's number it makes some other system call.
func TestForeignPerl(t *testing.T) {
	scptest.Need(t, "perl")
	path, machine := programs(t), "Linux aarch64"
	if runtime.GOARCH == "arm64" {
		machine = "Linux x86_64"
	}
	own := newLocalOn(t, t.TempDir(), path, "/bin/sh").Host().Exchange
	if own == "" {
		t.Error("this machine has no means for an exchange")
	}
	check(t, os.Remove(filepath.Join(path, "uname")))
	check(t, os.WriteFile(filepath.Join(path, "uname"), []byte("#!/bin/sh\necho "+machine+"\n"), 0o755))
	r := newLocalOn(t, t.TempDir(), path, "/bin/sh")
	if got := r.Host().Exchange; got != "" && got != "mv" {
		t.Errorf("exchanges are made by %s, here by %s", got, own)
	}
	r.write(t, "file", "x")
	r.mkdir(t, "dir")
	for _, flags := range []uint32{scpio.RenameNoReplace, 0} {
		_, err := r.Rename(t.Context(), "file", "dir/file", flags)
		check(t, err)
		_, err = r.Rename(t.Context(), "dir/file", "file", flags)
		check(t, err)
	}
}
