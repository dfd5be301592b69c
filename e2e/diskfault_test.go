package e2e_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/scpfs/scpfs/scpio/scptest"
)

// TestReadOnlyInMidWork: the host's disk turns read only while a file is open
// here: that is said at fsync and close, the host keeps what it had, and what
// was written arrives when it can.
func TestReadOnlyInMidWork(t *testing.T) {
	dir := newDir(t, "")
	diskOf(t, dir, "size=8m")
	m := mountAt(t, scptest.Start(t), mountOptions{remote: dir})
	testMidWork(t, m, syscall.EROFS,
		func() { remount(t, dir, syscall.MS_RDONLY, "size=8m") },
		func() { remount(t, dir, 0, "size=8m") })
}

// TestPermissionWithdrawn: the same where the account may not write any more,
// neither to the file nor in its directory.
func TestPermissionWithdrawn(t *testing.T) {
	srv := unprivileged(t)
	m := mountAt(t, srv, mountOptions{})
	// By this process: to start another one closes a copy of what is open here,
	// and a close stores.
	give := func(id int, names ...string) {
		for _, name := range names {
			if err := os.Chown(m.there(name), id, id); err != nil {
				t.Fatal(err)
			}
		}
	}
	give(65534, ".")
	testMidWork(t, m, syscall.EACCES,
		func() { give(0, ".", "file") },
		func() { give(65534, ".", "file") })
}

// testMidWork has an old file and a new one open while the host begins to
// refuse, and ends to.
func testMidWork(t *testing.T, m *mounted, want syscall.Errno, refuse, allow func()) {
	t.Helper()
	writeFile(t, m.path("file"), "old\n")
	names := []string{"file", "new"}
	var open []*os.File
	for _, name := range names {
		f, err := os.OpenFile(m.path(name), os.O_RDWR|os.O_CREATE, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString("mine, " + name); err != nil {
			t.Fatal(err)
		}
		open = append(open, f)
	}
	refuse()
	for i, f := range open {
		wantErrno(t, "fsync "+names[i], f.Sync(), want)
		wantErrno(t, "fsync once more "+names[i], f.Sync(), want)
	}
	wantFile(t, m.there("file"), "old\n")
	wantNames(t, m.Remote, []string{"file"})
	wantErrno(t, "close", open[1].Close(), want)
	for _, name := range names {
		wantFile(t, m.path(name), "mine, "+name)
	}
	allow()
	if err := open[0].Close(); err != nil {
		t.Errorf("close when it may be stored: %v", err)
	}
	fsync(t, m.path("new"))
	for _, name := range names {
		wantFile(t, m.there(name), "mine, "+name)
	}
}

// TestLocalDiskFull: a full disk of the cache has what is clean given up, and
// is ENOSPC only then: for the write that does not fit, before anything on the
// host is touched. What fitted is stored.
func TestLocalDiskFull(t *testing.T) {
	disk := newDir(t, "")
	diskOf(t, disk, "size=8m")
	m := mountAt(t, scptest.Start(t), mountOptions{cache: disk, words: []string{"cache_size=1G", "min_free=1M"}})
	text := func(name string) string { return strings.Repeat(name, mib) }
	clean := []string{"a", "b", "c", "d"}
	for _, name := range append(clean, "old") {
		writeAged(t, m.there(name), text(name))
	}
	for _, name := range clean {
		wantFile(t, m.path(name), text(name))
	}
	writeFile(t, m.path("large"), text("eeeee")) // in the place of what is clean
	wantFile(t, m.there("large"), text("eeeee"))

	f, err := os.OpenFile(m.path("old"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fitted := fill(t, f, 16)
	wantFile(t, m.there("old"), text("old"))
	if err := f.Close(); err != nil {
		t.Errorf("close of what fitted: %v", err)
	}
	wantFile(t, m.there("old"), text("old")+text(strings.Repeat("n", fitted)))
	// All of it is on the host, so there is room again.
	writeFile(t, m.path("after"), text("x"))
	wantFile(t, m.there("after"), text("x"))
	for _, name := range clean {
		wantFile(t, m.path(name), text(name))
	}
}

// fill appends to a file, in pieces of a MiB, until the disk is full.
func fill(t *testing.T, f *os.File, most int) (fitted int) {
	t.Helper()
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		t.Fatal(err)
	}
	piece := bytes.Repeat([]byte("n"), mib)
	for ; fitted < most; fitted++ {
		n, err := f.WriteAt(piece, end+int64(fitted)*mib)
		if err == nil {
			continue
		}
		wantErrno(t, "write to a full disk", err, syscall.ENOSPC)
		if n > 0 { // the kernel has sent it in pieces
			if err := f.Truncate(end + int64(fitted)*mib); err != nil {
				t.Errorf("truncate on a full disk: %v", err)
			}
		}
		return fitted
	}
	t.Fatal("the disk is never full")
	return 0
}

// TestLocalDiskBroken: errors of the disk of the cache are told to who writes,
// reads or syncs, do no harm on the host, and are over when the disk is mended.
func TestLocalDiskBroken(t *testing.T) {
	disk := newFaultyDisk(t)
	m := mountAt(t, scptest.Start(t), mountOptions{cache: disk.dir})
	writeAged(t, m.there("other"), strings.Repeat("o", mib))
	writeFile(t, m.path("file"), "old\n")

	f, err := os.OpenFile(m.path("file"), os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	disk.writes.Store(int32(syscall.EIO))
	_, err = f.WriteString("new\n")
	wantErrno(t, "write", err, syscall.EIO)
	_, err = os.ReadFile(m.path("other"))
	wantErrno(t, "read of what has to be cached first", err, syscall.EIO)
	wantFile(t, m.there("file"), "old\n")
	disk.mend()
	if _, err := f.WriteString("new\n"); err != nil {
		t.Errorf("write to a mended disk: %v", err)
	}

	disk.reads.Store(int32(syscall.EIO)) // what is to be sent cannot be read
	wantErrno(t, "fsync", f.Sync(), syscall.EIO)
	wantFile(t, m.there("file"), "old\n")
	if left := tempFiles(m.Remote); len(left) > 0 && !await(func() bool { return len(tempFiles(m.Remote)) == 0 }) {
		t.Errorf("left on the host: %q", left)
	}
	disk.mend()
	if err := f.Sync(); err != nil {
		t.Errorf("fsync on a mended disk: %v", err)
	}
	wantFile(t, m.there("file"), "old\nnew\n")
	wantFile(t, m.path("other"), strings.Repeat("o", mib))
}

// TestLogCannotBeWritten: what cannot be noted in the log is not taken: a crash
// would lose it.
func TestLogCannotBeWritten(t *testing.T) {
	disk := newFaultyDisk(t)
	m := mountAt(t, scptest.Start(t), mountOptions{cache: disk.dir})
	writeFile(t, m.path("file"), "old\n")
	disk.syncs.Store(int32(syscall.EIO))
	err := write(m.path("file"), os.O_WRONLY|os.O_APPEND, "new\n")
	logs := unsentRecords(disk.dir)
	if err == nil && len(logs) > 0 {
		t.Errorf("it was taken, and is neither synced nor on the host: %q", logs)
	}
	if err != nil && !errors.Is(err, syscall.EIO) {
		t.Errorf("write: got %v, want EIO", err)
	}
	disk.mend()
	if err != nil {
		fsync(t, m.path("file"))
	}
	got := readFile(t, m.path("file"))
	wantFile(t, m.there("file"), got)
	if err == nil && got != "old\nnew\n" {
		t.Errorf("the file has %q", got)
	}
}
