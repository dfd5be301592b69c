package scpio_test

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/scpfs/scpfs/scpio"
)

func TestParseServerArgs(t *testing.T) {
	for _, tt := range []struct {
		args string
		want scpio.ServerCommand
	}{
		{"-f a b", scpio.ServerCommand{Source: true, Paths: []string{"a", "b"}}},
		{"-prf -- -x", scpio.ServerCommand{Source: true, Preserve: true, Recursive: true, Paths: []string{"-x"}}},
		{"-v -q -d -t .", scpio.ServerCommand{TargetDir: true, Paths: []string{"."}}},
		{"-t a -r", scpio.ServerCommand{Paths: []string{"a", "-r"}}},
		{"-t -", scpio.ServerCommand{Paths: []string{"-"}}},
	} {
		got, err := scpio.ParseServerArgs(strings.Fields(tt.args))
		if err != nil || !slices.Equal(got.Paths, tt.want.Paths) {
			t.Errorf("%s: got %+v, %v", tt.args, got, err)
		}
		got.Paths, tt.want.Paths = nil, nil
		if g, w := got, tt.want; g.Source != w.Source || g.Preserve != w.Preserve || g.Recursive != w.Recursive || g.TargetDir != w.TargetDir {
			t.Errorf("%s: got %+v, want %+v", tt.args, g, w)
		}
	}
	for _, args := range []string{"", "a", "-f", "-t --", "-ft a", "-r a", "-fO a", "-f\x1b a", "--help -f a"} {
		if got, err := scpio.ParseServerArgs(strings.Fields(args)); err == nil {
			t.Errorf("%q: got %+v", args, got)
		}
	}
}

// serveScript runs a command line over what a client says, and returns what it hears.
func serveScript(t testing.TB, dir, args, says string) (string, error) {
	t.Helper()
	cmd, err := scpio.ParseServerArgs(strings.Split(args, " "))
	if err != nil {
		t.Fatal(err)
	}
	rw := newScriptedPeer(says)
	err = cmd.Serve(t.Context(), rw, rw, dir)
	return rw.said.String(), err
}

// TestServeSourceAsSCP compares what this and the real scp send to the same
// client.
func TestServeSourceAsSCP(t *testing.T) {
	dir := t.TempDir()
	putFile(t, dir+"/f", "data")
	putFile(t, dir+"/new\nline\\\x01\xa0\xff", "")
	if err := errors.Join(os.Mkdir(dir+"/d", 0o755), syscall.Mkfifo(dir+"/fifo", 0o644)); err != nil {
		t.Fatal(err)
	}
	setTreeTimes(t, dir)
	acks := strings.Repeat("\x00", 20)
	for _, tt := range []struct{ args, says string }{
		{"-f f", acks},
		{"-f no f d fifo f", acks},
		{"-f f/", acks},
		{"-rf d/", acks},
		{"-p -r -f d f", acks},
		{"-f new\nline\\\x01\xa0\xff", acks},
		{"-f ", acks},
		{"-f f f", "\x00\x01no\n\x00\x00"},
		{"-pf f f", "\x00\x01no\n\x00\x00\x00"},
		{"-pf f f", "\x00\x00\x01no\n\x00\x00\x00"},
		{"-f f f", "\x00\x00\x01disk full\n\x00\x00"},
		{"-rf d f", "\x00\x01no\n\x00\x00"},
		{"-f f", "\x02bye\n"},
		{"-f f", "\x01no\n\x00\x00"},
		{"-f f", "x"},
	} {
		got, err := serveScript(t, dir, tt.args, tt.says)
		want, status := runSCP(t, dir, tt.args, tt.says)
		if withoutTimes(got) != withoutTimes(want) || (err != nil) != (status != 0) {
			t.Errorf("%q answered with %q: got %q, %v, want %q, status %d", tt.args, tt.says, got, err, want, status)
		}
	}
}

// withoutTimes takes out access times, which reading the file has changed, and
// microseconds, which scp does not send.
func withoutTimes(stream string) string {
	return regexp.MustCompile(`T(\d+) [\d ]*\n`).ReplaceAllString(stream, "T$1\n")
}

