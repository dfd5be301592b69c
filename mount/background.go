package mount

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// readyVariable names the descriptor on which a background copy reports.
	readyVariable = "SCPFS_READY_FD"
	// maxReport bounds what is read of that report, in bytes.
	maxReport = 64 << 10
	// endPatience is how long a copy told to end may take before it is killed.
	endPatience = 10 * time.Second

	reportReady  = "ready\n"
	reportFailed = "failed\n"
)

// ChildError is why a background copy did not come up.
type ChildError struct {
	Said   string // its own words; empty when it ended without any
	Status int    // exit status for the foreground process; never 0
	How    string // how it ended, when it said nothing
}

func (e *ChildError) Error() string {
	if e.Said != "" {
		return e.Said
	}
	return "stopped before it was mounted (" + e.How + ")"
}

// Background starts this program again with the same arguments and waits until that
// copy is ready; nil means that it has the mount and runs on by itself. Until then it
// shares terminal and process group, so it can ask for a password and
// ctrl-C reaches it. When ctx ends first the copy is told to end, and waited for.
func Background(ctx context.Context) error {
	child, report, err := startChild()
	if err != nil {
		return fmt.Errorf("start in the background: %w", err)
	}
	defer report.Close()
	stop := context.AfterFunc(ctx, func() { child.Process.Signal(syscall.SIGTERM) })
	defer stop()

	said, err := readReport(ctx, report)
	if err == nil && said == reportReady && stop() { // not told to end meanwhile
		return child.Process.Release()
	}
	return childEnded(ctx, child, said)
}

// startChild starts the copy with the writing end of a pipe. That keeps its number, which
// nobody else has; on any other may be the /dev/fuse that is the mountpoint. So no other
// process may be started meanwhile, as it would inherit the pipe as well.
func startChild() (child *exec.Cmd, report *os.File, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer w.Close()
	if _, err := unix.FcntlInt(w.Fd(), unix.F_SETFD, 0); err != nil {
		r.Close()
		return nil, nil, err
	}
	child = exec.Command(self)
	child.Args = os.Args
	child.Env = append(os.Environ(), fmt.Sprintf("%s=%d", readyVariable, w.Fd()))
	child.Stdin, child.Stdout, child.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := child.Start(); err != nil {
		r.Close()
		return nil, nil, err
	}
	return child, r, nil
}

// readReport reads until the copy has said its word or has ended. After ctx it waits no
// longer than endPatience.
func readReport(ctx context.Context, report *os.File) (string, error) {
	defer context.AfterFunc(ctx, func() { report.SetReadDeadline(time.Now().Add(endPatience)) })()
	said, err := io.ReadAll(io.LimitReader(report, maxReport))
	return string(said), err
}

// childEnded collects a copy that did not get ready, and tells why.
func childEnded(ctx context.Context, child *exec.Cmd, said string) error {
	kill := time.AfterFunc(endPatience, func() { child.Process.Kill() })
	defer kill.Stop()
	err := child.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if words, ok := strings.CutPrefix(said, reportFailed); ok {
		return &ChildError{Said: words, Status: max(1, child.ProcessState.ExitCode())}
	}
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		return fmt.Errorf("wait for the background process: %w", err)
	}
	return &ChildError{Status: max(1, child.ProcessState.ExitCode()), How: child.ProcessState.String()}
}
