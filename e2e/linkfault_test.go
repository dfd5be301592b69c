package e2e_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/scpfs/scpfs/scpio/scptest"
)

// generous is how much longer than it has to something may take on a machine
// that is busy.
const generous = 20 * time.Second

// linked mounts a server through a link.
func linked(t *testing.T, o mountOptions) (*mounted, *scptest.Link, *scptest.Server) {
	t.Helper()
	srv := scptest.Start(t)
	link := scptest.NewLink(t, srv.Addr, scptest.LinkOptions{})
	return mountAt(t, srv.Via(t, link), o), link, srv
}

// within runs what must not take longer than a limit, plus what a busy machine
// adds.
func within(t *testing.T, limit time.Duration, what string, do func() error) error {
	t.Helper()
	done := make(chan error, 1)
	began := time.Now()
	go func() { done <- do() }()
	select {
	case err := <-done:
		return err
	case <-time.After(limit + generous):
		t.Errorf("%s takes longer than %v", what, time.Since(began))
		return <-done
	}
}

// wantAway checks the error of something that needs a host that is away.
func wantAway(t *testing.T, what string, err error) {
	t.Helper()
	for _, no := range []syscall.Errno{syscall.ETIMEDOUT, syscall.ENOTCONN, syscall.EHOSTUNREACH} {
		if errors.Is(err, no) {
			return
		}
	}
	t.Errorf("%s: got %v, want an error of the link", what, err)
}

// letters is text of which no two parts are alike.
func letters(n int) string {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(b)
	return string(b)
}

// TestSilentHost: with a host gone silent, and much time left to wait for it,
// df, ls of the directory above and what a shell asks to complete a name are
// answered, and a cat is ended at once by Ctrl-C.
func TestSilentHost(t *testing.T) {
	m, link, _ := linked(t, mountOptions{words: []string{"timeout=1h", "cache_timeout=0", "ServerAliveInterval=3600"}})
	writeFile(t, m.there("file"), "data\n")
	shell(t, m.Point, "df . && ls -l .")
	link.Stall()
	defer link.Resume()
	for _, script := range []string{"df " + m.Point, "ls -ld " + m.Point, "ls -l " + filepath.Dir(m.Point), "test -d " + m.Point, "df " + m.Point} {
		cmd := exec.Command("sh", "-c", script)
		err := within(t, 2*time.Second, script, func() error {
			out, err := cmd.CombinedOutput()
			if err != nil || strings.Contains(string(out), "?") {
				err = fmt.Errorf("%w: %s", err, out)
			}
			return err
		})
		if err != nil {
			t.Errorf("%s: %v", script, err)
		}
	}
	interruptCat(t, m.path("file"))
}

// interruptCat sends what Ctrl-C sends to a pipeline that waits for the host.
func interruptCat(t *testing.T, path string) {
	t.Helper()
	cat := exec.Command("sh", "-c", `cat "$0" | cat`, path)
	cat.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cat.Start(); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, "cat waits in the mount", func() bool { return waitsInFuse(cat.Process.Pid) })
	if err := syscall.Kill(-cat.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	err := within(t, 0, "an interrupted cat", cat.Wait)
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGINT {
		t.Errorf("cat ended with %v, want its end by SIGINT", err)
	}
}

// waitsInFuse tells whether a process of a group waits for an answer to a FUSE
// request.
func waitsInFuse(group int) bool {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is good
	for _, file := range stats {
		text, err := os.ReadFile(file)
		_, rest, ok := strings.Cut(string(text), ") ")
		fields := strings.Fields(rest)
		if err != nil || !ok || len(fields) < 3 || fields[2] != fmt.Sprint(group) {
			continue
		}
		at, err := os.ReadFile(filepath.Join(filepath.Dir(file), "wchan"))
		if err == nil && strings.Contains(string(at), "request_wait_answer") || strings.Contains(string(at), "fuse") {
			return true
		}
	}
	return false
}

