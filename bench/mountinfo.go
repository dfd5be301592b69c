package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

const mountinfo = "/proc/self/mountinfo"

// A mountLine is what matters here of a line of mountinfo.
type mountLine struct{ dir, kind string }

func mounts() ([]mountLine, error) {
	text, err := os.ReadFile(mountinfo)
	if err != nil {
		return nil, err
	}
	var all []mountLine
	for line := range strings.Lines(string(text)) {
		before, after, _ := strings.Cut(line, " - ")
		fields, kind := strings.Fields(before), strings.Fields(after)
		if len(fields) > 4 && len(kind) > 0 {
			all = append(all, mountLine{fields[4], kind[0]})
		}
	}
	return all, nil
}

// isMounted tells whether something is mounted at dir, whose name holds
// nothing that the kernel would escape.
func isMounted(dir string) (bool, error) {
	all, err := mounts()
	return slices.ContainsFunc(all, func(m mountLine) bool { return m.dir == dir }), err
}

// served are the mounts of programs.
func served() ([]string, error) {
	return mountsWhere(func(m mountLine) bool { return m.kind == "fuse" || strings.HasPrefix(m.kind, "fuse.") })
}

// mountsBelow are the mounts in a directory.
func mountsBelow(dir string) ([]string, error) {
	return mountsWhere(func(m mountLine) bool { return m.dir != dir && below(m.dir, dir) })
}

func mountsWhere(wanted func(mountLine) bool) ([]string, error) {
	all, err := mounts()
	var dirs []string
	for _, m := range all {
		if wanted(m) {
			dirs = append(dirs, m.dir)
		}
	}
	return dirs, err
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
