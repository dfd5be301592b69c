package scpio_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/scpfs/scpfs/scpio"
	"github.com/scpfs/scpfs/scpio/scptest"
)

// keeping are the hosts that can keep extended attributes.
var keeping = hosts[:2]

// TestStoreKeepsAttributes replaces a file that has an ACL and extended
// attributes, by a store and in a batch.
func TestStoreKeepsAttributes(t *testing.T) {
	scptest.Need(t, "setfacl", "getfattr")
	for _, host := range keeping {
		t.Run(host.name, func(t *testing.T) {
			r := newRemote(t, host.start(t), scpio.Options{})
			r.write(t, "file", "old")
			check(t, os.Chmod(r.path("file"), 0o640))
			run(t, "setfacl", "-m", "u:1234:rw,g:2345:r", r.path("file"))
			check(t, unix.Lsetxattr(r.path("file"), "user.note", []byte("text\x00of ours"), 0))
			check(t, unix.Lsetxattr(r.path("file"), "user.empty", nil, 0))
			want := run(t, "getfacl", "-n", "--absolute-names", r.path("file"))
			have := r.stat(t, "file")

			u := storing("file", "new", have)
			u.Upload.Mode = have.Mode & 0o7777
			a, err := r.Store(t.Context(), "file", u.Upload)
			check(t, err)
			r.wantAttributes(t, want)
			if a.Ino == have.Ino {
				t.Error("it was written in place")
			}
			u = storing("file", "newer", a)
			u.Upload.Mode = have.Mode & 0o7777
			got, err := r.batch(t.Context(), t, []scpio.Step{u})
			check(t, err)
			check(t, got[0].err)
			r.wantAttributes(t, want)
			if r.read(t, "file") != "newer" || r.names(t) != "file" {
				t.Errorf("there are %s; it has %q", r.names(t), r.read(t, "file"))
			}
		})
	}
}

func (r *remote) wantAttributes(t *testing.T, acl string) {
	t.Helper()
	if got := run(t, "getfacl", "-n", "--absolute-names", r.path("file")); got != acl {
		t.Errorf("the ACL is\n%s, want\n%s", got, acl)
	}
	b := make([]byte, 100)
	n, err := unix.Lgetxattr(r.path("file"), "user.note", b)
	if err != nil || string(b[:n]) != "text\x00of ours" {
		t.Errorf("the attribute is %q, %v", b[:max(n, 0)], err)
	}
	if n, err := unix.Lgetxattr(r.path("file"), "user.empty", b); err != nil || n != 0 {
		t.Errorf("the empty attribute: %d bytes, %v", n, err)
	}
}

// TestStoreInheritsNoACL replaces a file without an ACL in a directory that
// gives one to new files.
func TestStoreInheritsNoACL(t *testing.T) {
	scptest.Need(t, "setfacl", "perl")
	r := newRemote(t, scptest.Start(t), scpio.Options{})
	r.write(t, "file", "old")
	want := run(t, "getfacl", "-n", "--absolute-names", r.path("file"))
	run(t, "setfacl", "-d", "-m", "u:1234:rw", r.dir)
	a, err := r.store(t.Context(), "file", "new", r.stat(t, "file"))
	check(t, err)
	if got := run(t, "getfacl", "-n", "--absolute-names", r.path("file")); got != want {
		t.Errorf("the ACL is\n%s, want\n%s", got, want)
	}
	if !same(a, r.attrOf(t, "file")) {
		t.Errorf("told %+v", a)
	}
	got, err := r.batch(t.Context(), t, []scpio.Step{storing("new", "x", scpio.Attr{})})
	check(t, err)
	check(t, got[0].err)
	if acl := run(t, "getfacl", "-n", "--absolute-names", r.path("new")); !strings.Contains(acl, "user:1234") {
		t.Errorf("a new file of a batch inherits nothing: %s", acl)
	}
}

func run(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := exec.Command(program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", program, args, err, out)
	}
	return string(out)
}

