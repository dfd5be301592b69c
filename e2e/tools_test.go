package e2e_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// await polls for a state, and tells whether it came.
func await(ok func() bool) bool {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(patience); ; {
		if ok() {
			return true
		}
		select {
		case <-tick.C:
		case <-deadline:
			return false
		}
	}
}

// run runs a program in a directory, and returns what it printed. It must
// succeed.
func run(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = dir
	return output(t, cmd)
}

// output runs a command that must succeed, and end.
func output(t testing.TB, cmd *exec.Cmd) string {
	t.Helper()
	out, err := combined(cmd)
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return out
}

// combined runs a command, which is killed when it takes too long, and gives
// what it printed.
func combined(cmd *exec.Cmd) (string, error) {
	var out safeBuffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &out, time.Second
	if err := cmd.Start(); err != nil {
		return "", err
	}
	hurry := time.AfterFunc(lifetime/2, func() { cmd.Process.Kill() })
	defer hurry.Stop()
	err := cmd.Wait()
	return out.String(), err
}

// shell runs a script in a directory; it must succeed.
func shell(t testing.TB, dir, script string) string {
	t.Helper()
	return run(t, dir, "sh", "-euc", script)
}

func writeFile(t testing.TB, path, data string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// wantFile compares a file with what it should hold.
func wantFile(t testing.TB, path, want string) {
	t.Helper()
	if got := readFile(t, path); got != want {
		t.Errorf("%s: got %d bytes %.80q, want %d bytes %.80q", path, len(got), got, len(want), want)
	}
}

func mkdir(t testing.TB, path string) {
	t.Helper()
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
}

func chmod(t testing.TB, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// awaitFor waits for the end of something, but not for ever.
func awaitFor(done <-chan struct{}, limit time.Duration) bool {
	select {
	case <-done:
		return true
	case <-time.After(limit):
		return false
	}
}
