package e2e_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/scpfs/scpfs/scpio/scptest"
)

// wantErrno compares an error with a number of the kernel.
func wantErrno(t testing.TB, what string, err error, want syscall.Errno) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got %v, want %v", what, err, want)
	}
}

// write opens a file with flags, writes, and closes it: the first error of
// these is what a program sees.
func write(path string, flags int, data string) error {
	f, err := os.OpenFile(path, flags, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(data)
	return errors.Join(err, f.Close())
}

// TestNamesRefused: what no file system does.
func TestNamesRefused(t *testing.T) {
	m := mountAt(t, scptest.Start(t), mountOptions{})
	shell(t, m.Point, "mkdir -p dir/sub; echo >file; ln -s loop loop; ln -s loop2/x loop2; cp /bin/sleep prog; chmod +x prog")
	long := strings.Repeat("n", 256)
	tests := []struct {
		what string
		err  error
		want syscall.Errno
	}{
		{"create a long name", write(m.path(long), os.O_CREATE|os.O_WRONLY, "x"), syscall.ENAMETOOLONG},
		{"rename to a long name", os.Rename(m.path("file"), m.path(long)), syscall.ENAMETOOLONG},
		{"rmdir of one not empty", syscall.Rmdir(m.path("dir")), syscall.ENOTEMPTY},
		{"rename over one not empty", rename(m.path("dir/sub"), m.path("dir")), syscall.ENOTEMPTY},
		{"rename into itself", rename(m.path("dir"), m.path("dir/sub/x")), syscall.EINVAL},
		{"rename a file over a directory", rename(m.path("file"), m.path("dir/sub")), syscall.EISDIR},
		{"rename a directory over a file", rename(m.path("dir/sub"), m.path("file")), syscall.ENOTDIR},
		{"unlink a directory", syscall.Unlink(m.path("dir")), syscall.EISDIR},
		{"rmdir of a file", syscall.Rmdir(m.path("file")), syscall.ENOTDIR},
		{"open a loop", write(m.path("loop"), os.O_WRONLY, "x"), syscall.ELOOP},
		{"open through a loop", write(m.path("loop2"), os.O_WRONLY, "x"), syscall.ELOOP},
		{"open a missing file", write(m.path("no"), os.O_WRONLY, "x"), syscall.ENOENT},
		{"open below a file", write(m.path("file/x"), os.O_CREATE|os.O_WRONLY, "x"), syscall.ENOTDIR},
		{"open a directory for writing", write(m.path("dir"), os.O_WRONLY, "x"), syscall.EISDIR},
		{"create exclusively what is there", write(m.path("file"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, "x"), syscall.EEXIST},
		{"mkdir of what is there", syscall.Mkdir(m.path("dir"), 0o755), syscall.EEXIST},
		{"link to what is there", os.Link(m.path("prog"), m.path("file")), syscall.EEXIST},
		{"link out of the mount", os.Link(m.path("prog"), filepath.Join(newDir(t, ""), "x")), syscall.EXDEV},
		{"follow nothing", write(m.path("loop"), os.O_RDONLY|syscall.O_NOFOLLOW, ""), syscall.ELOOP},
		{"run what may not be run", exec.Command(m.path("file")).Run(), syscall.EACCES},
		{"extended attribute", unix.Setxattr(m.path("file"), "user.x", []byte("y"), 0), syscall.EOPNOTSUPP},
	}
	for _, tt := range tests {
		wantErrno(t, tt.what, tt.err, tt.want)
	}
	testBusyText(t, m)
}

func rename(from, to string) error { return syscall.Rename(from, to) }

// testBusyText: a program that runs is not written to.
func testBusyText(t *testing.T, m *mounted) {
	t.Helper()
	cmd := exec.Command(m.path("prog"), "100")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	err := write(m.path("prog"), os.O_WRONLY, "x")
	cmd.Process.Kill()
	cmd.Wait() // killed: the state says nothing
	wantErrno(t, "write to a program that runs", err, syscall.ETXTBSY)
}

// TestImmutable: what not even root may change on the host is EPERM here. What
// was written before that was known is kept, and stored once it may be.
func TestImmutable(t *testing.T) {
	needRoot(t)
	scptest.Need(t, "chattr")
	m := mountAt(t, scptest.Start(t), mountOptions{})
	shell(t, m.Remote, "echo old >file; mkdir dir; echo old >dir/file; echo old >log; chattr +i file dir; chattr +a log")
	free := sync.OnceFunc(func() { shell(t, m.Remote, "chattr -i file dir; chattr -a log") })
	defer free()
	for _, tt := range []struct {
		what string
		err  error
	}{
		{"chmod", os.Chmod(m.path("file"), 0o600)},
		{"unlink", os.Remove(m.path("file"))},
		{"unlink in the directory", os.Remove(m.path("dir/file"))},
		{"rename in the directory", os.Rename(m.path("dir/file"), m.path("dir/x"))},
		{"rename into the directory", os.Rename(m.path("log"), m.path("dir/log"))},
		{"unlink of append-only", os.Remove(m.path("log"))},
		{"write", write(m.path("file"), os.O_WRONLY|os.O_TRUNC, "new\n")},
	} {
		if !errors.Is(tt.err, syscall.EPERM) && !errors.Is(tt.err, syscall.EACCES) {
			t.Errorf("%s: got %v, want EPERM", tt.what, tt.err)
		}
	}
	for _, name := range []string{"file", "dir/file", "log"} {
		wantFile(t, m.there(name), "old\n")
	}
	free()
	fsync(t, m.path("file"))
	wantFile(t, m.there("file"), "new\n")
}

// fsync has what a program could not store tried again.
func fsync(t testing.TB, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		t.Errorf("fsync %s: %v", path, err)
	}
}

// diskOf makes a small file system on the host, or one that is read only.
func diskOf(t *testing.T, dir, options string) {
	t.Helper()
	needRoot(t)
	if err := syscall.Mount("scpfs-test", dir, "tmpfs", 0, options); err != nil {
		scptest.Missing(t, "mount", err.Error())
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// TestDiskFull: what does not fit on the host fails at close with ENOSPC, the
// old contents stay, and when there is room again all arrives.
func TestDiskFull(t *testing.T) {
	dir := newDir(t, "")
	diskOf(t, dir, "size=1m")
	m := mountAt(t, scptest.Start(t), mountOptions{remote: dir})
	writeFile(t, m.path("file"), "old\n")
	big := strings.Repeat("x", 2*mib)
	f, err := os.OpenFile(m.path("file"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(big); err != nil {
		t.Fatal(err)
	}
	wantErrno(t, "fsync", f.Sync(), syscall.ENOSPC)
	wantFile(t, m.there("file"), "old\n")
	// The host removes its part while the error is on its way.
	if !await(func() bool { return len(tempFiles(m.Remote)) == 0 }) {
		t.Errorf("left on the full disk: %q", tempFiles(m.Remote))
	}
	remount(t, dir, 0, "size=8m")
	if err := f.Sync(); err != nil {
		t.Errorf("fsync when there is room: %v", err)
	}
	wantFile(t, m.there("file"), big)
}

// TestReadOnlyHost: a directory that is read only there is so here. What was
// written all the same is kept, and stored once it can be.
func TestReadOnlyHost(t *testing.T) {
	dir := newDir(t, "")
	diskOf(t, dir, "size=1m")
	writeFile(t, dir+"/file", "old\n")
	srv := scptest.Start(t) // has its own view of the mount, which only the file system makes read only
	remount(t, dir, syscall.MS_RDONLY, "size=1m")
	m := mountAt(t, srv, mountOptions{remote: dir})
	wantErrno(t, "mkdir", os.Mkdir(m.path("dir"), 0o755), syscall.EROFS)
	wantErrno(t, "unlink", os.Remove(m.path("file")), syscall.EROFS)
	wantErrno(t, "chmod", os.Chmod(m.path("file"), 0o600), syscall.EROFS)
	wantFile(t, m.path("file"), "old\n")
	wantErrno(t, "create", write(m.path("new"), os.O_CREATE|os.O_WRONLY, "x"), syscall.EROFS)
	wantErrno(t, "write", write(m.path("file"), os.O_WRONLY|os.O_TRUNC, "x"), syscall.EROFS)
	wantFile(t, m.there("file"), "old\n")
	remount(t, dir, 0, "size=1m")
	for _, name := range []string{"new", "file"} {
		fsync(t, m.path(name))
		wantFile(t, m.there(name), "x")
	}
}

func remount(t testing.TB, dir string, flags uintptr, options string) {
	t.Helper()
	if err := syscall.Mount("scpfs-test", dir, "tmpfs", syscall.MS_REMOUNT|flags, options); err != nil {
		t.Fatal(err)
	}
}

// TestForeignMountBelow: a rename across file systems of the host is EXDEV, so
// that mv copies.
func TestForeignMountBelow(t *testing.T) {
	srv := scptest.Start(t)
	dir := newDir(t, srv.Home)
	mkdir(t, dir+"/other")
	diskOf(t, dir+"/other", "size=1m")
	srv.Restart() // its view of the mounts is of the time of its start
	m := mountAt(t, srv, mountOptions{remote: dir})
	writeFile(t, m.path("file"), "data\n")
	wantErrno(t, "rename", os.Rename(m.path("file"), m.path("other/file")), syscall.EXDEV)
	wantErrno(t, "link", os.Link(m.path("file"), m.path("other/file")), syscall.EXDEV)
	shell(t, m.Point, "mv file other/")
	wantFile(t, dir+"/other/file", "data\n")
}
