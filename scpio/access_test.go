package scpio_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/scpfs/scpfs/scpio"
	"github.com/scpfs/scpfs/scpio/scptest"
)

// testImmutable has files that not even root may change.
func testImmutable(t *testing.T, r *remote) {
	needRoot(t)
	r.mkdir(t, "dir")
	r.write(t, "file", "kept")
	chattr := func(how string, names ...string) {
		for _, name := range names {
			if out, err := exec.Command("chattr", how, r.path(name)).CombinedOutput(); err != nil {
				scptest.Missing(t, "chattr", string(out))
			}
		}
	}
	chattr("+i", "dir", "file")
	defer chattr("-i", "dir", "file")
	_, err := r.store(t.Context(), "file", "new", r.stat(t, "file"))
	wantErrno(t, "store", err, syscall.EPERM)
	_, err = r.store(t.Context(), "dir/new", "new", scpio.Attr{})
	wantErrno(t, "store in a directory", err, syscall.EPERM)
	_, err = r.Create(t.Context(), "dir/new", 0o644)
	wantErrno(t, "create", err, syscall.EPERM)
	_, err = r.Mkdir(t.Context(), "dir/new", 0o755)
	wantErrno(t, "mkdir", err, syscall.EPERM)
	wantErrno(t, "unlink", r.Remove(t.Context(), "file"), syscall.EPERM)
	wantErrno(t, "rmdir", r.Rmdir(t.Context(), "dir"), syscall.EPERM)
	_, err = r.Rename(t.Context(), "file", "other", 0)
	wantErrno(t, "rename", err, syscall.EPERM)
	_, err = r.Setattr(t.Context(), "file", scpio.Change{Mode: new(uint32(0o600))})
	wantErrno(t, "chmod", err, syscall.EPERM)
	_, err = r.Truncate(t.Context(), "file", r.stat(t, "file"), 0)
	wantErrno(t, "truncate", err, syscall.EPERM)
	if names := r.names(t); names != "dir file" || r.read(t, "file") != "kept" {
		t.Errorf("there is now %s", names)
	}
}

// stranger is a server whose shells run as another user than the one who owns
// the files, root.
func stranger(t *testing.T, o ...scptest.Option) *remote {
	t.Helper()
	needRoot(t)
	setpriv := scptest.Need(t, "setpriv")[0]
	shell := filepath.Join(t.TempDir(), "shell")
	script := "#!/bin/sh\nexec " + setpriv + " --reuid 65534 --regid 65534 --clear-groups /bin/sh \"$@\"\n"
	check(t, os.WriteFile(shell, []byte(script), 0o755))
	openUp(t, shell)
	srv := scptest.Start(t, append(o, scptest.LoginShell(shell))...)
	openUp(t, srv.Home)
	dir, err := os.MkdirTemp(srv.Home, "r")
	check(t, err)
	check(t, os.Chmod(dir, 0o777))
	c, err := scpio.New(t.Context(), dialer(srv), scpio.Options{Root: dir, Timeout: timeout})
	check(t, err)
	t.Cleanup(func() { c.Close() })
	if c.Host().UID != 65534 {
		t.Fatalf("the user is %d", c.Host().UID)
	}
	return &remote{c, srv, dir}
}

// openUp lets others pass to a path below the test's own directory.
func openUp(t *testing.T, path string) {
	t.Helper()
	for ; path != os.TempDir() && path != "/"; path = filepath.Dir(path) {
		check(t, os.Chmod(path, 0o755))
	}
}

func TestOtherUser(t *testing.T) {
	r := stranger(t)
	r.testForbidden(t)
	r.testForeignFile(t)
}

// TestUnsearchable has a directory of which the account may know the names and no
// more: it does not pass for an empty one.
func TestUnsearchable(t *testing.T) {
	needRoot(t)
	setpriv := scptest.Need(t, "setpriv", "perl")[0]
	withoutPerl := programs(t)
	check(t, os.Remove(filepath.Join(withoutPerl, "perl")))
	for name, path := range map[string]string{"perl": programs(t), "find": withoutPerl, "busybox": scptest.Busybox(t)} {
		openUp(t, path)
		r := newLocalOn(t, t.TempDir(), path, setpriv, "--reuid 65534 --regid 65534 --clear-groups", filepath.Join(path, "sh"))
		r.mkdir(t, "dir")
		for i := range 1000 {
			r.write(t, fmt.Sprintf("dir/%060d", i), "")
		}
		check(t, os.Chmod(r.path("dir"), 0o744))
		_, _, err := r.List(t.Context(), "dir")
		wantErrno(t, "list by "+name, err, syscall.EACCES)
	}
}

