package e2e_test

import (
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/scpfs/scpfs/scpio/scptest"
)

// request is a line that go-fuse logs for each request of the kernel.
var request = regexp.MustCompile(`rx \d+: ([A-Z]+) `)

// requests lists what the kernel has asked so far. The mount must log it (-d).
// The log comes through a pipe: it is read up to a request that is always made.
func (m *mounted) requests() []string {
	m.t.Helper()
	logged := func() (all []string, marks int) {
		for _, r := range request.FindAllStringSubmatch(m.program.said(), -1) {
			all = append(all, r[1])
			if r[1] == "STATFS" {
				marks++
			}
		}
		return all, marks
	}
	_, before := logged()
	if err := syscall.Statfs(m.Point, new(syscall.Statfs_t)); err != nil {
		m.t.Fatal(err)
	}
	var all []string
	waitUntil(m.t, "the log has the last request", func() bool {
		var marks int
		all, marks = logged()
		return marks > before
	})
	return all
}

// wantNoRequests does something, and fails the test if the kernel asks for
// one of these things meanwhile.
func (m *mounted) wantNoRequests(do func(), kinds ...string) {
	m.t.Helper()
	before := len(m.requests())
	do()
	var asked []string
	for _, r := range m.requests()[before:] {
		if slices.Contains(kinds, r) {
			asked = append(asked, r)
		}
	}
	if len(asked) > 0 {
		m.t.Errorf("the kernel asked %q", asked)
	}
}

var aboutNames = []string{"LOOKUP", "GETATTR", "READDIR", "READDIRPLUS"}

// TestKernelKnowsNames: what the kernel was told it does not ask again, and
// what others change it sees within the timeout.
func TestKernelKnowsNames(t *testing.T) {
	m := mountAt(t, scptest.Start(t), mountOptions{args: []string{"-d"}, words: []string{"cache_timeout=60"}})
	shell(t, m.Remote, "mkdir -p a/b c; touch a/1 a/2 a/b/3 c/4")
	look := func() {
		run(t, m.Point, "find", ".", "-ls")
		run(t, m.Point, "ls", "-lR")
		_, err := os.Lstat(m.path("a", "none"))
		wantErrno(t, "lstat", err, syscall.ENOENT)
	}
	look()
	look() // a directory's time of access is asked for once it was listed
	m.wantNoRequests(look, aboutNames...)

	writeFile(t, m.path("a", "new"), "data\n")
	if got := run(t, m.Point, "ls", "a"); !strings.Contains(got, "new") {
		t.Errorf("ls: %q", got)
	}
	if err := os.Remove(m.path("a", "1")); err != nil {
		t.Fatal(err)
	}
	wantNames(t, m.path("a"), []string{"2", "b", "new"})
	look()
	look() // a directory's time of access is asked for once it was listed
	m.wantNoRequests(look, aboutNames...)
}

// TestKernelForgets: the time for which the kernel believes and that for
// which scpfs does are one and the same.
func TestKernelForgets(t *testing.T) {
	m := mountAt(t, scptest.Start(t), mountOptions{words: []string{"cache_timeout=2"}})
	shell(t, m.Remote, "mkdir d; echo one >d/file; touch d/gone")
	wantFile(t, m.path("d", "file"), "one\n")
	wantNames(t, m.path("d"), []string{"file", "gone"})
	_, err := os.Stat(m.path("d", "new"))
	wantErrno(t, "stat", err, syscall.ENOENT)

	shell(t, m.Remote, "echo longer >d/file; rm d/gone; touch d/new")
	waitUntil(t, "the change of a size is seen", func() bool {
		info, err := os.Stat(m.path("d", "file"))
		return err == nil && info.Size() == 7
	})
	waitUntil(t, "a new name is seen", func() bool { _, err := os.Stat(m.path("d", "new")); return err == nil })
	waitUntil(t, "a removed name is gone", func() bool { _, err := os.Stat(m.path("d", "gone")); return err != nil })
	wantNames(t, m.path("d"), []string{"file", "new"})
	wantFile(t, m.path("d", "file"), "longer\n")
}

// TestKernelKeepsPages: contents that are the same are not read again, those
// that are others are.
func TestKernelKeepsPages(t *testing.T) {
	m := mountAt(t, scptest.Start(t), mountOptions{args: []string{"-d"}, words: []string{"cache_timeout=2"}})
	one, two := strings.Repeat("1", 300_000), strings.Repeat("2", 300_000)
	writeAged(t, m.there("file"), one)
	wantFile(t, m.path("file"), one)
	m.wantNoRequests(func() { wantFile(t, m.path("file"), one) }, "READ")

	writeFile(t, m.path("ours"), two)
	wantFile(t, m.path("ours"), two)
	m.wantNoRequests(func() { wantFile(t, m.path("ours"), two) }, "READ")

	writeAged(t, m.there("file"), two)
	waitUntil(t, "the new contents are seen", func() bool { return readFile(t, m.path("file")) == two })
}

