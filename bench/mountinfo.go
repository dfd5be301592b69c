package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/scpfs/scpfs/mount/mountinfo"
)

// isMounted tells whether something is mounted at dir.
func isMounted(dir string) (bool, error) {
	all, err := mountinfo.Read()
	return slices.ContainsFunc(all, func(m mountinfo.Entry) bool { return m.Dir == dir }), err
}

// served are the mounts of programs.
func served() ([]string, error) {
	return mountsWhere(func(m mountinfo.Entry) bool { return m.Type == "fuse" || strings.HasPrefix(m.Type, "fuse.") })
}

// mountsBelow are the mounts in a directory.
func mountsBelow(dir string) ([]string, error) {
	return mountsWhere(func(m mountinfo.Entry) bool { return m.Dir != dir && below(m.Dir, dir) })
}

func mountsWhere(wanted func(mountinfo.Entry) bool) ([]string, error) {
	all, err := mountinfo.Read()
	var dirs []string
	for _, m := range all {
		if wanted(m) {
			dirs = append(dirs, m.Dir)
		}
	}
	return dirs, err
}

// awaitMount returns once something is mounted at dir, or the process that
// should do it has ended. The kernel tells of changes by poll(2).
func awaitMount(ctx context.Context, dir string, p *process) error {
	f, err := os.Open(mountinfo.Path)
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
