package scpio_test

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/scpfs/scpfs/scpio"
)

// modes are those that differ in what it takes to set them.
var modes = []uint32{0, 0o600, 0o644, 0o666, 0o755, 0o777, 0o1777, 0o2755, 0o4755, 0o7777, 0o7000, 0o111}

func testCreate(t *testing.T, r *remote) {
	for i, mode := range modes {
		a, err := r.Create(t.Context(), fmt.Sprint(i), mode)
		if err != nil || a.Mode != syscall.S_IFREG|mode || !same(a, r.attrOf(t, fmt.Sprint(i))) {
			t.Errorf("mode %#o: got %+v, %v", mode, a, err)
		}
	}
	r.mkdir(t, "dir")
	r.symlink(t, "new", "link")
	create := func(path string) error { _, err := r.Create(t.Context(), path, 0o644); return err }
	wantErrno(t, "create over a file", create("0"), syscall.EEXIST)
	wantErrno(t, "create over a directory", create("dir"), syscall.EEXIST)
	wantErrno(t, "create over a dangling link", create("link"), syscall.EEXIST)
	wantErrno(t, "create in a missing directory", create("missing/x"), syscall.ENOENT)
	wantErrno(t, "create below a file", create("0/x"), syscall.ENOTDIR)
}

// testCreateExclusive lets several create the same file at once: one wins.
func testCreateExclusive(t *testing.T, r *remote) {
	ops := map[string]func(string) error{
		"create": func(name string) error { _, err := r.Create(t.Context(), name, 0o644); return err },
		"store":  func(name string) error { _, err := r.store(t.Context(), name, "x", scpio.Attr{}); return err },
		"mkdir":  func(name string) error { _, err := r.Mkdir(t.Context(), name, 0o755); return err },
	}
	for what, op := range ops {
		for round := range 5 {
			errs := concurrently(6, func(int) error { return op(fmt.Sprint(what, round)) })
			won := 0
			for _, err := range errs {
				switch {
				case err == nil:
					won++
				case !errors.Is(err, syscall.EEXIST) && !errors.Is(err, scpio.ErrChanged):
					t.Errorf("%s: %v", what, err)
				}
			}
			if won != 1 {
				t.Errorf("%s: %d of 6 made the same file", what, won)
			}
		}
	}
}

// concurrently runs f n times at once.
func concurrently(n int, f func(i int) error) []error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = f(i) })
	}
	wg.Wait()
	return errs
}

func testMkdir(t *testing.T, r *remote) {
	for i, mode := range modes {
		a, err := r.Mkdir(t.Context(), fmt.Sprint(i), mode)
		if err != nil || a.Mode != syscall.S_IFDIR|mode || !same(a, r.attrOf(t, fmt.Sprint(i))) {
			t.Errorf("mode %#o: got %+v, %v", mode, a, err)
		}
	}
	mkdir := func(path string) error { _, err := r.Mkdir(t.Context(), path, 0o755); return err }
	r.write(t, "file", "")
	wantErrno(t, "mkdir over a directory", mkdir("0"), syscall.EEXIST)
	wantErrno(t, "mkdir over a file", mkdir("file"), syscall.EEXIST)
	wantErrno(t, "mkdir in a missing directory", mkdir("missing/x"), syscall.ENOENT)
	wantErrno(t, "mkdir below a file", mkdir("file/x"), syscall.ENOTDIR)

	r.mkdir(t, "group")
	check(t, os.Chmod(r.path("group"), 0o755|os.ModeSetgid))
	for _, mode := range []uint32{0o755, 0o700, 0o1777} {
		a, err := r.Mkdir(t.Context(), fmt.Sprintf("group/%o", mode), mode)
		if err != nil || a.Mode != syscall.S_IFDIR|syscall.S_ISGID|mode {
			t.Errorf("mkdir %#o in a set-group-ID directory: mode %#o, %v", mode, a.Mode, err)
		}
	}
}

