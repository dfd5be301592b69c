package mount

import (
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Child is a background copy's way to report to the process that waits for it in the
// foreground. Exactly one of Ready and Fail is called, once.
type Child struct {
	report *os.File
}

// InBackground tells whether this process is the copy that Background started. It must
// be called before any other process is started, which would otherwise
// inherit the report's descriptor and keep the foreground waiting.
func InBackground() (*Child, bool) {
	value, ok := os.LookupEnv(readyVariable)
	if !ok {
		return nil, false
	}
	os.Unsetenv(readyVariable)
	fd, err := strconv.Atoi(value)
	if err != nil || fd < 3 || !isPipe(fd) {
		return nil, false // not from Background: somebody's leftover environment
	}
	unix.CloseOnExec(fd)
	return &Child{report: os.NewFile(uintptr(fd), "report")}, true
}

func isPipe(fd int) bool {
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFIFO
}

// Ready leaves the terminal for good and lets the foreground process end with
// success. Standard input, output and error are /dev/null from here on, the working
// directory is /, which keeps no file system busy, and no signal of the terminal
// arrives any more.
func (c *Child) Ready() error {
	if err := leaveTerminal(); err != nil {
		return err
	}
	c.say(reportReady)
	return nil
}

// Fail lets the foreground process print err and end with this process's exit status.
func (c *Child) Fail(err error) {
	c.say(reportFailed + err.Error())
}

// say writes the one word of the report. That the foreground process has gone is not
// this process's trouble: it was killed, the mount is there and goes on.
func (c *Child) say(word string) {
	defer c.report.Close()
	io.WriteString(c.report, word)
}

func leaveTerminal() error {
	null, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open /dev/null: %w", err)
	}
	defer unix.Close(null)
	// The leader of a process group cannot start a session, and need not: only a
	// copy started by hand is one.
	if _, err := unix.Setsid(); err != nil && err != unix.EPERM {
		return fmt.Errorf("setsid: %w", err)
	}
	for fd := range 3 {
		if err := unix.Dup3(null, fd, 0); err != nil {
			return fmt.Errorf("leave the terminal: %w", err)
		}
	}
	return os.Chdir("/")
}
