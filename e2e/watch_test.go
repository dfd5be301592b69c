package e2e_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/scpfs/scpfs/scpio/scptest"
)

// watchWords mount with a watch, and believe for an hour what nobody tells is
// otherwise.
var watchWords = []string{"watch", "cache_timeout=3600"}

// watchHosts are hosts with each way to watch.
var watchHosts = []struct {
	name  string
	start func(*testing.T) *scptest.Server
}{
	{"Inotifywait", func(t *testing.T) *scptest.Server { scptest.Need(t, "inotifywait"); return scptest.Start(t) }},
	{"Poll", func(t *testing.T) *scptest.Server { return scptest.Start(t, scptest.BusyboxOnly()) }},
}

// TestWatchForeignChanges: what others make, change, remove and rename on the host
// is seen here, long before it would be asked for.
func TestWatchForeignChanges(t *testing.T) {
	for _, host := range watchHosts {
		t.Run(host.name, func(t *testing.T) {
			m := mountAt(t, host.start(t), mountOptions{words: watchWords})
			shell(t, m.Remote, "mkdir -p d/sub; echo one >d/file; echo x >d/gone; ln -s one d/link")
			wantNames(t, m.path("d"), []string{"file", "gone", "link", "sub"})
			wantFile(t, m.path("d", "file"), "one\n")
			_, err := os.Stat(m.path("d", "new"))
			wantErrno(t, "stat", err, syscall.ENOENT)

			shell(t, m.Remote, "echo second >d/file")
			waitUntil(t, "a change", func() bool { return readFile(t, m.path("d", "file")) == "second\n" })
			shell(t, m.Remote, "echo new >d/new")
			waitUntil(t, "a new file", func() bool { _, err := os.Stat(m.path("d", "new")); return err == nil })
			wantFile(t, m.path("d", "new"), "new\n")
			shell(t, m.Remote, "rm d/gone")
			waitUntil(t, "a removed file", func() bool { _, err := os.Stat(m.path("d", "gone")); return errors.Is(err, fs.ErrNotExist) })
			shell(t, m.Remote, "mv d/new d/renamed")
			waitUntil(t, "a renamed file", func() bool { _, err := os.Stat(m.path("d", "renamed")); return err == nil })
			shell(t, m.Remote, "chmod 600 d/file; ln -sfn two d/link; rmdir d/sub")
			waitUntil(t, "a mode", func() bool {
				info, err := os.Stat(m.path("d", "file"))
				return err == nil && info.Mode() == 0o600
			})
			waitUntil(t, "a link", func() bool { to, err := os.Readlink(m.path("d", "link")); return err == nil && to == "two" })
			waitUntil(t, "a removed directory", func() bool { _, err := os.Stat(m.path("d", "sub")); return errors.Is(err, fs.ErrNotExist) })
			wantNames(t, m.path("d"), []string{"file", "link", "renamed"})
			if err := os.Mkdir(m.path("d", "sub"), 0o755); err != nil {
				t.Error(err)
			}
			m.Unmount()
			waitUntil(t, "nothing is left on the host", func() bool { return len(watching(m.Remote)) == 0 })
		})
	}
}

// TestWatchDelay tells how long it takes until a change on the host is seen here.
func TestWatchDelay(t *testing.T) {
	for _, host := range watchHosts {
		t.Run(host.name, func(t *testing.T) {
			m := mountAt(t, host.start(t), mountOptions{words: watchWords})
			writeFile(t, m.there("file"), "0")
			wantFile(t, m.path("file"), "0")
			var took []time.Duration
			for i := range 9 {
				text := strings.Repeat("x", i+2)
				time.Sleep(time.Duration(i) * 150 * time.Millisecond) // not in step with those who look each second
				began := time.Now()
				writeFile(t, m.there("file"), text)
				// Contents that were fetched just after they were written are asked for
				// anyway, attributes are not.
				waitUntil(t, "a change", func() bool {
					info, err := os.Stat(m.path("file"))
					return err == nil && info.Size() == int64(len(text))
				})
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			t.Logf("the median is %v, the longest %v", took[len(took)/2], took[len(took)-1])
			if took[len(took)/2] > patience/4 {
				t.Errorf("it takes %v", took)
			}
		})
	}
}

// watching lists the processes, but those of mounts, that have a directory in
// their arguments.
func watching(dir string) []string {
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline") // the pattern is good
	var found []string
	for _, name := range lines {
		line, err := os.ReadFile(name)
		if text := string(line); err == nil && strings.Contains(text, dir+"\x00") {
			found = append(found, text)
		}
	}
	return found
}

// follower is a tail that follows a file.
type follower struct {
	cmd *exec.Cmd

	mu   sync.Mutex // guards the field below
	text strings.Builder
}

func (f *follower) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.text.Write(p)
}

