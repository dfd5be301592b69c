package e2e_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/scpfs/scpfs/scpio/scptest"
)

// mountOptions adjust mountAt. The zero value mounts a new, empty directory of
// the host.
type mountOptions struct {
	remote     string   // absolute path on the host; "" makes one in its home
	cache      string   // cache directory; "" makes one
	point      string   // mountpoint; "" makes one
	words      []string // of -o
	args       []string // more of the command line
	env        []string // more of the environment
	background bool     // instead of -f
	as         *syscall.Credential
	stdin      io.Reader
	program    string        // to run instead of the one with the race detector
	patience   time.Duration // until the program is made to dump and die; 0 is lifetime
}

// lifetime is how long a mount of a test may last, unless it says otherwise.
const lifetime = 2 * time.Minute

// mounted is a mount of the real program. Its fields are not to be changed.
type mounted struct {
	Point  string // where it is mounted
	Remote string // the same directory on the host's own disk
	Cache  string // the value of cache_dir

	t       testing.TB
	srv     *scptest.Server
	o       mountOptions
	program *program
}

// mountAt mounts a directory of a server until the test ends. A test that
// does not unmount itself has it done, and checked, in its cleanup.
func mountAt(t testing.TB, srv *scptest.Server, o mountOptions) *mounted {
	t.Helper()
	m := prepare(t, srv, o)
	t.Cleanup(m.cleanup)
	m.Mount()
	return m
}