// TestServeSourceNames has names that cannot go out as they are.
func TestServeSourceNames(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"-f no\nline", "\x01scp: no\\x0aline: No such file or directory\n"},
		{"-rf .", "\x01scp: .: name \".\" cannot be sent with SCP\n"},
	} {
		if got, _ := serveScript(t, t.TempDir(), tt.args, "\x00\x00"); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.args, got, tt.want)
		}
	}
}

// TestServeAsSCP compares what this and the real scp answer to the same client.
func TestServeAsSCP(t *testing.T) {
	for _, tt := range []struct{ name, args, says string }{
		{"file", "-t f", "C0600 3 x\nabc\x00"},
		{"into directory", "-t d", "C0600 3 x\nabc\x00"},
		{"times", "-t f", "T1 5 1 0\nC0600 3 x\nabc\x00"},
		{"shorter than old", "-t old", "C0600 3 x\nabc\x00"},
		{"same mode as old", "-t old", "C0755 3 x\nabc\x00"},
		{"exact mode", "-p -t old", "C0755 3 x\nabc\x00"},
		{"several", "-t d", "C0600 1 a\na\x00C0600 0 b\n\x00C0644 1 c\nc\x00"},
		{"tree", "-r -t d", "D0700 0 s\nC0600 1 a\na\x00D0555 0 u\nE\nE\n"},
		{"tree under new name", "-r -p -t new", "T1 0 1 0\nD0711 0 s\nC0600 1 a\na\x00E\n"},
		{"tree without ends", "-r -t d", "D0700 0 s\nC0600 1 a\na\x00"},
		{"end at top", "-t d", "C0600 1 a\na\x00E\nC0600 1 b\nb\x00"},
		{"declared bad", "-t old", "C0600 3 x\nabc\x01bad\n"},
		{"reports", "-t d", "\x01one\n\x01two\nC0600 1 a\na\x00"},
		{"directory in the way", "-t d", "C0600 1 sub\nC0600 1 b\nb\x00"},
		{"file in the way", "-r -t d", "D0700 0 file\n"},
		{"demanded directory", "-d -t d", "C0600 1 a\na\x00"},
		{"demanded, a file", "-d -t old", ""},
		{"demanded, missing", "-d -t none", ""},
		{"missing parent", "-t none/f", "C0600 1 a\n"},
		{"two targets", "-t d old", ""},
		{"directory unasked", "-t d", "D0700 0 s\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ours, theirs := targetDir(t), targetDir(t)
			got, err := serveScript(t, ours, tt.args, tt.says)
			want, status := runSCP(t, theirs, tt.args, tt.says)
			if got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			if (err != nil) != (status != 0) {
				t.Errorf("got %v, want status %d", err, status)
			}
			sameButTimes(t, ours, theirs)
		})
	}
}

// targetDir has things in it that get into the way.
func targetDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(dir+"/d/sub", 0o755); err != nil {
		t.Fatal(err)
	}
	putFile(t, dir+"/d/file", "a file")
	putFile(t, dir+"/old", "old content")
	return dir
}

func runSCP(t *testing.T, dir, args, says string) (string, int) {
	t.Helper()
	cmd := exec.Command("scp", strings.Split(args, " ")...)
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader(says)
	out, _ := cmd.Output()
	return string(out), cmd.ProcessState.ExitCode()
}

// sameButTimes is sameTree for trees that were changed at different times, but
// for times which were set.
func sameButTimes(t *testing.T, got, want string) {
	t.Helper()
	g, w := treeFacts(t, got), treeFacts(t, want)
	for name := range w {
		if timeless(g[name]) != timeless(w[name]) {
			t.Errorf("%q: got %q, want %q", name, g[name], w[name])
		}
	}
	if len(g) != len(w) {
		t.Errorf("got %d files, want %d", len(g), len(w))
	}
}

