package mount_test

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/scpfs/scpfs/mount"
)

// mounted mounts a tree on a fresh directory until the test ends.
func mounted(t *testing.T, o mount.Options) (*mount.Server, string) {
	t.Helper()
	dir := mountpoint(t)
	s, err := mount.Mount(dir, &tree{}, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Unmount(context.Background()); err != nil {
			t.Error(err)
		}
	})
	refusePoll(t, dir)
	return s, dir
}

// refusePoll teaches the kernel never to send POLL to a mount of this process: the file
// that go-fuse answers for by this name says so. Without it package os, which polls what
// it opens, may wait for ourselves.
func refusePoll(t *testing.T, dir string) {
	t.Helper()
	fd, err := unix.Open(dir+"/.go-fuse-epoll-hack", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return // default_permissions keeps us out, and with that from harm
	}
	defer unix.Close(fd)
	if _, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0); err != nil {
		t.Fatal(err)
	}
}

func TestMountServes(t *testing.T) {
	_, dir := mounted(t, mount.Options{})
	got, err := os.ReadFile(filepath.Join(dir, "hello"))
	if err != nil || string(got) != "hello\n" {
		t.Errorf("read %q, %v", got, err)
	}
}

// TestOpensNothingOfItsOwn: from mounting to unmounting a server opens no file of its
// mount. Killed with one open it could wait for ever, see [mount.Mount].
func TestOpensNothingOfItsOwn(t *testing.T) {
	var log strings.Builder
	handler := slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})
	s, err := mount.Mount(mountpoint(t), &tree{}, mount.Options{Debug: true, Logger: slog.New(handler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Unmount(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-s.Done()
	said := log.String()
	if !strings.Contains(said, ": INIT ") {
		t.Errorf("the requests are not in the log:\n%s", said)
	}
	for _, request := range []string{"LOOKUP", "OPEN", "FLUSH", "POLL"} {
		if strings.Contains(said, ": "+request+" ") {
			t.Errorf("there was a request %s:\n%s", request, said)
		}
	}
}

func TestMountTable(t *testing.T) {
	tests := []tableTest{
		{"zero value", mount.Options{},
			[]string{"rw,nosuid,nodev", "- fuse.scpfs scpfs ", "max_read=1048576"},
			[]string{"allow_other", "default_permissions", "noexec"}},
		{"names", mount.Options{FsName: "me@host:/a, b\\c", Subtype: "other"},
			[]string{`- fuse.other me@host:/a,\040b\134c `}, nil},
		{"read only", mount.Options{ReadOnly: true}, []string{" ro,nosuid,nodev"}, nil},
		{"flags", mount.Options{Flags: []string{"noexec", "noatime", "sync", "dirsync"}},
			[]string{"noexec", "noatime", "sync", "dirsync"}, nil},
		{"last flag wins", mount.Options{Flags: []string{"noexec", "exec", "ro", "rw"}},
			[]string{" rw,"}, []string{"noexec"}},
		{"requests", mount.Options{DefaultPermissions: true, MaxRead: 65536},
			[]string{"default_permissions", "max_read=65536"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { checkTable(t, tt) })
	}
}

// TestMountTableOfRoot is about what an ordinary user may not, or not without
// the administrator.
func TestMountTableOfRoot(t *testing.T) {
	needRoot(t)
	tests := []tableTest{
		{"everybody", mount.Options{AllowOther: true}, []string{"allow_other"}, nil},
		{"root too", mount.Options{AllowRoot: true}, []string{"allow_other"}, nil},
		{"directory times", mount.Options{Flags: []string{"nodiratime"}}, []string{"nodiratime"}, nil},
		{"setuid", mount.Options{Flags: []string{"suid", "dev"}}, nil, []string{"nosuid", "nodev"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { checkTable(t, tt) })
	}
}

// tableTest is a mount and what its line in the mount table has, and has not.
type tableTest struct {
	name    string
	options mount.Options
	want    []string
	not     []string
}

func checkTable(t *testing.T, tt tableTest) {
	_, dir := mounted(t, tt.options)
	line := mountLine(dir)
	for _, w := range tt.want {
		if !strings.Contains(line, w) {
			t.Errorf("no %q in %s", w, line)
		}
	}
	for _, w := range tt.not {
		if strings.Contains(line, w) {
			t.Errorf("%q in %s", w, line)
		}
	}
}

func TestMountRefuses(t *testing.T) {
	tests := []struct {
		name    string
		options mount.Options
		want    string
	}{
		{"unknown flag", mount.Options{Flags: []string{"nosiud"}}, `mount flag "nosiud" is not known`},
		{"both allows", mount.Options{AllowOther: true, AllowRoot: true}, "exclude each other"},
		{"NUL", mount.Options{FsName: "a\x00b"}, "NUL"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := mount.Mount(mountpoint(t), &tree{}, tt.options)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// sleepIn starts a process that has dir as its working directory. It goes there after the
// exec: before, this process is stopped and cannot answer for its mount.
func sleepIn(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", `cd "$0" && echo there && exec sleep 1000`, dir)
	begin(t, cmd, "there\n")
	return cmd
}

// begin starts a process, and returns once it has said what it is to say.
func begin(t *testing.T, cmd *exec.Cmd, want string) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != want {
		t.Fatalf("the process says %q, %v", line, err)
	}
}

func TestUnmountNamesTheHolder(t *testing.T) {
	s, dir := mounted(t, mount.Options{})
	cmd := sleepIn(t, dir)
	err := s.Unmount(t.Context())
	cmd.Process.Kill()
	cmd.Wait()

	busy, ok := errors.AsType[*mount.BusyError](err)
	if !ok {
		t.Fatalf("got %v, want a BusyError", err)
	}
	if len(busy.Holders) != 1 || busy.Holders[0].PID != cmd.Process.Pid {
		t.Errorf("holders %v, want pid %d", busy.Holders, cmd.Process.Pid)
	}
	if !errors.Is(err, syscall.EBUSY) || !strings.Contains(err.Error(), " (pid ") {
		t.Errorf("got %v", err)
	}
}

func TestUnmountEndsWithItsContext(t *testing.T) {
	s, dir := mounted(t, mount.Options{})
	f, err := os.Open(filepath.Join(dir, "hello"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Unmount(ctx); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("got %v, want EBUSY", err)
	}
	if err := s.UnmountLazy(); err != nil {
		t.Fatal(err)
	}
	if line := mountLine(dir); line != "" {
		t.Errorf("after the lazy unmount: %s", line)
	}
	f.Close()
	s.Wait()
}

func TestUnmountTwice(t *testing.T) {
	s, _ := mounted(t, mount.Options{})
	for range 2 {
		if err := s.Unmount(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestUnmountBySomebodyElse(t *testing.T) {
	s, dir := mounted(t, mount.Options{AutoUnmount: true})
	unmount(t, dir, "-u")
	s.Wait()
}

// TestCutConnection has the kernel cut the connection, as an administrator can: the
// mount must not stay behind dead.
func TestCutConnection(t *testing.T) {
	needRoot(t)
	s, dir := mounted(t, mount.Options{})
	var st syscall.Stat_t
	if err := syscall.Stat(dir, &st); err != nil {
		t.Fatal(err)
	}
	need(t, controlMounted(t), "fusectl")
	abort := filepath.Join("/sys/fs/fuse/connections", deviceMinor(st.Dev), "abort")
	if err := os.WriteFile(abort, []byte("1"), 0o200); err != nil {
		t.Fatal(err)
	}
	s.Wait()
	if line := mountLine(dir); line != "" {
		t.Errorf("still mounted: %s", line)
	}
}