// prepare makes the directories of a mount.
func prepare(t testing.TB, srv *scptest.Server, o mountOptions) *mounted {
	t.Helper()
	m := &mounted{t: t, srv: srv, o: o, Point: o.point, Remote: o.remote, Cache: o.cache}
	for _, dir := range []struct {
		at    *string
		below string
	}{{&m.Point, ""}, {&m.Cache, ""}, {&m.Remote, srv.Home}} {
		if *dir.at == "" {
			*dir.at = newDir(t, dir.below)
		}
	}
	if o.as != nil {
		for _, dir := range []string{m.Point, m.Cache} {
			if err := os.Chown(dir, int(o.as.Uid), int(o.as.Gid)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return m
}

// newDir makes a directory below another, or among the test's temporary ones.
// Everybody may pass through it.
func newDir(t testing.TB, below string) string {
	t.Helper()
	if below == "" {
		below = t.TempDir()
		chmod(t, filepath.Dir(below), 0o755)
	}
	dir, err := os.MkdirTemp(below, "e2e-")
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// Mount starts the program; after Unmount or Kill it mounts the same
// directory with the same cache again.
func (m *mounted) Mount() {
	m.t.Helper()
	if m.program != nil {
		m.program.end(m.t)
	}
	m.program = start(m.t, m.o, m.args()...)
	if m.o.background {
		if err := m.program.wait(patience); err != nil {
			m.t.Fatalf("mount in the background: %v\n%s", err, m.program.said())
		}
		if mountLine(m.Point) == "" {
			m.t.Fatal("not mounted when the foreground process ended")
		}
		return
	}
	waitUntil(m.t, "mounted, or the program ended", func() bool {
		return mountLine(m.Point) != "" || m.program.ended()
	})
	if m.program.ended() {
		m.t.Fatalf("mount: %v\n%s", m.program.wait(patience), m.program.said())
	}
}

// args is the command line.
func (m *mounted) args() []string {
	words := append([]string{"cache_dir=" + m.Cache}, m.o.words...)
	args := []string{"-F", m.srv.ConfigFile, "-o", strings.Join(words, ","), scptest.Alias + ":" + m.Remote, m.Point}
	if !m.o.background {
		args = append(args, "-f")
	}
	if os.Getenv("SCPFS_E2E_DEBUG") != "" && !m.o.background {
		args = append(args, "-d")
	}
	return append(args, m.o.args...)
}

// Unmount unmounts as people do, waits until the program has ended, and fails
// the test if it did not end well or left anything behind.
func (m *mounted) Unmount() {
	m.t.Helper()
	m.checkIdle()
	m.takeAway()
	m.awaitEnd()
}

// takeAway has the mount taken away.
func (m *mounted) takeAway() {
	m.t.Helper()
	var out string
	var err error
	// A program that another test is just starting has all our descriptors until
	// its execve(2).
	await(func() bool {
		out, err = m.fusermount("-u")
		return err == nil || !strings.Contains(out, "busy")
	})
	if err != nil {
		m.t.Errorf("unmount: %v: %s; who uses it: %v", err, out, holders(m.Point))
		m.fusermount("-uz")
	}
}

// endUnsent unmounts a mount that may have to keep changes.
func (m *mounted) endUnsent() {
	m.t.Helper()
	m.takeAway()
	if err := m.program.wait(lifetime); err != nil && !strings.Contains(m.program.said(), "does not have the last changes of") {
		m.t.Errorf("scpfs ended badly: %v\n%s", err, m.program.said())
	}
}

// Signal ends the program by a signal that it handles, as Unmount does.
func (m *mounted) Signal(sig syscall.Signal) {
	m.t.Helper()
	m.checkIdle()
	if err := syscall.Kill(m.Pid(), sig); err != nil {
		m.t.Fatal(err)
	}
	m.awaitEnd()
}

// awaitEnd waits for the program that serves the mount, and looks at what it
// leaves.
func (m *mounted) awaitEnd() {
	m.t.Helper()
	if m.o.background {
		waitUntil(m.t, "the background process ended", func() bool { return m.Pid() == 0 })
	} else if err := m.program.wait(lifetime); err != nil {
		m.t.Errorf("scpfs ended badly: %v\n%s", err, m.program.said())
	}
	m.checkLeft()
}

// Kill ends the program by SIGKILL, and clears the dead mount away.
func (m *mounted) Kill() {
	m.t.Helper()
	if err := syscall.Kill(m.Pid(), syscall.SIGKILL); err != nil {
		m.t.Fatal(err)
	}
	m.program.wait(patience) // killed: the state says nothing
	waitUntil(m.t, "the killed process is gone", func() bool { return m.Pid() == 0 })
	if out, err := m.fusermount("-u"); err != nil {
		m.t.Logf("clear the dead mount: %v: %s", err, out)
		m.fusermount("-uz")
	}
}

// Pid is the process that serves the mount, 0 if it has ended.
func (m *mounted) Pid() int {
	if !m.o.background {
		return m.program.pid()
	}
	pids := pidsWith(m.Point, scpfs)
	if len(pids) == 0 {
		return 0
	}
	return pids[0]
}

func (m *mounted) fusermount(how string) (string, error) {
	cmd := exec.Command("fusermount3", how, m.Point)
	if m.o.as != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: m.o.as}
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (m *mounted) cleanup() {
	m.t.Helper()
	if m.program == nil {
		return
	}
	switch {
	case mountLine(m.Point) != "" && m.Pid() != 0:
		m.Unmount()
	case mountLine(m.Point) != "":
		m.t.Errorf("left mounted: %s; the program ended with %v", mountLine(m.Point), m.program.err)
		m.fusermount("-uz")
	}
	for _, pid := range pidsWith(m.Point, scpfs) {
		m.t.Errorf("process %d is left behind", pid)
		syscall.Kill(pid, syscall.SIGKILL)
	}
	m.program.end(m.t)
	if said := m.program.said(); said != "" || m.t.Failed() {
		m.t.Logf("scpfs said:\n%s", said)
	}
}

// path is a path in the mount.
func (m *mounted) path(name ...string) string {
	return filepath.Join(slices.Insert(name, 0, m.Point)...)
}

// there is the same path on the host.
func (m *mounted) there(name ...string) string {
	return filepath.Join(slices.Insert(name, 0, m.Remote)...)
}

// waitUntil is for a state that nothing announces and that has to come.
func waitUntil(t testing.TB, what string, ok func() bool) {
	t.Helper()
	if !await(ok) {
		t.Fatalf("not within %v: %s", patience, what)
	}
}

// mountLine is the topmost line of the mount table for a directory, or
// nothing.
func mountLine(dir string) string {
	table, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return fmt.Sprint(err)
	}
	found := ""
	for line := range strings.Lines(string(table)) {
		if f := strings.Fields(line); len(f) > 1 && f[1] == dir {
			found = line
		}
	}
	return found
}
