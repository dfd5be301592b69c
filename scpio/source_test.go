package scpio_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/scpfs/scpfs/scpio"
)

func TestSendTreeToSCP(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	makeTree(t, from+"/tree")
	p := startSCP(t, to, "-r", "-p", "-d", "-t", ".")
	o := scpio.SendOptions{Recursive: true, Preserve: true}
	if err := scpio.Send(t.Context(), p, scpio.Directory(from), []string{"tree"}, o); err != nil {
		t.Fatal(err)
	}
	if status := p.finish(t); status != 0 {
		t.Errorf("exit status %d: %s", status, p.stderr)
	}
	sameTree(t, to+"/tree", from+"/tree")
}

func TestSendKeepsMicroseconds(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	putFile(t, from+"/f", "x")
	at := time.Unix(1_500_000_000, 123_456_789)
	if err := os.Chtimes(from+"/f", at, at); err != nil {
		t.Fatal(err)
	}
	p := startSCP(t, to, "-t", ".")
	o := scpio.SendOptions{Preserve: true}
	if err := scpio.Send(t.Context(), p, scpio.Directory(from), []string{"f"}, o); err != nil {
		t.Fatal(err)
	}
	p.finish(t)
	info, err := os.Stat(to + "/f")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := info.ModTime(), at.Truncate(time.Microsecond); !got.Equal(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestSendGoesOn has files in between that cannot be read, and one that scp
// refuses because a directory has its name.
func TestSendGoesOn(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	for _, name := range []string{"a", "refused", "c", "new\nline"} {
		putFile(t, filepath.Join(from, name), name)
	}
	if err := errors.Join(os.Mkdir(to+"/refused", 0o755), syscall.Mkfifo(from+"/fifo", 0o644)); err != nil {
		t.Fatal(err)
	}
	var failed []string
	o := scpio.SendOptions{Report: func(path string, err error) { failed = append(failed, path) }}
	p := startSCP(t, to, "-d", "-t", ".")
	err := scpio.Send(t.Context(), p, scpio.Directory(from),
		[]string{"a", "missing", "refused", "fifo", "new\nline", "c"}, o)
	partial, ok := errors.AsType[*scpio.PartialError](err)
	if !ok || partial.Failed != 4 || errors.Is(err, scpio.ErrDesync) {
		t.Errorf("got %v, want 4 failures", err)
	}
	if want := []string{"missing", "refused", "fifo", "new\nline"}; !slices.Equal(failed, want) {
		t.Errorf("failed: got %q, want %q", failed, want)
	}
	if status := p.finish(t); status != 1 { // for the refused one
		t.Errorf("exit status %d", status)
	}
	if got, want := namesIn(t, to), []string{"a", "c", "refused"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSendWithinRoot(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	putFile(t, from+"/inside", "in")
	err := errors.Join(os.Symlink("inside", from+"/good"), os.Symlink("/etc/passwd", from+"/bad"))
	if err != nil {
		t.Fatal(err)
	}
	p := startSCP(t, to, "-t", ".")
	err = scpio.Send(t.Context(), p, openRoot(t, from), []string{"bad", "good"}, scpio.SendOptions{})
	if err == nil || !strings.Contains(err.Error(), "escapes") {
		t.Errorf("got %v for a link that leads out of the root", err)
	}
	p.finish(t)
	if got := namesIn(t, to); !slices.Equal(got, []string{"good"}) {
		t.Errorf("got %q", got)
	}
}

func TestSendLoop(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	putFile(t, from+"/f", "x")
	if err := errors.Join(os.Symlink(".", from+"/loop1"), os.Symlink("..", from+"/loop2")); err != nil {
		t.Fatal(err)
	}
	p := startSCP(t, to, "-r", "-t", ".")
	o := scpio.SendOptions{Recursive: true}
	err := scpio.Send(t.Context(), p, scpio.Directory(from+"/.."), []string{filepath.Base(from)}, o)
	if !errors.Is(err, syscall.ELOOP) {
		t.Errorf("got %v, want ELOOP", err)
	}
	p.finish(t)
}

// TestSendPipelines fixes what may be sent before which reply.
func TestSendPipelines(t *testing.T) {
	from := t.TempDir()
	putFile(t, from+"/a", "AAA")
	putFile(t, from+"/b", "BBB")
	setTreeTimes(t, from)
	rw := &turns{replies: []string{"\x00", "\x00\x00", "\x00\x00\x00", "\x00"}}
	o := scpio.SendOptions{Preserve: true}
	if err := scpio.Send(t.Context(), rw, scpio.Directory(from), []string{"a", "b"}, o); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"",
		"T1500000001 0 1500000001 0\nC0644 3 a\n",
		"AAA\x00T1500000002 0 1500000002 0\nC0644 3 b\n",
		"BBB\x00",
	}
	if !slices.Equal(rw.said, want) {
		t.Errorf("got %q, want %q", rw.said, want)
	}
}

// turns is a peer that replies in fixed portions, and notes what it had been
// told before each.
type turns struct {
	replies []string
	said    []string
	heard   bytes.Buffer
}

func (p *turns) Write(b []byte) (int, error) { return p.heard.Write(b) }

func (p *turns) Read(b []byte) (int, error) {
	if len(p.replies) == 0 {
		return 0, io.EOF
	}
	p.said = append(p.said, p.heard.String())
	p.heard.Reset()
	n := copy(b, p.replies[0])
	p.replies = p.replies[1:]
	return n, nil
}

// TestSendStops has sinks after whose answers nobody can know what is a reply
// to what.
func TestSendStops(t *testing.T) {
	from := t.TempDir()
	putFile(t, from+"/a", "AAA")
	putFile(t, from+"/b", "BBB")
	for _, tt := range []struct{ name, replies string }{
		{"no start", ""},
		{"refused at once", "\x01scp: ambiguous target\n"},
		{"no scp", "sh: scp: not found\n"},
		{"refused times", "\x00\x01no\n\x00\x00\x00"},
		{"refused data", "\x00\x00\x00\x01scp: a: No space left on device\n\x01again\n\x00\x00"},
		{"fatal refusal", "\x00\x00\x02scp: gone\n"},
		{"cut reply", "\x00\x00\x01scp: a: Permiss"},
		{"end", "\x00\x00\x00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rw := newScriptedPeer(tt.replies)
			o := scpio.SendOptions{Preserve: true}
			err := scpio.Send(t.Context(), rw, scpio.Directory(from), []string{"a", "b"}, o)
			if !errors.Is(err, scpio.ErrDesync) {
				t.Errorf("got %v, want ErrDesync", err)
			}
			if strings.Contains(rw.said.String(), "BBB") {
				t.Errorf("went on: %q", rw.said.String())
			}
		})
	}
}

func TestSendShrunkFile(t *testing.T) {
	from := t.TempDir()
	putFile(t, from+"/f", strings.Repeat("x", 100_000))
	putFile(t, from+"/g", "good")
	shrink := func(p scpio.Progress) {
		if p.Path == "f" && p.Done == 0 {
			if err := os.Truncate(from+"/f", 50_000); err != nil {
				t.Error(err)
			}
		}
	}
	to := t.TempDir()
	p := startSCP(t, to, "-t", ".")
	o := scpio.SendOptions{Progress: shrink}
	err := scpio.Send(t.Context(), p, scpio.Directory(from), []string{"f", "g"}, o)
	if partial, ok := errors.AsType[*scpio.PartialError](err); !ok || partial.Failed != 1 {
		t.Errorf("got %v, want one failure", err)
	}
	if status := p.finish(t); status != 1 {
		t.Errorf("scp has not noticed: exit status %d", status)
	}
	if got := getFile(t, to+"/g"); got != "good" {
		t.Errorf("the next file is %q", got)
	}
}

func TestSendProgress(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	putFile(t, from+"/f", strings.Repeat("x", 100_000))
	var last scpio.Progress
	p := startSCP(t, to, "-t", ".")
	o := scpio.SendOptions{Progress: func(p scpio.Progress) { last = p }}
	if err := scpio.Send(t.Context(), p, scpio.Directory(from), []string{"f"}, o); err != nil {
		t.Fatal(err)
	}
	if want := (scpio.Progress{Path: "f", Done: 100_000, Size: 100_000}); last != want {
		t.Errorf("got %v, want %v", last, want)
	}
	p.finish(t)
}

func TestSendCancelled(t *testing.T) {
	from := t.TempDir()
	putFile(t, from+"/f", "x")
	silent := newSilentPeer()
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	go func() {
		<-silent.asked
		cancel(why)
	}()
	err := scpio.Send(ctx, silent, scpio.Directory(from), []string{"f"}, scpio.SendOptions{})
	if !errors.Is(err, why) || !errors.Is(err, scpio.ErrDesync) {
		t.Errorf("got %v, want the cause and ErrDesync", err)
	}
}

// silentPeer never answers; closing it frees who waits.
type silentPeer struct {
	asked  chan struct{} // closed when somebody waits
	closed chan struct{}
}

func newSilentPeer() *silentPeer {
	return &silentPeer{asked: make(chan struct{}), closed: make(chan struct{})}
}

func (p *silentPeer) Write(b []byte) (int, error) { return len(b), nil }

func (p *silentPeer) Read([]byte) (int, error) {
	close(p.asked)
	<-p.closed
	return 0, os.ErrClosed
}

func (p *silentPeer) Close() error {
	close(p.closed)
	return nil
}