// TestStoreFullDisk copies in place, because of another name, on a disk that
// has room for the upload, but not for the target to grow: what was there is
// there still, as the version that is told, and another store can follow.
func TestStoreFullDisk(t *testing.T) {
	needRoot(t)
	for _, host := range keeping {
		t.Run(host.name, func(t *testing.T) {
			r := newRemote(t, host.start(t), scpio.Options{})
			r.onHost(t, "mount -t tmpfs -o size=64k none "+r.dir)
			t.Cleanup(func() { r.onHost(t, "umount "+r.dir) })
			r.onHost(t, fmt.Sprintf("cd %s && head -c 8192 /dev/zero >file && ln file other", r.dir))
			u := storing("file", strings.Repeat("x", 40<<10), r.stat(t, "file")).Upload
			u.Temp = ".scpfs-test"
			a, err := r.Store(t.Context(), "file", u)
			wantErrno(t, "store on a full disk", err, syscall.ENOSPC)
			if !same(a, r.stat(t, "file")) || a.Ino != u.Expect.Ino || a.Size != 8192 {
				t.Errorf("told %+v, there is %+v", a, r.stat(t, "file"))
			}
			if !strings.Contains(fmt.Sprint(err), u.Temp) || r.stat(t, u.Temp).Size != u.Size {
				t.Errorf("%v does not say where the upload is", err)
			}
			r.onHost(t, fmt.Sprintf("cd %s && head -c 8192 /dev/zero | cmp - file", r.dir))
			check(t, r.Discard(t.Context(), u.Temp))
			_, err = r.store(t.Context(), "file", strings.Repeat("x", 20<<10), a)
			check(t, err)
			r.onHost(t, fmt.Sprintf("cd %s && [ $(ls -A | wc -l) = 2 ] && [ $(tr -dc x <other | wc -c) = 20480 ]", r.dir))
		})
	}
}

// TestStoreUnwritableDirectory is an account that may write to a file, but not
// make one beside it.
func TestStoreUnwritableDirectory(t *testing.T) {
	for _, perl := range []bool{true, false} {
		t.Run(fmt.Sprint("perl ", perl), func(t *testing.T) {
			tmp := t.TempDir()
			openUp(t, tmp)
			check(t, os.Chmod(tmp, 0o1777))
			env, path := farm(t)
			openUp(t, path)
			if !perl {
				check(t, os.Remove(filepath.Join(path, "perl")))
			}
			r := stranger(t, env, scptest.Env("TMPDIR", tmp))
			check(t, os.Chmod(r.dir, 0o755))
			r.storeBesideNothing(t)
			(&remote{dir: tmp}).awaitNames(t, "")
		})
	}
}

func (r *remote) storeBesideNothing(t *testing.T) {
	t.Helper()
	r.write(t, "file", "old")
	check(t, os.Chmod(r.path("file"), 0o666))
	have := r.stat(t, "file")
	for _, size := range []int{10, 1 << 20, 10 << 20} {
		contents := strings.Repeat(fmt.Sprint(size%7), size)
		a, err := r.store(t.Context(), "file", contents, have)
		check(t, err)
		if a.Ino != have.Ino || r.read(t, "file") != contents {
			t.Errorf("%d bytes: inode %d, want %d, with %d", size, a.Ino, have.Ino, len(r.read(t, "file")))
		}
		have = a
	}
	got, err := r.batch(t.Context(), t, []scpio.Step{storing("file", "batch", have), storing("new", "x", scpio.Attr{})})
	check(t, err)
	check(t, got[0].err)
	wantErrno(t, "a new file of a batch", got[1].err, syscall.EACCES)
	_, err = r.store(t.Context(), "new", "x", scpio.Attr{})
	wantErrno(t, "a new file", err, syscall.EACCES)
	_, err = r.store(t.Context(), "file", "stale", have)
	wantErrno(t, "a changed file", err, syscall.ESTALE)
	if r.read(t, "file") != "batch" || r.names(t) != "file" {
		t.Errorf("there are %s; it has %q", r.names(t), r.read(t, "file"))
	}
}
