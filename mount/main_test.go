package mount_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/scpfs/scpfs/mount"
)

// roleVariable makes the test binary play the program under test.
const roleVariable = "MOUNT_TEST_ROLE"

func TestMain(m *testing.M) {
	switch role := os.Getenv(roleVariable); role {
	case "":
		os.Exit(m.Run())
	case "mount":
		os.Exit(playMount())
	default:
		os.Exit(playDaemon(role))
	}
}

// playMount mounts on its first argument with the option words that follow, says
// "mounted", and unmounts when standard input ends.
func playMount() int {
	s, err := mount.Mount(os.Args[1], &tree{}, wordOptions(os.Args[2:]))
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("mounted")
	os.Stdin.Read(make([]byte, 1))
	if err := s.Unmount(context.Background()); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

func wordOptions(words []string) mount.Options {
	o := mount.Options{FsName: "me@host:/a, b\\c"}
	for _, w := range words {
		switch w {
		case "allow_other":
			o.AllowOther = true
		case "allow_root":
			o.AllowRoot = true
		case "default_permissions":
			o.DefaultPermissions = true
		case "auto_unmount":
			o.AutoUnmount = true
		default:
			o.Flags = append(o.Flags, w)
		}
	}
	return o
}

// playDaemon is a program that goes to the background and then does what role says.
func playDaemon(role string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	child, ok := mount.InBackground()
	if !ok {
		return reportForeground(mount.Background(ctx))
	}
	switch role {
	case "ready":
		return daemonReady(ctx, child)
	case "fail":
		child.Fail(errors.New("no such host"))
		return 3
	case "die":
		return 4
	case "hang":
		fmt.Println("hanging")
		<-ctx.Done()
		return 5
	case "late":
		fmt.Println("hanging")
		<-ctx.Done()
		child.Ready()
		return 5
	}
	return 99
}

func reportForeground(err error) int {
	if err == nil {
		return 0
	}
	fmt.Println(err)
	if e, ok := errors.AsType[*mount.ChildError](err); ok {
		return e.Status
	}
	return 130
}

// daemonReady mounts on its argument and serves until it is unmounted or told to end.
func daemonReady(ctx context.Context, child *mount.Child) int {
	s, err := mount.Mount(os.Args[1], &tree{}, mount.Options{})
	if err != nil {
		child.Fail(err)
		return 1
	}
	if err := child.Ready(); err != nil {
		return 1
	}
	select {
	case <-ctx.Done():
		s.Unmount(context.Background())
	case <-s.Done():
	}
	return 0
}

// tree is the file system that the tests mount: one file.
type tree struct{ fs.Inode }

func (r *tree) OnAdd(ctx context.Context) {
	r.AddChild("hello", r.NewPersistentInode(ctx, &fs.MemRegularFile{Data: []byte("hello\n")}, fs.StableAttr{}), false)
}

// play is a command for the test binary in a role.
func play(t *testing.T, role string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// mountpoint is a fresh directory; nothing may be mounted on it when the test ends.
func mountpoint(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mustBeFree(t, dir) })
	return dir
}

func mustBeFree(t *testing.T, dir string) {
	t.Helper()
	if line := mountLine(dir); line != "" {
		unmount(t, dir, "-uz")
		t.Errorf("left mounted: %s", line)
	}
}

// unmount has fusermount3 unmount, which root and ordinary users can.
func unmount(t *testing.T, dir, how string) {
	t.Helper()
	if out, err := exec.Command("fusermount3", how, dir).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// needRoot skips what an ordinary user cannot do, or fails it in CI.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatal("CI has to run as root")
	}
	t.Skip("needs root")
}

// mountLine is the last line of the mount table for dir, or nothing.
func mountLine(dir string) string {
	table, _ := os.ReadFile("/proc/self/mountinfo")
	found := ""
	for line := range strings.Lines(string(table)) {
		if f := strings.Fields(line); len(f) > 4 && f[4] == dir {
			found = line
		}
	}
	return found
}

// need skips a test for lack of something, or fails it where everything is required.
func need(t *testing.T, ok bool, what string) {
	t.Helper()
	if ok {
		return
	}
	if os.Getenv("SCPFS_TEST_REQUIRE") == "all" {
		t.Fatalf("needs %s", what)
	}
	t.Skipf("needs %s", what)
}

// waitUntil polls for a state that nothing announces.
func waitUntil(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("still not so: %s", what)
		}
	}
}
