package scpio_test

import (
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/scpfs/scpfs/scpio"
	"github.com/scpfs/scpfs/scpio/scptest"
)

// attrOf is what a listing should say of a file.
func (r *remote) attrOf(t *testing.T, name string) scpio.Attr {
	t.Helper()
	st := r.lstat(t, name)
	return scpio.Attr{
		Mode: st.Mode, Nlink: uint32(st.Nlink), UID: st.Uid, GID: st.Gid,
		Dev: st.Dev, Ino: st.Ino, Size: st.Size, Block: st.Blocks,
		Atime: st.Atim.Nano(), Mtime: st.Mtim.Nano(), Ctime: st.Ctim.Nano(),
	}
}

// same compares attributes but for the time of access, which the test itself
// moves on, and for the blocks of a large file, which come to be when it is
// written out.
func same(a, b scpio.Attr) bool {
	a.Atime, b.Atime = 0, 0
	if a.Size > 1<<20 {
		a.Block, b.Block = 0, 0
	}
	return a == b
}

// wantListed checks a listing of the root against what is there.
func (r *remote) wantListed(t *testing.T) []scpio.Entry {
	t.Helper()
	self, all, err := r.List(t.Context(), "")
	check(t, err)
	if want := r.attrOf(t, ""); !same(self.Attr, want) || self.Name != "" {
		t.Errorf("the directory itself: got %+v, want %+v", self, want)
	}
	there, err := os.ReadDir(r.dir)
	check(t, err)
	if len(all) != len(there) {
		t.Errorf("got %d entries, want %d", len(all), len(there))
	}
	for _, e := range all {
		e.Attr.Rdev = 0
		if want := r.attrOf(t, e.Name); !same(e.Attr, want) {
			t.Errorf("%q:\n got %+v\nwant %+v", e.Name, e.Attr, want)
		}
	}
	return all
}

func testList(t *testing.T, r *remote) {
	r.write(t, "file", "contents")
	r.mkdir(t, "dir")
	r.write(t, "dir/below", "")
	r.symlink(t, "no -> where\n -> at all'", "link")
	check(t, syscall.Mkfifo(r.path("fifo"), 0o600))
	l, err := net.Listen("unix", r.path("sock"))
	check(t, err)
	defer l.Close()
	check(t, os.Chmod(r.path("file"), 0o4751))
	for _, e := range r.wantListed(t) {
		if want, _ := os.Readlink(r.path(e.Name)); e.Target != want {
			t.Errorf("target of %s: got %q, want %q", e.Name, e.Target, want)
		}
	}
	_, all, err := r.List(t.Context(), "dir")
	if err != nil || len(all) != 1 || all[0].Name != "below" {
		t.Errorf("list of a directory below: got %v, %v", all, err)
	}
	e, err := r.Stat(t.Context(), "link")
	if err != nil || e.Name != "" || e.Target != "no -> where\n -> at all'" || !same(e.Attr, r.attrOf(t, "link")) {
		t.Errorf("stat of a link: got %+v, %v", e, err)
	}
}

func testListErrors(t *testing.T, r *remote) {
	r.write(t, "file", "")
	r.symlink(t, ".", "link")
	r.symlink(t, "loop", "loop")
	list := func(path string) error { _, _, err := r.List(t.Context(), path); return err }
	stat := func(path string) error { _, err := r.Stat(t.Context(), path); return err }
	wantErrno(t, "list a missing directory", list("missing"), syscall.ENOENT)
	wantErrno(t, "list a file", list("file"), syscall.ENOTDIR)
	wantErrno(t, "list a link", list("link"), syscall.ENOTDIR)
	wantErrno(t, "list below a file", list("file/x"), syscall.ENOTDIR)
	wantErrno(t, "stat a missing file", stat("missing"), syscall.ENOENT)
	wantErrno(t, "stat below a file", stat("file/x"), syscall.ENOTDIR)
	wantErrno(t, "stat below a loop", stat("loop/x"), syscall.ELOOP)
}

