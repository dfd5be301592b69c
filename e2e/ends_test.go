package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/scpfs/scpfs/scpio/scptest"
)

// preceded is scpfs after something that a shell does first.
func preceded(t *testing.T, first string) string {
	t.Helper()
	name := filepath.Join(newDir(t, ""), "program")
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"+first+"\nexec "+scpfs+" \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestSignalAfterUnmount: who has unmounted, and does not want to wait for a host that is
// silent, ends the program by a signal. Nothing is lost.
func TestSignalAfterUnmount(t *testing.T) {
	t.Parallel()
	m, link, _ := linked(t, mountOptions{words: []string{"writeback", "timeout=40"}})
	writeFile(t, m.path("file"), "old")
	fsync(t, m.path("file"))
	link.Stall()
	writeFile(t, m.path("file"), "data")
	m.takeAway()
	waitUntil(t, "a signal has ended it", func() bool {
		syscall.Kill(m.program.cmd.Process.Pid, syscall.SIGTERM)
		return m.program.ended()
	})
	if err := m.program.err; err == nil || err.Error() != "signal: terminated" {
		t.Errorf("it ended with %v", err)
	}
	link.Cut()
	link.Resume()
	m.Mount()
	m.Unmount()
	wantFile(t, m.there("file"), "data")
}

// TestSignalUnderCover: what somebody has mounted on top of the mount is not taken away in
// its place.
func TestSignalUnderCover(t *testing.T) {
	t.Parallel()
	needRoot(t)
	m := mountAt(t, scptest.Start(t), mountOptions{})
	writeFile(t, m.path("file"), "data")
	if err := syscall.Mount("lid", m.Point, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	syscall.Kill(m.Pid(), syscall.SIGTERM)
	if err := m.program.wait(lifetime); err != nil {
		t.Errorf("it ended with %v", err)
	}
	wantSaid(t, m.program.said(), "lid (tmpfs) is mounted on top of it")
	if line := mountLine(m.Point); !strings.HasPrefix(line, "lid ") {
		t.Errorf("on top is now %q", line)
	} else if err := syscall.Unmount(m.Point, 0); err != nil {
		t.Error(err)
	}
	if out, err := m.fusermount("-u"); err != nil {
		t.Errorf("clear the dead mount: %v: %s", err, out)
	}
	m.checkLeft()
}

// TestIgnoredSignals: as nohup(1) wants it, the end of a terminal is not the end of the mount.
func TestIgnoredSignals(t *testing.T) {
	t.Parallel()
	srv := scptest.Start(t)
	for _, background := range []bool{false, true} {
		m := mountAt(t, srv, mountOptions{program: preceded(t, "trap '' HUP"), background: background})
		status := readFile(t, fmt.Sprintf("/proc/%d/status", m.Pid()))
		mask := regexp.MustCompile(`SigIgn:\s*([0-9a-f]+)`).FindStringSubmatch(status)
		ignored, err := strconv.ParseUint(mask[1], 16, 64)
		if err != nil || ignored&(1<<(syscall.SIGHUP-1)) == 0 {
			t.Errorf("in the background %v: ignored are %x, %v", background, ignored, err)
		}
		m.Signal(syscall.SIGTERM)
	}
}

// TestRelativePaths: a mount in the background has left the directory that its paths were
// given from.
func TestRelativePaths(t *testing.T) {
	t.Parallel()
	srv := scptest.Start(t)
	keys := filepath.Dir(srv.KeyFile)
	theirs := *srv
	theirs.ConfigFile = filepath.Join(newDir(t, ""), "config")
	writeFile(t, theirs.ConfigFile, strings.ReplaceAll(readFile(t, srv.ConfigFile), keys+"/", ""))
	m := mountAt(t, &theirs, mountOptions{
		program: preceded(t, "cd "+keys), background: true, cache: "relative", words: []string{"timeout=5"},
	})
	if got, want := m.told().Cache.Dir, keys+"/relative/"; !strings.HasPrefix(got, want) {
		t.Errorf("the cache is %s, want it in %s", got, want)
	}
	srv.Stop()
	srv.Restart()
	waitUntil(t, "connected again", func() bool { return os.WriteFile(m.path("file"), []byte("data"), 0o644) == nil })
	wantFile(t, m.there("file"), "data")
	m.Unmount()
}
