package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

const mountinfo = "/proc/self/mountinfo"

// isMounted tells whether something is mounted at dir, whose name holds
// nothing that the kernel would escape.
func isMounted(dir string) (bool, error) {
	text, err := os.ReadFile(mountinfo)
	if err != nil {
		return false, err
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 4 && fields[4] == dir {
			return true, nil
		}
	}
	return false, nil
}

// awaitMount returns once something is mounted at dir, or the process that
// should do it has ended. The kernel tells of changes by poll(2).
func awaitMount(ctx context.Context, dir string, p *process) error {
	f, err := os.Open(mountinfo)
	if err != nil {
		return err
	}
	defer f.Close()
	for {
		if ok, err := isMounted(dir); ok || err != nil {
			return err
		}
		select {
		case <-p.done:
			return fmt.Errorf("it ended without a mount: %v", p.err)
		case <-ctx.Done():
			return fmt.Errorf("waiting for the mount: %w", context.Cause(ctx))
		default:
		}
		fds := []unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLPRI}}
		if _, err := unix.Poll(fds, 100); err != nil && err != unix.EINTR {
			return os.NewSyscallError("poll", err)
		}
	}
}

// mountsBelow lists the mounts in a directory.
func mountsBelow(dir string) ([]string, error) {
	text, err := os.ReadFile(mountinfo)
	if err != nil {
		return nil, err
	}
	var found []string
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 4 && strings.HasPrefix(fields[4], dir+"/") {
			found = append(found, fields[4])
		}
	}
	return found, nil
}