// testDeadMount has the mount point of a file system that nobody serves any more.
// What is beside it is shown all the same, and that it answers nothing is not taken
// for the end of the connection.
func testDeadMount(t *testing.T, r *remote) {
	needRoot(t)
	r.write(t, "file", "x")
	r.mkdir(t, "dir")
	r.mkdir(t, "dead")
	r.onHost(t, "cd "+r.dir+" && mknod fuse c 10 229 && mount -i -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 none dead 3<>fuse && rm fuse")
	t.Cleanup(func() { r.onHost(t, "umount "+r.path("dead")) })
	self, all, err := r.List(t.Context(), "")
	if err != nil || !isDir(self.Attr) || len(all) != 2 {
		t.Errorf("listed %+v, %+v, %v", self, all, err)
	}
	for _, e := range all {
		if want := r.attrOf(t, e.Name); !same(e.Attr, want) {
			t.Errorf("%s:\n got %+v\nwant %+v", e.Name, e.Attr, want)
		}
	}
	_, err = r.Stat(t.Context(), "dead")
	wantErrno(t, "stat", err, syscall.EIO)
	_, _, err = r.List(t.Context(), "dead")
	wantErrno(t, "list", err, syscall.EIO)
	_, err = r.Mkdir(t.Context(), "dead/dir", 0o755)
	wantErrno(t, "mkdir", err, syscall.EIO)
	_, err = r.store(t.Context(), "dead/file", "x", scpio.Attr{})
	wantErrno(t, "store", err, syscall.EIO)
}

func isDir(a scpio.Attr) bool { return a.Mode&syscall.S_IFMT == syscall.S_IFDIR }

// TestPartlyListed has listings of which the host says that something failed.
func TestPartlyListed(t *testing.T) {
	dir, file := found("d", "", 1), found("f", "a", 5)
	for _, c := range []struct {
		records, said string
		want          syscall.Errno
	}{
		{dir + file, "find: '/r/b': Permission denied\nfind: '/r/c/': ': Input/output error", syscall.EIO},
		{dir + file, "find: '/r': Input/output error", syscall.EIO},
		{dir + file, "find: /r: I/O error", syscall.EIO},
		{dir + file, "find: '/r/b/c': Permission denied", syscall.EACCES},
		{dir + file, "Killed", syscall.EIO},
		{dir, "find: '/r/b': Permission denied", syscall.EACCES},
		{dir, "find: '/r/b': No such file or directory", 0},
		{dir + file, "find: '/r/b': Permission denied\nfind: '/r/c\\'': Input/output error\n", 0},
		{dir + file, "find: /r/b: Input/output error\nfind: '/r/c': No such file or directory", 0},
		{dir + file, "stat: can't stat '/r/b': Transport endpoint is not connected", 0},
	} {
		r, err := newFake(t, hostAnswer("gnu"), c.records+marker+" 1\x00"+c.said+"\x00")
		check(t, err)
		_, all, err := r.List(t.Context(), "")
		if c.want != 0 {
			wantErrno(t, c.said, err, c.want)
		} else if err != nil || len(all) != strings.Count(c.records, "=f") {
			t.Errorf("%s: got %v, %v", c.said, all, err)
		}
		r.Close()
	}
	r, err := newFake(t, strings.Replace(hostAnswer("gnu"), "root=/r", "root=/", 1), dir+file+marker+" 1\x00find: '/': Input/output error\x00")
	check(t, err)
	_, _, err = r.List(t.Context(), "")
	wantErrno(t, "list the root", err, syscall.EIO)
}

// TestListCut has a directory that cannot be read to its end: readdir fails.
func TestListCut(t *testing.T) {
	fails := preload(t, `
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
static void *next(DIR *d, char *name) {
	static int n;
	if (++n > 4) { errno = EIO; return 0; }
	return ((void *(*)(DIR *))dlsym(RTLD_NEXT, name))(d);
}
struct dirent *readdir(DIR *d) { return next(d, "readdir"); }
struct dirent64 *readdir64(DIR *d) { return next(d, "readdir64"); }
`)
	scptest.Need(t, "perl")
	r := newRemote(t, scptest.Start(t, scptest.Env("LD_PRELOAD", fails)), scpio.Options{})
	for i := range 10 {
		r.write(t, fmt.Sprint(i), "")
	}
	_, _, err := r.List(t.Context(), "")
	wantErrno(t, "list", err, syscall.EIO)
}