func testRemove(t *testing.T, r *remote) {
	r.write(t, "file", "")
	check(t, os.Chmod(r.path("file"), 0))
	r.mkdir(t, "dir")
	r.write(t, "dir/x", "")
	r.symlink(t, "dir", "link")
	wantErrno(t, "unlink a directory", r.Remove(t.Context(), "dir"), syscall.EISDIR)
	wantErrno(t, "unlink nothing", r.Remove(t.Context(), "missing"), syscall.ENOENT)
	wantErrno(t, "unlink below a file", r.Remove(t.Context(), "file/x"), syscall.ENOTDIR)
	wantErrno(t, "rmdir a full directory", r.Rmdir(t.Context(), "dir"), syscall.ENOTEMPTY)
	wantErrno(t, "rmdir a file", r.Rmdir(t.Context(), "file"), syscall.ENOTDIR)
	wantErrno(t, "rmdir a link", r.Rmdir(t.Context(), "link"), syscall.ENOTDIR)
	wantErrno(t, "rmdir nothing", r.Rmdir(t.Context(), "missing"), syscall.ENOENT)
	for _, name := range []string{"file", "dir/x", "link"} {
		check(t, r.Remove(t.Context(), name))
	}
	check(t, r.Rmdir(t.Context(), "dir"))
	if names := r.names(t); names != "" {
		t.Errorf("left: %s", names)
	}
}

func testLinks(t *testing.T, r *remote) {
	r.write(t, "file", "x")
	r.mkdir(t, "dir")
	r.symlink(t, "file", "sym")
	a, err := r.Link(t.Context(), "file", "hard")
	if err != nil || a.Nlink != 2 || a.Ino != r.lstat(t, "file").Ino {
		t.Errorf("link: %+v, %v", a, err)
	}
	a, err = r.Link(t.Context(), "sym", "sym2")
	if err != nil || a.Ino != r.lstat(t, "sym").Ino {
		t.Errorf("link to a link: %+v, %v", a, err)
	}
	a, err = r.Symlink(t.Context(), "-some where", "new")
	if target, _ := os.Readlink(r.path("new")); err != nil || target != "-some where" || !same(a, r.attrOf(t, "new")) {
		t.Errorf("symlink: %q, %+v, %v", target, a, err)
	}
	r.symlink(t, "dir", "todir")
	link := func(from, to string) error { _, err := r.Link(t.Context(), from, to); return err }
	symlink := func(to string) error { _, err := r.Symlink(t.Context(), "x", to); return err }
	wantErrno(t, "link nothing", link("missing", "x"), syscall.ENOENT)
	wantErrno(t, "link a directory", link("dir", "x"), syscall.EPERM)
	wantErrno(t, "symlink in a missing directory", symlink("missing/x"), syscall.ENOENT)
	for _, to := range []string{"file", "dir", "todir"} {
		wantErrno(t, "link over "+to, link("file", to), syscall.EEXIST)
		wantErrno(t, "symlink over "+to, symlink(to), syscall.EEXIST)
	}
}

func testSetattr(t *testing.T, r *remote) {
	r.write(t, "file", "x")
	r.mkdir(t, "dir")
	check(t, os.Chmod(r.path("dir"), 0o755|os.ModeSetgid))
	for _, name := range []string{"file", "dir"} {
		for _, mode := range modes {
			a, err := r.Setattr(t.Context(), name, scpio.Change{Mode: &mode})
			if err != nil || a.Mode&07777 != mode || !same(a, r.attrOf(t, name)) {
				t.Errorf("chmod %#o %s: %+v, %v", mode, name, a, err)
			}
		}
	}
	r.symlink(t, "file", "link")
	_, err := r.Setattr(t.Context(), "link", scpio.Change{Mode: new(uint32(0o600))})
	wantErrno(t, "chmod of a link", err, syscall.EOPNOTSUPP)
	_, err = r.Setattr(t.Context(), "missing", scpio.Change{Mtime: new(int64(5))})
	wantErrno(t, "utimens of nothing", err, syscall.ENOENT)
	if a, err := r.Setattr(t.Context(), "file", scpio.Change{}); err != nil || !same(a, r.attrOf(t, "file")) {
		t.Errorf("no change: %+v, %v", a, err)
	}
	r.testSetTimes(t)
}

