package e2e_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/scpfs/scpfs/scpio/scptest"
)

var (
	_ = role("count", playCount)
	_ = role("append", playAppend)
)

// playCount adds one to the number in a file, so many times, under a lock of
// a kind.
func playCount(args []string) int {
	times, err := strconv.Atoi(args[2])
	for i := 0; i < times && err == nil; i++ {
		err = count(args[0], args[1])
	}
	return exit(err)
}

func exit(err error) int {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func count(kind, path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := lock(kind, f); err != nil {
		return err
	}
	data, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err == nil {
		_, err = f.WriteAt(fmt.Appendln(nil, n+1), 0)
	}
	return err
}

func lock(kind string, f *os.File) error {
	switch kind {
	case "flock":
		return syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
	case "posix":
		return syscall.FcntlFlock(f.Fd(), syscall.F_SETLKW, &syscall.Flock_t{Type: syscall.F_WRLCK})
	}
	return syscall.FcntlFlock(f.Fd(), unix.F_OFD_SETLKW, &syscall.Flock_t{Type: syscall.F_WRLCK})
}

// playAppend appends so many lines of one letter, each by one write.
func playAppend(args []string) int {
	f, err := os.OpenFile(args[0], os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return exit(err)
	}
	times, err := strconv.Atoi(args[2])
	for i := 0; i < times && err == nil; i++ {
		_, err = f.WriteString(strings.Repeat(args[1], 99) + "\n")
	}
	if err != nil {
		return exit(err)
	}
	return exit(f.Close())
}

// together runs commands at the same time; each must succeed.
func together(t *testing.T, cmds ...*exec.Cmd) {
	t.Helper()
	done := make(chan error, len(cmds))
	for _, cmd := range cmds {
		go func() {
			out, err := combined(cmd)
			if err != nil {
				err = fmt.Errorf("%v: %w: %s", cmd.Args, err, out)
			}
			done <- err
		}()
	}
	for range cmds {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// TestLocks: two programs of this machine exclude each other.
func TestLocks(t *testing.T) {
	m := mountAt(t, scptest.Start(t), mountOptions{})
	const times = 20
	for _, kind := range []string{"flock", "posix", "ofd"} {
		writeFile(t, m.path(kind), "0\n")
		cmd := func() *exec.Cmd { return roleCommand(t, "count", kind, m.path(kind), strconv.Itoa(times)) }
		together(t, cmd(), cmd(), cmd())
		wantFile(t, m.there(kind), fmt.Sprintln(3*times))
	}
}

// TestAppend: two programs append to a file, and no line is lost or broken.
func TestAppend(t *testing.T) {
	m := mountAt(t, scptest.Start(t), mountOptions{})
	cmd := func(letter string) *exec.Cmd { return roleCommand(t, "append", m.path("log"), letter, "200") }
	together(t, cmd("a"), cmd("b"))
	got := readFile(t, m.there("log"))
	if n := strings.Count(got, strings.Repeat("a", 99)+"\n"); n != 200 {
		t.Errorf("%d lines of a", n)
	}
	if n := strings.Count(got, strings.Repeat("b", 99)+"\n"); n != 200 || len(got) != 40000 {
		t.Errorf("%d lines of b, %d bytes", n, len(got))
	}
}

// TestMmap: a shared mapping reads what is written and writes what is read.
func TestMmap(t *testing.T) {
	m := mountAt(t, scptest.Start(t), mountOptions{})
	const size = 3*4096 + 100
	writeFile(t, m.path("file"), strings.Repeat("-", size))
	f, err := os.OpenFile(m.path("file"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	mem, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(mem, bytes.Repeat([]byte("-"), size)) {
		t.Error("the mapping shows something else than the file")
	}
	want := []byte(strings.Repeat("-", size))
	copy(want[4090:], "across two pages")
	want[size-1] = '!'
	copy(mem, want)
	if err := unix.Msync(mem, unix.MS_SYNC); err != nil {
		t.Error(err)
	}
	wantFile(t, m.path("file"), string(want))
	wantFile(t, m.there("file"), string(want))

	mem[0], want[0] = '+', '+' // nobody syncs this: the last unmapping brings it
	f.Close()
	if err := unix.Munmap(mem); err != nil {
		t.Error(err)
	}
	waitUntil(t, "the host has what was written last", func() bool { return readFile(t, m.there("file")) == string(want) })
}

// TestDirect: O_DIRECT reads and writes the same file.
func TestDirect(t *testing.T) {
	m := mountAt(t, scptest.Start(t), mountOptions{})
	shell(t, m.Point, `
head -c 1048576 /dev/urandom >in
dd if=in of=out bs=64k oflag=direct status=none
dd if=out of=back bs=64k iflag=direct status=none
cmp in back`)
	shell(t, m.Remote, "cmp in out; cmp in back")
}
