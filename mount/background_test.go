package mount_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestBackgroundReports(t *testing.T) {
	tests := []struct {
		role   string
		status int
		want   string
	}{
		{"fail", 3, "no such host\n"},
		{"die", 4, "stopped before it was mounted (exit status 4)\n"},
		{"ready", 1, "mountpoint /nowhere does not exist: make it with: mkdir -p /nowhere\n"},
	}
	for _, tt := range tests {
		t.Run(tt.role, func(t *testing.T) {
			cmd := play(t, tt.role, "/nowhere")
			out, _ := cmd.CombinedOutput()
			if got := cmd.ProcessState.ExitCode(); got != tt.status || string(out) != tt.want {
				t.Errorf("exit status %d, %q; want %d, %q", got, out, tt.status, tt.want)
			}
		})
	}
}

func TestBackgroundReady(t *testing.T) {
	dir := mountpoint(t)
	cmd := play(t, "ready", dir)
	// CombinedOutput ends only when the copy has let go of the pipe as well.
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got, err := os.ReadFile(dir + "/hello"); string(got) != "hello\n" {
		t.Errorf("read %q, %v", got, err)
	}
	pid := daemonOf(t, dir)
	checkDetached(t, pid)
	unmount(t, dir, "-u")
	waitUntil(t, "the daemon has ended", func() bool { return syscall.Kill(pid, 0) != nil || zombie(pid) })
}

// TestBackgroundKeepsDevice: the copy inherits /dev/fuse, mounted already, on the lowest
// number there is.
func TestBackgroundKeepsDevice(t *testing.T) {
	needRoot(t)
	dir := mountpoint(t)
	device, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	data := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", device.Fd())
	if err := syscall.Mount("given", dir, "fuse.scpfs", syscall.MS_NOSUID|syscall.MS_NODEV, data); err != nil {
		t.Fatal(err)
	}
	cmd := play(t, "ready", "/dev/fd/3")
	cmd.ExtraFiles = []*os.File{device}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	device.Close()
	if got, err := os.ReadFile(dir + "/hello"); string(got) != "hello\n" {
		t.Errorf("read %q, %v", got, err)
	}
	pid := daemonOf(t, "/dev/fd/3")
	unmount(t, dir, "-u")
	waitUntil(t, "the daemon has ended", func() bool { return syscall.Kill(pid, 0) != nil || zombie(pid) })
}

// daemonOf finds the process that serves dir by its program and arguments.
func daemonOf(t *testing.T, dir string) int {
	t.Helper()
	self, _ := os.Readlink("/proc/self/exe")
	procs, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, p := range procs {
		line, _ := os.ReadFile(p)
		exe, _ := os.Readlink(filepath.Join(filepath.Dir(p), "exe"))
		if args := strings.Split(string(line), "\x00"); len(args) > 1 && args[1] == dir && exe == self {
			var pid int
			fmt.Sscanf(p, "/proc/%d/", &pid)
			return pid
		}
	}
	t.Fatal("no daemon")
	return 0
}

// zombie tells a process that has ended from one that runs: in a container nobody may
// collect it.
func zombie(pid int) bool {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, after, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(after, "Z")
}

func checkDetached(t *testing.T, pid int) {
	t.Helper()
	for link, want := range map[string]string{
		"cwd": "/", "fd/0": "/dev/null", "fd/1": "/dev/null", "fd/2": "/dev/null",
	} {
		if got, err := os.Readlink(fmt.Sprintf("/proc/%d/%s", pid, link)); got != want {
			t.Errorf("%s is %q, %v; want %q", link, got, err, want)
		}
	}
	var comm string
	var id, ppid, group, session int
	var state string
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Sscanf(string(stat), "%d %s %s %d %d %d", &id, &comm, &state, &ppid, &group, &session)
	if session != pid {
		t.Errorf("session %d, want its own, %d", session, pid)
	}
}

// TestBackgroundInterrupted ends the foreground process while the copy still connects,
// or just as it gets ready.
func TestBackgroundInterrupted(t *testing.T) {
	for _, role := range []string{"hang", "late"} {
		t.Run(role, func(t *testing.T) { interrupt(t, role) })
	}
}

func interrupt(t *testing.T, role string) {
	cmd := play(t, role)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	if line, err := lines.ReadString('\n'); line != "hanging\n" {
		t.Fatalf("got %q, %v", line, err)
	}
	cmd.Process.Signal(syscall.SIGTERM)
	rest, _ := lines.ReadString('\n')
	err = cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != 130 {
		t.Errorf("exit status %d (%v, %q), want 130", got, err, rest)
	}
}

// TestBackgroundLeftover is a process that only has the variable in its environment.
func TestBackgroundLeftover(t *testing.T) {
	cmd := exec.Command(play(t, "die").Path, "x")
	cmd.Env = append(os.Environ(), roleVariable+"=die", "SCPFS_READY_FD=700")
	out, _ := cmd.CombinedOutput()
	if !strings.Contains(string(out), "stopped before it was mounted") {
		t.Errorf("taken for the copy: %q", out)
	}
}