// preload compiles what LD_PRELOAD puts into programs.
func preload(t *testing.T, source string) string {
	t.Helper()
	cc := scptest.Need(t, "cc")[0]
	lib := filepath.Join(t.TempDir(), "lib")
	check(t, os.WriteFile(lib+".c", []byte("#define _GNU_SOURCE\n"+source), 0o644))
	if out, err := exec.Command(cc, "-shared", "-fPIC", "-o", lib+".so", lib+".c", "-ldl").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return lib + ".so"
}

// testTimes compares times that are hard to print or parse.
func testTimes(t *testing.T, r *remote) {
	for name, ts := range map[string]syscall.Timespec{
		"negative":   {Sec: -2, Nsec: 500000000},
		"negative1":  {Sec: -1, Nsec: 999999999},
		"epoch":      {},
		"nanosecond": {Sec: 1, Nsec: 1},
		"recent":     {Sec: 1700000000, Nsec: 100000000},
		"2038":       {Sec: 1 << 31, Nsec: 10},
		"1910":       {Sec: -1900000000, Nsec: 123456789},
	} {
		r.write(t, name, "")
		check(t, syscall.UtimesNano(r.path(name), []syscall.Timespec{ts, ts}))
	}
	for _, e := range r.wantListed(t) {
		if want := r.attrOf(t, e.Name).Atime; e.Attr.Atime != want {
			t.Errorf("%s: atime %d, want %d", e.Name, e.Attr.Atime, want)
		}
	}
}

// testVersions checks that a version as told by attributes is that of the
// host: a conditional fetch finds nothing changed.
func testVersions(t *testing.T, r *remote) {
	for name, sec := range map[string]int64{"old": -2, "epoch": 0, "new": 1700000000, "late": 1 << 32} {
		for _, nsec := range []int64{0, 1, 120000000, 999999999} {
			r.write(t, name, "x")
			ts := syscall.Timespec{Sec: sec, Nsec: nsec}
			check(t, syscall.UtimesNano(r.path(name), []syscall.Timespec{ts, ts}))
			got, _, err := r.fetch(t.Context(), name, r.stat(t, name))
			if err != nil || got != "" {
				t.Errorf("fetch of an unchanged file of %d.%09d: got %q, %v", sec, nsec, got, err)
			}
		}
	}
}

// TestFarTimes has times that 64 bits of nanoseconds cannot tell, and years that
// have not four digits. Such a file is there, and changes, as any other.
func TestFarTimes(t *testing.T) {
	scptest.Need(t, "perl")
	withoutPerl := programs(t)
	check(t, os.Remove(filepath.Join(withoutPerl, "perl")))
	for name, path := range map[string]string{"perl": programs(t), "find": withoutPerl, "busybox": scptest.Busybox(t)} {
		dir, err := os.MkdirTemp("/dev/shm", "scpfs") // other file systems have no such times
		check(t, err)
		t.Cleanup(func() { os.RemoveAll(dir) })
		r := newLocalOn(t, dir, path, filepath.Join(path, "sh"))
		for sec, want := range map[int64]int64{
			1e10: math.MaxInt64, 253402300800: math.MaxInt64, 1e15: math.MaxInt64,
			-1e10: math.MinInt64, -62000000000: math.MinInt64, -62200000000: math.MinInt64,
		} {
			r.write(t, "file", "contents")
			ts := syscall.Timespec{Sec: sec, Nsec: 5}
			check(t, syscall.UtimesNano(r.path("file"), []syscall.Timespec{ts, ts}))
			t.Run(fmt.Sprintf("%s/%d", name, sec), func(t *testing.T) { r.testFarTime(t, want) })
		}
	}
}

