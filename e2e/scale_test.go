package e2e_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/scpfs/scpfs/scpio/scptest"
)

// The most memory that a walk may take: for each entry, and besides.
const (
	mostPerEntry = 500      // bytes
	mostFixed    = 16 << 20 // of a walk by names
	mostInodes   = 64 << 20 // with all inodes that are kept
)

// TestScale walks trees of a hundred files in each directory. SCPFS_LONG goes
// up to a million files; the trees are made where temporary files are (see
// "make scale").
func TestScale(t *testing.T) {
	sizes := []int{1_000, 10_000}
	if long {
		sizes = append(sizes, 100_000, 1_000_000)
	}
	srv := scptest.Start(t)
	program := buildPlain(t)
	for _, files := range sizes {
		t.Run(fmt.Sprint(files), func(t *testing.T) {
			o := mountOptions{program: program, patience: time.Hour, remote: newDir(t, "")}
			makeTree(t, o.remote, files)
			m := mountAt(t, srv, o)
			c := m.begin()
			entries := c.count("find", m.Point)
			if want := files + files/100 + (files+9_999)/10_000 + 1; entries != want {
				t.Errorf("find shows %d entries of %d", entries, want)
			}
			c.report("find", entries, mostFixed)
			c.count("find", m.Point)
			c.report("find again", entries, mostFixed)
			c.count("find", m.Point, "-size", "-1")
			c.report("find -size", entries, mostInodes)
		})
	}
}

// TestLargeDirectory lists a directory with many names: 200,000 with
// SCPFS_LONG.
func TestLargeDirectory(t *testing.T) {
	files := 20_000
	if long {
		files = 200_000
	}
	m := mountAt(t, scptest.Start(t), mountOptions{program: buildPlain(t), patience: time.Hour})
	makeFiles(t, m.Remote, files)
	for _, command := range [][]string{
		{"ls", "-f"}, {"ls", "-l"}, {"find", "-size", "-1"}, {"find"},
	} {
		command = append(command[:1:1], append([]string{m.Point}, command[1:]...)...)
		c := m.begin()
		if got := c.count(command...); got < files || got > files+2 {
			t.Errorf("%v shows %d names of %d", command, got, files)
		}
		c.report(strings.Join(append(command[:1:1], command[2:]...), " "), files, mostInodes)
	}
}

// buildPlain builds the program without the race detector, which takes memory
// of its own for everything; as the Makefile does, which may have built all of it.
func buildPlain(t *testing.T) string {
	t.Helper()
	path := filepath.Join(newDir(t, ""), "scpfs")
	build := exec.Command("go", "build", "-trimpath", "-o", path, "../cmd/scpfs")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	return path
}

// makeTree makes empty files, a hundred in a directory, and a hundred of these
// in another.
func makeTree(t *testing.T, root string, files int) {
	t.Helper()
	for n := 0; n < files; n += 100 {
		dir := filepath.Join(root, fmt.Sprint("part", n/10_000), fmt.Sprint("directory", n/100%100))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		makeFiles(t, dir, min(100, files-n))
	}
}

func makeFiles(t *testing.T, dir string, n int) {
	t.Helper()
	for i := range n {
		err := syscall.Mknod(fmt.Sprintf("%s/file%06d.txt", dir, i), syscall.S_IFREG|0o644, 0)
		if err != nil {
			t.Fatal(err)
		}
	}
}

// cost is what a command in a mount takes of the program that serves it.
type cost struct {
	m      *mounted
	before memory
	took   time.Duration
}

// memory are figures of a process in bytes.
type memory struct{ now, peak, heap int }

// begin starts counting from what the program holds now.
func (m *mounted) begin() *cost {
	m.t.Helper()
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", m.Pid()), []byte("5"), 0); err != nil {
		m.t.Fatal(err) // the peak counts from here
	}
	return &cost{m: m, before: m.memory()}
}

// count runs a command and counts the lines that it prints.
func (c *cost) count(command ...string) int {
	c.m.t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	var said bytes.Buffer
	lines := &lineCounter{}
	cmd.Stdout, cmd.Stderr = lines, &said
	started := time.Now()
	if err := cmd.Run(); err != nil {
		c.m.t.Fatalf("%v: %v: %s", command, err, said.String())
	}
	c.took = time.Since(started)
	return lines.n
}

// lineCounter counts newlines.
type lineCounter struct{ n int }

func (l *lineCounter) Write(p []byte) (int, error) {
	l.n += bytes.Count(p, []byte("\n"))
	return len(p), nil
}

// report logs what the last command took for each entry, and fails the test
// for too much memory since the beginning.
func (c *cost) report(what string, entries, fixed int) {
	c.m.t.Helper()
	after := c.m.memory()
	peak := after.peak - c.before.now
	c.m.t.Logf("%-12s %8d entries: %6.1f µs, at most %5d bytes, then %5d, of these in use %5d, for each",
		what, entries, float64(c.took.Nanoseconds())/1000/float64(entries),
		peak/entries, (after.now-c.before.now)/entries, (after.heap-c.before.heap)/entries)
	if most := mostPerEntry*entries + fixed; peak > most {
		c.m.t.Errorf("%s took %d bytes, more than %d", what, peak, most)
	}
}

// memory asks the program, and the kernel about it.
func (m *mounted) memory() memory {
	m.t.Helper()
	var f memory
	status := m.status()
	f.now, f.peak = kilobytes(status, "VmRSS"), kilobytes(status, "VmHWM")
	f.heap = int(m.told().Memory)
	return f
}

func (m *mounted) status() string {
	m.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", m.Pid()))
	if err != nil {
		m.t.Fatal(err)
	}
	return string(text)
}

// kilobytes is a line of /proc/PID/status, in bytes.
func kilobytes(status, name string) int {
	_, rest, _ := strings.Cut(status, name+":")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(fields[0])
	return n << 10
}