// TestSilentDeadline: operations on a host gone silent end after the time that
// they may wait, with an error of the link; what was written is kept, and on
// the host once it answers.
func TestSilentDeadline(t *testing.T) {
	t.Parallel()
	const limit = 2 * time.Second
	m, link, _ := linked(t, mountOptions{words: []string{"timeout=2", "cache_timeout=0"}})
	writeFile(t, m.there("file"), "data\n")
	mkdir(t, m.there("dir"))
	f, err := os.OpenFile(m.path("new"), os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	io.WriteString(f, "mine\n") // into the cache
	link.Stall()
	for what, do := range map[string]func() error{
		"stat":    func() error { _, err := os.Stat(m.path("file")); return err },
		"read":    func() error { _, err := os.ReadFile(m.path("file")); return err },
		"readdir": func() error { _, err := os.ReadDir(m.path("dir")); return err },
		"mkdir":   func() error { return os.Mkdir(m.path("dir/sub"), 0o755) },
		"fsync":   f.Sync,
	} {
		wantAway(t, what, within(t, 2*limit, what, do))
	}
	link.Resume()
	if !await(func() bool { return f.Sync() == nil }) {
		t.Error("fsync never succeeds")
	}
	wantFile(t, m.there("new"), "mine\n")
}

// TestReaderOfCutLink: a reader of a large file sees nothing of a connection
// that is cut again and again, and what came is not sent once more.
func TestReaderOfCutLink(t *testing.T) {
	m, link, _ := linked(t, mountOptions{words: []string{"timeout=60"}})
	const size = 24 << 20
	want := letters(size)
	writeFile(t, m.there("file"), want)
	writeFile(t, m.there("small"), want[:200_000])
	f, err := os.Open(m.path("file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	before := link.BytesDown()
	got := make([]byte, 0, size)
	for len(got) < size {
		if len(got)%(4<<20) == 0 {
			link.CutAfter(1<<20+123, scptest.Down)
		}
		n, err := f.Read(got[len(got):min(len(got)+1<<20, size)])
		if err != nil {
			t.Fatalf("read at %d: %v", len(got), err)
		}
		got = got[:len(got)+n]
	}
	if string(got) != want {
		t.Error("other bytes were read")
	}
	// Each cut loses at most what is in flight: a window of each shell.
	if sent := link.BytesDown() - before; sent > 3*size {
		t.Errorf("%d bytes were sent for %d", sent, size)
	}
	link.CutAfter(100_000, scptest.Down)
	if got := readFile(t, m.path("small")); got != want[:200_000] {
		t.Error("other bytes were read of the small file")
	}
}

// TestStoppedProgram: a mount whose process was stopped for longer than
// everything that it waits for goes on as if nothing had been.
func TestStoppedProgram(t *testing.T) {
	t.Parallel()
	m, _, _ := linked(t, mountOptions{words: []string{"timeout=2", "cache_timeout=0"}})
	writeFile(t, m.there("file"), "data\n")
	wantFile(t, m.path("file"), "data\n")
	for range 3 {
		if err := syscall.Kill(m.Pid(), syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		got := make(chan string, 1)
		go func() {
			b, err := os.ReadFile(m.path("file"))
			got <- fmt.Sprint(string(b), err)
		}()
		<-time.After(4 * time.Second) // the very thing
		if err := syscall.Kill(m.Pid(), syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		if s := <-got; s != "data\n<nil>" {
			t.Errorf("a reader was told %q", s)
		}
		writeFile(t, m.path("file"), "data\n")
	}
}

// TestAddressChanged: a connection that is never heard of again, as after a
// change of address, is given up and another made, also when nobody asks for
// anything.
func TestAddressChanged(t *testing.T) {
	m, link, _ := linked(t, mountOptions{words: []string{"timeout=30", "cache_timeout=0", "ServerAliveInterval=1", "ServerAliveCountMax=1"}})
	writeFile(t, m.there("file"), "data\n")
	wantFile(t, m.path("file"), "data\n")
	link.Strand()
	wantFile(t, m.path("file"), "data\n") // within the time limit
	link.Strand()
	waitUntil(t, "the silent connection is noticed", func() bool {
		return strings.Count(m.program.said(), "does not answer any more") == 2
	})
	writeFile(t, m.path("new"), "mine\n")
	wantFile(t, m.there("new"), "mine\n")
}

// TestServerRestarted: a server that goes and comes back is no error for who
// reads meanwhile, and who writes.
func TestServerRestarted(t *testing.T) {
	t.Parallel()
	srv := scptest.Start(t)
	m := mountAt(t, srv, mountOptions{words: []string{"timeout=60", "cache_timeout=0"}})
	writeFile(t, m.there("file"), "data\n")
	for i := range 3 {
		srv.Stop()
		got := make(chan error, 2)
		go func() { _, err := os.ReadFile(m.path("file")); got <- err }()
		go func() { got <- os.WriteFile(m.path(fmt.Sprint(i)), []byte("mine\n"), 0o644) }()
		srv.Restart()
		for range 2 {
			if err := <-got; err != nil {
				t.Error(err)
			}
		}
		wantFile(t, m.there(fmt.Sprint(i)), "mine\n")
	}
}

// TestOtherHostKey: a server in the place of ours is told nothing but that it
// is the wrong one, a person is told, what is cached can be read, and when ours
// is back all goes on.
func TestOtherHostKey(t *testing.T) {
	t.Parallel()
	m, link, srv := linked(t, mountOptions{words: []string{"timeout=5", "cache_timeout=3600"}})
	writeAged(t, m.there("cached"), "cached\n")
	writeFile(t, m.there("other"), "other\n")
	wantFile(t, m.path("cached"), "cached\n")
	f, err := os.OpenFile(m.path("mine"), os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	impostor := scptest.Start(t)
	impostor.Authorize(t, publicKey(t, srv))
	link.Redirect(impostor.Addr)
	link.Cut()
	io.WriteString(f, "mine\n")
	wantAway(t, "fsync", f.Sync())
	wantFile(t, m.path("cached"), "cached\n")
	_, err = os.ReadFile(m.path("other"))
	wantErrno(t, "read of what is not cached", err, syscall.EHOSTUNREACH)
	waitUntil(t, "somebody is told of the host key", func() bool { // through a pipe
		return strings.Contains(m.program.said(), "host key")
	})
	if log := impostor.Log(); strings.Contains(log, "Accepted") || strings.Contains(log, "publickey") {
		t.Errorf("the wrong server was told something:\n%s", log)
	}
	link.Redirect(srv.Addr)
	if !await(func() bool { return f.Sync() == nil }) {
		t.Error("fsync never succeeds")
	}
	wantFile(t, m.there("mine"), "mine\n")
	wantFile(t, m.path("other"), "other\n")
}

// publicKey is the key that a server lets in.
func publicKey(t *testing.T, srv *scptest.Server) ssh.PublicKey {
	t.Helper()
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(readFile(t, filepath.Join(srv.Home, ".ssh/authorized_keys"))))
	if err != nil {
		t.Fatal(err)
	}
	return key
}
