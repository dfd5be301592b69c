package e2e_test

import (
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/scpfs/scpfs/scpio/scptest"
)

// TestSpecialFiles: FIFOs, sockets and devices are made on the host, and work
// between programs here.
func TestSpecialFiles(t *testing.T) {
	needRoot(t)
	m := mountAt(t, scptest.Start(t), mountOptions{words: []string{"dev", "cache_timeout=0"}})
	shell(t, m.Point, `
mkfifo pipe
echo through the pipe >pipe &
cat pipe >got
wait
mknod null c 1 3; mknod loop b 7 300
echo gone >null
test -z "$(cat null)"`)
	wantFile(t, m.there("got"), "through the pipe\n")
	want := "got -\nloop b 7 12c\nnull c 1 3\npipe p\n"
	list := "for f in *; do case $(stat -c %F $f) in *special*) stat -c '%n %A %t %T' $f;; *) stat -c '%n %A' $f;; esac; done | " +
		"sed -E 's/ (.)[rwx-]{9}/ \\1/'"
	for _, at := range []string{m.Point, m.Remote} {
		if got := shell(t, at, list); got != want {
			t.Errorf("%s: got %q, want %q", at, got, want)
		}
	}
	testSocket(t, m)
}

// testSocket: one that is on the host is shown as what it is; none can be
// made there with the tools of a shell.
func testSocket(t *testing.T, m *mounted) {
	t.Helper()
	listener, err := net.Listen("unix", m.there("socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	wantMode(t, m.path("socket"), os.ModeSocket|0o755)
	if l, err := net.Listen("unix", m.path("ours")); !errors.Is(err, syscall.EOPNOTSUPP) {
		t.Errorf("bind in the mount: %v, %v", l, err)
	}
}

// TestSymlinks: targets are kept to the byte, and followed here.
func TestSymlinks(t *testing.T) {
	m := mountAt(t, scptest.Start(t), mountOptions{})
	writeFile(t, m.path("file"), "data\n")
	mkdir(t, m.path("dir"))
	targets := map[string]string{
		"relative": "file", "up": "dir/../file", "absolute": m.path("file"), "dangling": "no/such", "loop": "loop",
		"odd": "a\nb 'c' \\", "long": strings.Repeat("./", 2000) + "file", "todir": "dir",
	}
	for name, target := range targets {
		if err := os.Symlink(target, m.path(name)); err != nil {
			t.Fatal(err)
		}
		for _, at := range []string{m.path(name), m.there(name)} {
			if got, err := os.Readlink(at); err != nil || got != target {
				t.Errorf("%s: got %q, %v; want %q", at, got, err, target)
			}
		}
	}
	for _, name := range []string{"relative", "up", "absolute", "long"} {
		wantFile(t, m.path(name), "data\n")
	}
	writeFile(t, m.path("todir/below"), "below\n")
	wantFile(t, m.there("dir/below"), "below\n")
	if _, err := os.Stat(m.path("dangling")); !os.IsNotExist(err) {
		t.Errorf("dangling: %v", err)
	}
	if err := os.Rename(m.path("relative"), m.path("dir/moved")); err != nil {
		t.Error(err)
	}
	if err := os.Lchown(m.path("dangling"), os.Getuid(), os.Getgid()); err != nil {
		t.Error(err)
	}
}

// TestAttributes: modes, owners and times arrive exactly, from one side to the
// other and back.
func TestAttributes(t *testing.T) {
	needRoot(t)
	m := mountAt(t, scptest.Start(t), mountOptions{})
	writeFile(t, m.path("file"), "data\n")
	mkdir(t, m.path("dir"))
	for _, name := range []string{"file", "dir"} {
		for _, mode := range []os.FileMode{0, 0o400, 0o777, 0o644 | os.ModeSetuid, 0o755 | os.ModeSetgid, 0o711 | os.ModeSticky} {
			chmod(t, m.path(name), mode)
			kind := mode
			if name == "dir" {
				kind |= os.ModeDir
			}
			wantMode(t, m.path(name), kind)
			wantMode(t, m.there(name), kind)
		}
		if err := os.Chown(m.path(name), 12345, 54321); err != nil {
			t.Error(err)
		}
		wantStat(t, m, name)
	}
	for _, at := range []time.Time{time.Unix(0, 0), time.Unix(1234567890, 123456789), time.Unix(-1, 1), time.Unix(4e9, 999999999)} {
		for _, name := range []string{"file", "dir"} {
			if err := os.Chtimes(m.path(name), at, at.Add(time.Nanosecond)); err != nil {
				t.Error(err)
			}
			wantStat(t, m, name)
		}
	}
	shell(t, m.Point, "ln -s file link; touch -h -d '2012-12-12 12:12:12.121212121' link")
	wantStat(t, m, "link")
}

// wantStat compares what both sides say of a name. A link is read by every
// listing, which changes its time of access.
func wantStat(t testing.TB, m *mounted, name string) {
	t.Helper()
	format := "%n %F %a %u %g %h %s %y"
	if info, err := os.Lstat(m.path(name)); err == nil && info.Mode()&os.ModeSymlink == 0 {
		format += " %x"
	}
	got, want := run(t, m.Point, "stat", "-c", format, name), run(t, m.Remote, "stat", "-c", format, name)
	if got != want {
		t.Errorf("here %son the host %s", got, want)
	}
}

// TestSetgidDirectory: what is made in it has its group.
func TestSetgidDirectory(t *testing.T) {
	needRoot(t)
	m := mountAt(t, scptest.Start(t), mountOptions{})
	shell(t, m.Point, "mkdir dir; chgrp 54321 dir; chmod 2775 dir; echo x >dir/file; mkdir dir/sub; ln -s x dir/link; mkfifo dir/fifo")
	for _, name := range []string{"dir/file", "dir/sub", "dir/link", "dir/fifo"} {
		if got := run(t, m.Remote, "stat", "-c", "%g", name); got != "54321\n" {
			t.Errorf("%s: group %s", name, got)
		}
		wantStat(t, m, name)
	}
	wantMode(t, m.there("dir/sub"), os.ModeDir|os.ModeSetgid|0o755)
}

// TestUmask: what the program's umask takes away stays away.
func TestUmask(t *testing.T) {
	m := mountAt(t, scptest.Start(t), mountOptions{})
	shell(t, m.Point, "umask 027; echo >a; mkdir b; mkfifo c; umask 0; echo >d; mkdir e")
	if got := run(t, m.Remote, "stat", "-c", "%n %a", "a", "b", "c", "d", "e"); got != "a 640\nb 750\nc 640\nd 666\ne 777\n" {
		t.Errorf("got %q", got)
	}
}

// TestStatfs: df shows the host's disk.
func TestStatfs(t *testing.T) {
	m := mountAt(t, scptest.Start(t), mountOptions{})
	var here, there syscall.Statfs_t
	if err := syscall.Statfs(m.Point, &here); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Statfs(m.Remote, &there); err != nil {
		t.Fatal(err)
	}
	if here.Blocks != there.Blocks || here.Bsize != there.Bsize || here.Namelen != there.Namelen || here.Files != there.Files {
		t.Errorf("got %+v, want %+v", here, there)
	}
}

// needRoot is for what an ordinary user cannot do.
func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		scptest.Missing(t, "root", "this takes the rights of root")
	}
}