func (f *follower) said() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.text.String()
}

// tail follows a file until the test ends, or it is stopped.
func tail(t *testing.T, args ...string) (*follower, func()) {
	t.Helper()
	f := &follower{cmd: exec.Command("tail", args...)}
	f.cmd.Stdout = f
	if err := f.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop := sync.OnceFunc(func() {
		f.cmd.Process.Kill()
		f.cmd.Wait()
	})
	t.Cleanup(stop)
	return f, stop
}

// TestTailFollows: tail -f of a log that grows on the host shows each line, and
// nothing else, with a watch and without, of small and of large logs.
func TestTailFollows(t *testing.T) {
	for _, tt := range []struct {
		name  string
		words []string
		size  int
		args  []string
	}{
		{"Watched", watchWords, 100, []string{"-f"}},
		{"WatchedLarge", watchWords, 3_000_000, []string{"-f"}},
		{"WatchedByName", watchWords, 100, []string{"-F"}},
		{"Polled", []string{"cache_timeout=1"}, 100, []string{"-f"}},
		{"PolledLarge", []string{"cache_timeout=1", "passthrough=no"}, 3_000_000, []string{"-f"}},
		{"WithoutInotify", watchWords, 5000, []string{"---disable-inotify", "-f"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := mountAt(t, scptest.Start(t), mountOptions{words: tt.words})
			writeAged(t, m.there("log"), strings.Repeat("an old line\n", tt.size/12))
			if tt.size > 1_000_000 && tt.name == "WatchedLarge" {
				readFile(t, m.path("log")) // complete, so that the kernel reads it itself where it can
			}
			f, stop := tail(t, append(tt.args, "-n", "1", m.path("log"))...)
			waitUntil(t, "the last line", func() bool { return f.said() == "an old line\n" })
			want := "an old line\n"
			for _, line := range []string{"first\n", "second\n", strings.Repeat("third ", 5000) + "\n", "last\n"} {
				want += line
				shell(t, m.Remote, "printf '%s' '"+line+"' >>log")
				waitUntil(t, "a new line", func() bool { return len(f.said()) >= len(want) })
				if f.said() != want {
					t.Fatalf("tail printed %d bytes, want %d: %.300q", len(f.said()), len(want), f.said())
				}
			}
			wantFile(t, m.path("log"), readFile(t, m.there("log")))
			stop()
		})
	}
}

// TestWatchAfterCut: after the connection was lost, what has been missed is
// seen, and what comes then.
func TestWatchAfterCut(t *testing.T) {
	scptest.Need(t, "inotifywait")
	srv := scptest.Start(t)
	l := scptest.NewLink(t, srv.Addr, scptest.LinkOptions{})
	m := mountAt(t, srv.Via(t, l), mountOptions{words: watchWords})
	shell(t, m.Remote, "echo one >file")
	wantFile(t, m.path("file"), "one\n")
	shell(t, m.Remote, "echo second >file")
	waitUntil(t, "a change", func() bool { return readFile(t, m.path("file")) == "second\n" })
	l.Cut()
	shell(t, m.Remote, "echo the third >file; echo new >new")
	waitUntil(t, "a missed change", func() bool { return readFile(t, m.path("file")) == "the third\n" })
	waitUntil(t, "a missed file", func() bool { _, err := os.Stat(m.path("new")); return err == nil })
	shell(t, m.Remote, "echo and the fourth >file")
	waitUntil(t, "a change after it", func() bool { return readFile(t, m.path("file")) == "and the fourth\n" })
}