// TestWriteOnly stores a file that its own owner may not read, in one piece and in
// several.
func TestWriteOnly(t *testing.T) {
	r := stranger(t)
	for _, size := range []int{1, 1 << 20, 9 << 20} {
		var a scpio.Attr
		for range 2 {
			var err error
			text := noise(size)
			a, err = r.Store(t.Context(), "file", scpio.Upload{Contents: strings.NewReader(text), Size: int64(size), Mode: 0o200, Expect: a})
			if err != nil || a.Mode&0o777 != 0o200 || r.read(t, "file") != text {
				t.Errorf("%d bytes: there are %d, of %+v, %v", size, len(r.read(t, "file")), a, err)
			}
		}
		check(t, r.Remove(t.Context(), "file"))
	}
	if names := r.names(t); names != "" {
		t.Errorf("left behind: %s", names)
	}
}

func (r *remote) testForbidden(t *testing.T) {
	r.mkdir(t, "locked")
	check(t, os.Chmod(r.path("locked"), 0o711))
	r.write(t, "locked/file", "secret")
	check(t, os.Chmod(r.path("locked/file"), 0o600))
	_, _, err := r.fetch(t.Context(), "locked/file", scpio.Attr{})
	wantErrno(t, "fetch", err, syscall.EACCES)
	wantErrno(t, "fetch of many", r.fetchMany(t, []string{"locked/file"}).errs[0], syscall.EACCES)
	_, _, err = r.List(t.Context(), "locked")
	wantErrno(t, "list", err, syscall.EACCES)
	_, err = r.store(t.Context(), "locked/new", "x", scpio.Attr{})
	wantErrno(t, "store", err, syscall.EACCES)
	_, err = r.Create(t.Context(), "locked/new", 0o644)
	wantErrno(t, "create", err, syscall.EACCES)
	_, err = r.Mkdir(t.Context(), "locked/new", 0o755)
	wantErrno(t, "mkdir", err, syscall.EACCES)
	wantErrno(t, "unlink", r.Remove(t.Context(), "locked/file"), syscall.EACCES)
	_, err = r.Symlink(t.Context(), "x", "locked/new")
	wantErrno(t, "symlink", err, syscall.EACCES)
	_, err = r.Rename(t.Context(), "locked/file", "new", 0)
	wantErrno(t, "rename", err, syscall.EACCES)
	_, err = r.Truncate(t.Context(), "locked/file", r.stat(t, "locked/file"), 0)
	wantErrno(t, "truncate", err, syscall.EACCES)
	_, err = r.Setattr(t.Context(), "locked/file", scpio.Change{Mode: new(uint32(0o777))})
	wantErrno(t, "chmod", err, syscall.EPERM)
	_, err = r.Setattr(t.Context(), "locked/file", scpio.Change{UID: new(uint32(65534))})
	wantErrno(t, "chown", err, syscall.EPERM)
	check(t, os.Chmod(r.path("locked"), 0o700))
	_, err = r.Stat(t.Context(), "locked/file")
	wantErrno(t, "stat", err, syscall.EACCES)
}

// testForeignFile stores over a file that others may write, but not own: that
// has to go through its inode.
func (r *remote) testForeignFile(t *testing.T) {
	for i, mode := range []os.FileMode{0o666, 0o644} {
		name := fmt.Sprint("foreign", i)
		r.write(t, name, "old")
		check(t, os.Chmod(r.path(name), mode))
		before := r.stat(t, name)
		a, err := r.store(t.Context(), name, "new contents", before)
		if mode == 0o644 {
			wantErrno(t, "store", err, syscall.EACCES)
			if got := r.read(t, name); got != "old" {
				t.Errorf("there is now %q", got)
			}
			continue
		}
		if err != nil || a.Ino != before.Ino || a.UID != 0 || r.read(t, name) != "new contents" {
			t.Errorf("got %+v, %v", a, err)
		}
	}
	if strings.Contains(r.names(t), ".scpfs-") {
		t.Errorf("left behind: %s", r.names(t))
	}
}

