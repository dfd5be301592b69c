package mount_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/scpfs/scpfs/mount"
)

// cover mounts another file system on top, until the function returned is called.
func cover(t *testing.T, dir string) (uncover func()) {
	t.Helper()
	needRoot(t)
	if err := syscall.Mount("lid", dir, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if line := mountLine(dir); !strings.Contains(line, " - tmpfs lid ") {
			t.Errorf("on top is %q, not the other file system", line)
		} else if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	}
}

// TestUnmountCovered: nobody's mount but our own is taken away.
func TestUnmountCovered(t *testing.T) {
	s, dir := mounted(t, mount.Options{})
	uncover := cover(t, dir)
	defer uncover()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second) // for the mount that it is not
	defer cancel()
	for _, err := range []error{s.Unmount(ctx), s.UnmountLazy()} {
		if err == nil || !strings.Contains(err.Error(), "lid (tmpfs) is mounted on top of it") {
			t.Errorf("got %v", err)
		}
	}
}

// TestAutoUnmount kills the program while somebody is in its mount: it goes, but
// nothing that is on top of it.
func TestAutoUnmount(t *testing.T) {
	for _, covered := range []bool{false, true} {
		t.Run(fmt.Sprint(covered), func(t *testing.T) { autoUnmount(t, covered) })
	}
}

func autoUnmount(t *testing.T, covered bool) {
	dir := mountpoint(t)
	p := startMount(t, play(t, "mount", dir, "auto_unmount"))
	if p.line != "mounted" {
		t.Fatal(p.line)
	}
	within := sleepIn(t, dir)
	defer within.Wait()
	defer within.Process.Kill()
	if !covered {
		p.cmd.Process.Kill()
		waitUntil(t, "unmounted after the program was killed", func() bool { return mountLine(dir) == "" })
		return
	}
	uncover := cover(t, dir)
	p.cmd.Process.Kill()
	p.cmd.Wait()
	waitUntil(t, "the watcher has ended", func() bool { return !watched(dir) })
	uncover()
	unmount(t, dir, "-uz")
}

// watched tells whether a shell waits for the end of a mount.
func watched(dir string) bool {
	procs, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, p := range procs {
		line, _ := os.ReadFile(p) // nothing of a zombie
		if bytes.HasPrefix(line, []byte("/bin/sh\x00-c\x00trap")) && bytes.Contains(line, []byte(dir)) {
			return true
		}
	}
	return false
}
