package scpio_test

import (
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/scpfs/scpfs/scpio"
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