// testFileSystems has small and read-only file systems mounted on the host,
// where only the host sees them.
func testFileSystems(t *testing.T, r *remote) {
	needRoot(t)
	r.mkdir(t, "small")
	r.mkdir(t, "fixed")
	r.write(t, "fixed/file", "x")
	r.onHost(t, "mount -t tmpfs -o size=256k none "+r.path("small"))
	r.onHost(t, "mount --bind "+r.path("fixed")+" "+r.path("fixed")+" && mount -o remount,ro,bind none "+r.path("fixed"))
	t.Cleanup(func() { r.onHost(t, "umount "+r.path("small")+"; umount "+r.path("fixed")) })
	r.testFull(t)
	r.testReadOnly(t)
	r.testTwoFileSystems(t)
}

func (r *remote) testFull(t *testing.T) {
	for _, size := range []int{100 << 10, 2 << 20, 10 << 20} {
		r.write(t, "outside", "x")
		a, err := r.store(t.Context(), "small/file", "kept", scpio.Attr{})
		check(t, err)
		fill, err := r.store(t.Context(), "small/fill", strings.Repeat("x", 120<<10), scpio.Attr{})
		check(t, err)
		_, err = r.store(t.Context(), "small/fill2", strings.Repeat("x", 100<<10), scpio.Attr{})
		check(t, err)
		_, err = r.store(t.Context(), "small/file", strings.Repeat("y", size), a)
		wantErrno(t, "store on a full disk", err, syscall.ENOSPC)
		if got, _, err := r.fetch(t.Context(), "small/file", scpio.Attr{}); err != nil || got != "kept" {
			t.Errorf("the old contents became %.20q, %v", got, err)
		}
		_ = fill
		await(t, "no upload is left", func() bool {
			_, all, err := r.List(t.Context(), "small")
			return err == nil && len(all) == 3
		})
		for _, name := range []string{"file", "fill", "fill2"} {
			check(t, r.Remove(t.Context(), "small/"+name))
		}
	}
}

func (r *remote) testReadOnly(t *testing.T) {
	_, err := r.store(t.Context(), "fixed/file", "new", r.stat(t, "fixed/file"))
	wantErrno(t, "store", err, syscall.EROFS)
	_, err = r.Create(t.Context(), "fixed/new", 0o644)
	wantErrno(t, "create", err, syscall.EROFS)
	_, err = r.Mkdir(t.Context(), "fixed/new", 0o755)
	wantErrno(t, "mkdir", err, syscall.EROFS)
	wantErrno(t, "unlink", r.Remove(t.Context(), "fixed/file"), syscall.EROFS)
	_, err = r.Symlink(t.Context(), "x", "fixed/new")
	wantErrno(t, "symlink", err, syscall.EROFS)
	_, err = r.Rename(t.Context(), "fixed/file", "fixed/new", 0)
	wantErrno(t, "rename", err, syscall.EROFS)
	_, err = r.Setattr(t.Context(), "fixed/file", scpio.Change{Mode: new(uint32(0o600))})
	wantErrno(t, "chmod", err, syscall.EROFS)
	_, err = r.Setattr(t.Context(), "fixed/file", scpio.Change{Mtime: new(int64(1))})
	wantErrno(t, "utimens", err, syscall.EROFS)
	_, err = r.Truncate(t.Context(), "fixed/file", r.stat(t, "fixed/file"), 0)
	wantErrno(t, "truncate", err, syscall.EROFS)
}

func (r *remote) testTwoFileSystems(t *testing.T) {
	r.write(t, "file", "x")
	for _, flags := range []uint32{0, scpio.RenameNoReplace, scpio.RenameExchange} {
		_, err := r.Create(t.Context(), fmt.Sprint("small/", flags), 0o644)
		check(t, err)
		to := "small/new"
		if flags == scpio.RenameExchange {
			to = "small/2"
		}
		_, err = r.Rename(t.Context(), "file", to, flags)
		wantErrno(t, "rename", err, syscall.EXDEV)
	}
	_, err := r.Link(t.Context(), "file", "small/new")
	wantErrno(t, "link", err, syscall.EXDEV)
	if r.Host().Exchange == "" {
		return // mv alone cannot tell two mounts of one file system apart
	}
	_, err = r.Rename(t.Context(), "fixed/file", "new", 0)
	if !errorsIsOneOf(err, syscall.EXDEV, syscall.EROFS) {
		t.Errorf("rename out of a read-only bind mount: %v", err)
	}
	if _, err := os.Stat(r.path("new")); err == nil {
		t.Error("it was copied")
	}
}