func timeless(fact string) string {
	f := strings.SplitN(fact, " ", 3)
	if len(f) < 3 || strings.HasPrefix(f[1], "1970") {
		return fact
	}
	return f[0] + f[2]
}

func TestServeProtocolErrors(t *testing.T) {
	for _, says := range []string{"hello\n", "C0644 1 ../x\nx\x00", "C0644 -1 x\n", "\x00", "C0644 1 a\nxy"} {
		dir := t.TempDir()
		said, err := serveScript(t, dir, "-t .", says)
		if !errors.Is(err, scpio.ErrDesync) {
			t.Errorf("%q: got %v", says, err)
		}
		if says[0] != 'C' && !strings.Contains(said, "\x01scp: protocol error: ") {
			t.Errorf("%q: was told %q", says, said)
		}
	}
}

func TestServeTargetIsLink(t *testing.T) {
	dir := t.TempDir()
	putFile(t, dir+"/real", "old content")
	if err := errors.Join(os.Mkdir(dir+"/d", 0o755), os.Symlink("../real", dir+"/d/link")); err != nil {
		t.Fatal(err)
	}
	if _, err := serveScript(t, dir, "-t d/link", "C0644 3 x\nnew\x00"); err != nil {
		t.Error(err)
	}
	if got := getFile(t, dir+"/real"); got != "new" {
		t.Errorf("got %q", got)
	}
}

func TestServeFIFO(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(dir+"/fifo", 0o644); err != nil {
		t.Fatal(err)
	}
	said, _ := serveScript(t, dir, "-t fifo", "C0644 3 x\n")
	if want := "\x00\x01scp: fifo: No such device or address\n"; said != want {
		t.Errorf("got %q, want %q", said, want)
	}
}

// TestBothRoles copies a tree with this package at both ends, each way.
func TestBothRoles(t *testing.T) {
	dir := t.TempDir()
	makeTree(t, dir+"/tree")
	if err := os.Mkdir(dir+"/up", 0o755); err != nil {
		t.Fatal(err)
	}
	client := serveAsync(t, dir, "-r -p -t up")
	o := scpio.SendOptions{Recursive: true, Preserve: true}
	if err := scpio.Send(t.Context(), client, scpio.Directory(dir), []string{"tree"}, o); err != nil {
		t.Fatal(err)
	}
	client.Close()
	sameTree(t, filepath.Join(dir, "up/tree"), dir+"/tree")
	client = serveAsync(t, dir, "-r -p -f tree")
	target := scpio.NewLocalName(openRoot(t, dir), "down", scpio.TargetOptions{Preserve: true})
	if err := scpio.Receive(t.Context(), client, target, scpio.ReceiveOptions{Names: []string{"tree"}, Recursive: true}); err != nil {
		t.Fatal(err)
	}
	sameTree(t, dir+"/down", dir+"/tree")
}

// served is the client's end of a served command.
type served struct {
	*io.PipeReader
	*io.PipeWriter
	done chan struct{}
}

// Close ends the command's input and waits for it.
func (s *served) Close() error {
	s.PipeWriter.Close()
	<-s.done
	return nil
}

func serveAsync(t *testing.T, dir, args string) *served {
	t.Helper()
	cmd, err := scpio.ParseServerArgs(strings.Split(args, " "))
	if err != nil {
		t.Fatal(err)
	}
	in, toServer := io.Pipe()
	fromServer, out := io.Pipe()
	s := &served{fromServer, toServer, make(chan struct{})}
	go func() {
		defer close(s.done)
		defer out.Close()
		if err := cmd.Serve(t.Context(), in, out, dir); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { s.Close() })
	return s
}

func TestServeCancelled(t *testing.T) {
	for _, args := range []string{"-t .", "-f f"} {
		cmd, err := scpio.ParseServerArgs(strings.Fields(args))
		if err != nil {
			t.Fatal(err)
		}
		silent := newSilentPeer()
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-silent.asked
			cancel()
		}()
		if err := cmd.Serve(ctx, silent, io.Discard, t.TempDir()); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v", args, err)
		}
	}
}