// TestKernelIsToldOfConflicts: a name that became another file's by a store is
// looked up anew.
func TestKernelIsToldOfConflicts(t *testing.T) {
	m := mountAt(t, scptest.Start(t), mountOptions{words: []string{"cache_timeout=600"}})
	writeFile(t, m.path("file"), "the first\n")
	f, err := os.OpenFile(m.path("file"), os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("ours\n"); err != nil {
		t.Fatal(err)
	}
	replaceThere(t, m)
	wantErrno(t, "close", f.Close(), syscall.ESTALE)
	waitUntil(t, "the host's file is seen under its name", func() bool { return readFile(t, m.path("file")) == "theirs\n" })
	names := strings.Fields(run(t, m.Remote, "ls"))
	waitUntil(t, "the copy is listed", func() bool { return len(strings.Fields(run(t, m.Point, "ls"))) == len(names) })
	wantNames(t, m.Point, names)
}

// wantDirect skips a test where the kernel does not read files itself, or fails it
// in CI.
func wantDirect(t *testing.T) {
	t.Helper()
	if os.Getuid() == 0 {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatal("CI has to run as root: only root's mounts have the kernel read files itself")
	}
	t.Skip("only root's mounts have the kernel read files itself")
}

// TestKernelReadsItself: contents that are complete are read by the kernel,
// also when a newer version arrives while they are open, or somebody writes.
func TestKernelReadsItself(t *testing.T) {
	wantDirect(t)
	m := mountAt(t, scptest.Start(t), mountOptions{args: []string{"-d"}, words: []string{"cache_timeout=1"}})
	one, two, three := strings.Repeat("1", 1_600_000), strings.Repeat("2", 1_200_000), strings.Repeat("3", 2_000_000)
	writeAged(t, m.there("file"), one)
	wantFile(t, m.path("file"), one) // comes as it is read, through us
	reader, err := os.Open(m.path("file"))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	m.wantNoRequests(func() { wantRead(t, reader, one) }, "READ")

	writeFile(t, m.there("file"), two)
	waitUntil(t, "the new contents are seen", func() bool { return readFile(t, m.path("file")) == two })
	m.wantNoRequests(func() { wantRead(t, reader, two) }, "READ")

	writeFile(t, m.path("file"), three)
	wantFile(t, m.there("file"), three)
	m.wantNoRequests(func() { wantRead(t, reader, three) }, "READ")

	if err := os.Truncate(m.path("file"), 5); err != nil {
		t.Fatal(err)
	}
	wantRead(t, reader, "33333")
	wantFile(t, m.there("file"), "33333")
}

// wantRead reads an open file from its beginning.
func wantRead(t *testing.T, f *os.File, want string) {
	t.Helper()
	data, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<30))
	if err != nil || string(data) != want {
		t.Errorf("read %d bytes %.10q, %v; want %d bytes %.10q", len(data), data, err, len(want), want)
	}
}

// TestMappedBesideReader: while the kernel reads a file itself, what somebody
// else writes to a mapping of it comes to the host: with the close, and if he
// closes the file before, when the mapping has gone.
func TestMappedBesideReader(t *testing.T) {
	wantDirect(t)
	m := mountAt(t, scptest.Start(t), mountOptions{})
	writeFile(t, m.path("file"), strings.Repeat("-", 1_100_000))
	reader, err := os.Open(m.path("file"))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	f, err := os.OpenFile(m.path("file"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	mem, err := unix.Mmap(int(f.Fd()), 0, 10_000, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	want := []byte(strings.Repeat("-", 1_100_000))
	copy(want[4090:], "across two pages")
	copy(mem, want)
	wantRead(t, reader, string(want))
	if err := f.Sync(); err != nil {
		t.Error(err)
	}
	wantFile(t, m.there("file"), string(want))

	mem[0], want[0] = '+', '+'
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	wantFile(t, m.there("file"), string(want))

	mem[1], want[1] = '!', '!'
	wantRead(t, reader, string(want))
	if err := unix.Munmap(mem); err != nil {
		t.Error(err)
	}
	reader.Close()
	waitUntil(t, "the host has what was written last", func() bool { return readFile(t, m.there("file")) == string(want) })
}