func (r *remote) testSetTimes(t *testing.T) {
	t.Helper()
	step := int64(1)
	if !r.Host().NanoTime {
		step = int64(time.Second)
	}
	for _, ns := range []int64{-1500000001, -1, 0, 1, 1700000000123456789} {
		want := ns - ((ns%step)+step)%step
		if want == -int64(time.Second) {
			want = 0 // what busybox makes of it
		}
		for _, name := range []string{"file", "dir", "link"} {
			before := r.attrOf(t, name)
			a, err := r.Setattr(t.Context(), name, scpio.Change{Mtime: &ns})
			if err != nil || a.Mtime != want || a.Atime != before.Atime {
				t.Errorf("mtime of %s to %d: %+v, %v", name, ns, a, err)
			}
			a, err = r.Setattr(t.Context(), name, scpio.Change{Atime: &ns, Mtime: new(int64(0))})
			if err != nil || a.Mtime != 0 || a.Atime != want {
				t.Errorf("atime of %s to %d: %+v, %v", name, ns, a, err)
			}
			a, err = r.Setattr(t.Context(), name, scpio.Change{Atime: &ns, Mtime: &ns})
			if err != nil || a.Mtime != want || a.Atime != want {
				t.Errorf("times of %s to %d: %+v, %v", name, ns, a, err)
			}
		}
	}
}

func testOwner(t *testing.T, r *remote) {
	needRoot(t)
	r.write(t, "file", "x")
	r.symlink(t, "file", "link")
	uid, gid, mode := uint32(1234), uint32(2345), uint32(0o6755)
	a, err := r.Setattr(t.Context(), "file", scpio.Change{UID: &uid, GID: &gid, Mode: &mode, Mtime: new(int64(5e9))})
	if err != nil || a.UID != uid || a.GID != gid || a.Mode&07777 != mode || a.Mtime != 5e9 {
		t.Errorf("got %+v, %v", a, err)
	}
	if a, err = r.Setattr(t.Context(), "link", scpio.Change{GID: new(uint32(7))}); err != nil || a.UID != 0 || a.GID != 7 {
		t.Errorf("group of a link: %+v, %v", a, err)
	}
	if st := r.lstat(t, "file"); st.Gid != gid {
		t.Errorf("the owner of the link's target became %d", st.Gid)
	}
	if a, err = r.Setattr(t.Context(), "file", scpio.Change{UID: new(uint32(8))}); err != nil || a.UID != 8 || a.GID != gid {
		t.Errorf("owner alone: %+v, %v", a, err)
	}
}

// testChangeErrors refuses what needs no host.
func testChangeErrors(t *testing.T, r *remote) {
	_, err := r.Mknod(t.Context(), "sock", syscall.S_IFSOCK|0o600, 0)
	wantErrno(t, "mknod of a socket", err, syscall.EOPNOTSUPP)
	_, err = r.Rename(t.Context(), "a", "b", 4)
	wantErrno(t, "rename with an unknown flag", err, syscall.EINVAL)
	a, err := r.Mknod(t.Context(), "fifo", syscall.S_IFIFO|0o620, 0)
	if err != nil || a.Mode != syscall.S_IFIFO|0o620 {
		t.Errorf("mkfifo: %+v, %v", a, err)
	}
	_, err = r.Mknod(t.Context(), "fifo", syscall.S_IFIFO|0o620, 0)
	wantErrno(t, "mkfifo over one", err, syscall.EEXIST)
	wantErrno(t, "a path with a NUL", r.Remove(t.Context(), "a\x00b"), syscall.EINVAL)
	_, err = r.Symlink(t.Context(), "a\x00b", "c")
	wantErrno(t, "a link with a NUL", err, syscall.EINVAL)
}
