package scpio_test

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/scpfs/scpfs/scpio"
)

// hostileNames are file names that have broken copying programs.
var hostileNames = []string{
	" lead and trail ", "-rf", "--", "a'b\"c", "$HOME`id`;*?[x]", `back\slash`, "tab\tbell\x07esc\x1b[31m",
	"bad\xff\xfeutf8", "naïve-日本", "C0644 5 x", strings.Repeat("n", 255),
}

// process is a program at the other end of a pair of pipes.
type process struct {
	io.Reader
	io.WriteCloser
	cmd    *exec.Cmd
	stderr *bytes.Buffer
}

// startSCP runs the real scp in dir as the far end of a connection. It is gone
// when the test ends.
func startSCP(t testing.TB, dir string, args ...string) *process {
	t.Helper()
	return startProcess(t, dir, "scp", args...)
}

func startProcess(t testing.TB, dir, name string, args ...string) *process {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	p := &process{cmd: cmd, stderr: &bytes.Buffer{}}
	cmd.Stderr = p.stderr
	var err error
	if p.WriteCloser, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if p.Reader, err = cmd.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return p
}

// finish closes the input and returns the exit status.
func (p *process) finish(t testing.TB) int {
	t.Helper()
	p.Close()
	rest, err := io.ReadAll(p.Reader)
	if err != nil || len(rest) > 0 {
		t.Errorf("left in the stream: %q, %v", rest, err)
	}
	p.cmd.Wait()
	return p.cmd.ProcessState.ExitCode()
}

// scriptedPeer is a peer that says what was fixed before.
type scriptedPeer struct {
	io.Reader
	said bytes.Buffer // to it
}

func newScriptedPeer(s string) *scriptedPeer { return &scriptedPeer{Reader: strings.NewReader(s)} }

func (s *scriptedPeer) Write(p []byte) (int, error) { return s.said.Write(p) }

func putFile(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	setMode(t, path, 0o644) // whatever the umask is
}

func getFile(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func openRoot(t testing.TB, dir string) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root
}

// makeTree fills dir with what a copy has to get right: odd names, modes and
// times, empty and long files, directories that nobody may write.
func makeTree(t testing.TB, dir string) {
	t.Helper()
	for _, sub := range []string{"", "sub", "sub/deeper", "sub/empty"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range hostileNames {
		putFile(t, filepath.Join(dir, "sub", name), "content of "+name)
	}
	putFile(t, filepath.Join(dir, "empty"), "")
	putFile(t, filepath.Join(dir, "sub/deeper/long"), strings.Repeat("0123456789abcdef", 20_000))
	putFile(t, filepath.Join(dir, "secret"), "s")
	setMode(t, filepath.Join(dir, "secret"), 0o400)
	setMode(t, filepath.Join(dir, "sub/deeper"), 0o2750|fs.ModeSetgid)
	setMode(t, filepath.Join(dir, "sub/empty"), 0o500)
	setTreeTimes(t, dir)
}

func setMode(t testing.TB, path string, mode fs.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode&(fs.ModePerm|fs.ModeSetgid)); err != nil {
		t.Fatal(err)
	}
}

// setTreeTimes gives everything a time of its own in whole seconds, the inner
// ones first.
func setTreeTimes(t testing.TB, dir string) {
	t.Helper()
	var paths []string
	filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		paths = append(paths, path)
		return err
	})
	for i := len(paths) - 1; i >= 0; i-- {
		at := time.Unix(1_500_000_000+int64(i), 0)
		if err := os.Chtimes(paths[i], at, at); err != nil {
			t.Fatal(err)
		}
	}
}

// treeFacts describes a tree in a way that can be compared: mode, time and content
// by name.
func treeFacts(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		fact := info.Mode().String() + info.ModTime().UTC().Format(" 2006-01-02T15:04:05.000000 ")
		if info.Mode().IsRegular() {
			fact += getFile(t, path)
		}
		all[strings.TrimPrefix(path, dir)] = fact
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func sameTree(t testing.TB, got, want string) {
	t.Helper()
	g, w := treeFacts(t, got), treeFacts(t, want)
	for name, fact := range w {
		if g[name] != fact {
			t.Errorf("%q: got %.80q, want %.80q", name, g[name], fact)
		}
	}
	for name := range g {
		if _, ok := w[name]; !ok {
			t.Errorf("%q is too much", name)
		}
	}
}

// namesIn lists a directory.
func namesIn(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	list := []string{}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// keepIn has ReadFile write to w.
func keepIn(w io.Writer) func(scpio.Record) (io.Writer, error) {
	return func(scpio.Record) (io.Writer, error) { return w, nil }
}