func (r *remote) testFarTime(t *testing.T, want int64) {
	ctx := t.Context()
	_, all, err := r.List(ctx, "")
	if err != nil || len(all) != 1 || all[0].Attr.Mtime != want {
		t.Fatalf("listed %+v, %v", all, err)
	}
	have := r.stat(t, "file")
	if got, _, err := r.fetch(ctx, "file", have); err != nil || got != "" {
		t.Errorf("fetch of an unchanged file: got %q, %v", got, err)
	}
	var part strings.Builder
	if err := r.FetchRange(ctx, "file", have, 3, 4, &part); err != nil || part.String() != "tent" {
		t.Errorf("got %q, %v", part.String(), err)
	}
	for _, u := range []scpio.Upload{
		{Contents: strings.NewReader("contents and more"), Size: 17, Keep: 8, Mode: 0o644, Mtime: want, Atime: 1, Expect: have},
		{Contents: strings.NewReader("other"), Size: 5, Mode: 0o644, Mtime: 1, Atime: 1, Expect: have},
	} {
		was, err := os.ReadFile(r.path("file"))
		check(t, err)
		check(t, os.Chmod(r.path("file"), 0o600)) // another ctime
		_, err = r.Store(ctx, "file", u)
		wantErrno(t, "store over another version", err, syscall.ESTALE)
		if got := r.read(t, "file"); got != string(was) {
			t.Errorf("there is now %q", got)
		}
		u.Expect = r.stat(t, "file")
		_, err = r.Store(ctx, "file", u)
		if got := r.read(t, "file"); err != nil || int64(len(got)) != u.Size {
			t.Errorf("there is now %q, %v", got, err)
		}
	}
	ts := syscall.Timespec{Sec: 1e10}
	check(t, syscall.UtimesNano(r.path("file"), []syscall.Timespec{ts, ts}))
	a, err := r.Truncate(ctx, "file", r.stat(t, "file"), 3)
	check(t, err)
	a.Size++
	wantErrno(t, "remove what has grown", r.RemoveIf(ctx, "file", a), syscall.ESTALE)
	check(t, syscall.UtimesNano(r.path("file"), []syscall.Timespec{ts, ts}))
	check(t, r.RemoveIf(ctx, "file", r.stat(t, "file")))
}

func testSparse(t *testing.T, r *remote) {
	const size = 5 << 30
	r.write(t, "sparse", "")
	check(t, os.Truncate(r.path("sparse"), size))
	if a := r.stat(t, "sparse"); a.Size != size || a.Block > 100 {
		t.Errorf("size %d in %d blocks, want %d in few", a.Size, a.Block, size)
	}
}

func testDevices(t *testing.T, r *remote) {
	needRoot(t)
	devices := map[string]uint32{"null": 1<<8 | 3, "large": 0x12345&0xff | 7<<8 | 0x12345&^0xff<<12}
	for name, rdev := range devices {
		a, err := r.Mknod(t.Context(), name, syscall.S_IFCHR|0o640, rdev)
		if err != nil || a.Rdev != rdev || a.Mode != syscall.S_IFCHR|0o640 {
			t.Errorf("mknod %s: got %+v, %v", name, a, err)
		}
		if st := r.lstat(t, name); st.Rdev != uint64(rdev) {
			t.Errorf("%s has device number %#x, want %#x", name, st.Rdev, rdev)
		}
	}
	_, err := r.Mknod(t.Context(), "block", syscall.S_IFBLK|0o600, 7<<8)
	check(t, err)
	for _, e := range r.wantListed(t) {
		if want := uint32(r.lstat(t, e.Name).Rdev); e.Attr.Rdev != want || r.stat(t, e.Name).Rdev != want {
			t.Errorf("device number of %s: listed %#x, stat %#x, want %#x", e.Name, e.Attr.Rdev, r.stat(t, e.Name).Rdev, want)
		}
	}
}

// testClock checks that a file written before the clock was read is not newer.
func testClock(t *testing.T, r *remote) {
	before := r.Clock()
	r.write(t, "new", "")
	if m := r.stat(t, "new").Mtime; m < before {
		t.Errorf("a file written after the clock was read is %d ns older", before-m)
	}
}

func testStatfs(t *testing.T, r *remote) {
	got, err := r.Statfs(t.Context(), "")
	check(t, err)
	var want syscall.Statfs_t
	check(t, syscall.Statfs(r.dir, &want))
	if got.Blocks != want.Blocks || got.Bsize != uint32(want.Frsize) || got.Files != want.Files || got.Namelen != uint32(want.Namelen) {
		t.Errorf("got %+v, want like %+v", got, want)
	}
	if got.Bavail > got.Bfree || got.Bfree > got.Blocks || got.Ffree > got.Files {
		t.Errorf("impossible: %+v", got)
	}
	_, err = r.Statfs(t.Context(), "missing")
	wantErrno(t, "statfs of a missing directory", err, syscall.ENOENT)
}
