package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A step waits until a terminal has shown a text, and types keys.
type step struct {
	shown, keys string
}

// onTerminal runs a command on a terminal of its own, with somebody who goes
// through steps in front of it. It must succeed.
func onTerminal(t testing.TB, cmd *exec.Cmd, steps []step) {
	t.Helper()
	outer, inner := terminal(t)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = inner, inner, inner
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	inner.Close()
	hurry := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer hurry.Stop()
	shown, left := converse(outer, steps)
	if err := cmd.Wait(); err != nil || len(left) > 0 {
		t.Fatalf("%s: %v; not shown: %q; shown: %q", cmd.Path, err, left, shown)
	}
}

// converse types until the other end is closed, and returns what was shown,
// and the steps that it did not come to.
func converse(outer *os.File, steps []step) (string, []step) {
	var all, since strings.Builder
	buf := make([]byte, 4096)
	for {
		n, err := outer.Read(buf)
		if err != nil { // EIO: all have closed the other end
			return all.String(), steps
		}
		all.Write(buf[:n])
		since.Write(buf[:n])
		if len(steps) > 0 && strings.Contains(since.String(), steps[0].shown) {
			outer.WriteString(steps[0].keys)
			steps = steps[1:]
			since.Reset()
		}
	}
}

// terminal makes the two ends of a terminal of 24 lines.
func terminal(t testing.TB) (outer, inner *os.File) {
	t.Helper()
	outer, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { outer.Close() })
	raw, err := outer.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var number int
	raw.Control(func(fd uintptr) {
		number, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		if err == nil {
			err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0)
		}
		if err == nil {
			err = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80})
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	inner, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return outer, inner
}
