package scpio_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/scpfs/scpfs/scpio"
)

func TestReceiveTreeFromSCP(t *testing.T) {
	for _, inPlace := range []bool{false, true} {
		from, to := t.TempDir(), t.TempDir()
		makeTree(t, from+"/tree")
		p := startSCP(t, from, "-r", "-p", "-f", "tree")
		target := scpio.NewLocalDir(openRoot(t, to), scpio.TargetOptions{Preserve: true, InPlace: inPlace})
		o := scpio.ReceiveOptions{Names: []string{"tree"}, Recursive: true}
		if err := scpio.Receive(t.Context(), p, target, o); err != nil {
			t.Fatal(err)
		}
		if status := p.finish(t); status != 0 {
			t.Errorf("exit status %d: %s", status, p.stderr)
		}
		sameTree(t, to+"/tree", from+"/tree")
	}
}

func TestReceiveGoesOn(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	for _, name := range []string{"a", "blocked", "c", "new\nline"} {
		putFile(t, filepath.Join(from, name), "content of "+name)
	}
	if err := errors.Join(os.Mkdir(from+"/dir", 0o755), os.Mkdir(to+"/blocked", 0o755)); err != nil {
		t.Fatal(err)
	}
	asked := []string{"a", "missing", "blocked", "dir", "new\nline", "c"}
	var failed []string
	o := scpio.ReceiveOptions{Names: asked, Report: func(path string, err error) { failed = append(failed, path) }}
	p := startSCP(t, from, append([]string{"-f", "--"}, asked...)...)
	err := scpio.Receive(t.Context(), p, scpio.NewLocalDir(openRoot(t, to), scpio.TargetOptions{}), o)
	if partial, ok := errors.AsType[*scpio.PartialError](err); !ok || partial.Failed != 3 {
		t.Errorf("got %v, want 3 failures", err)
	}
	if want := []string{"missing", "blocked", "dir"}; !slices.Equal(failed, want) {
		t.Errorf("failed: got %q, want %q", failed, want)
	}
	p.finish(t)
	if got, want := namesIn(t, to), []string{"a", "blocked", "c", `new\^Jline`}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := getFile(t, to+"/c"); got != "content of c" {
		t.Errorf("got %q", got)
	}
}

// TestReceiveAcksFromDevZero writes nothing to the source, and has a file in
// between that cannot be stored.
func TestReceiveAcksFromDevZero(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	makeTree(t, from+"/tree")
	makeTree(t, from+"/blocked")
	putFile(t, from+"/f", "last")
	putFile(t, to+"/blocked", "a file")
	cmd := exec.Command("sh", "-c", "exec scp -r -p -f blocked tree f </dev/zero")
	cmd.Dir = from
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	rw := &scriptedPeer{Reader: out}
	o := scpio.ReceiveOptions{Names: []string{"blocked", "tree", "f"}, Recursive: true, Acked: true}
	err = scpio.Receive(t.Context(), rw, scpio.NewLocalDir(openRoot(t, to), scpio.TargetOptions{Preserve: true}), o)
	if partial, ok := errors.AsType[*scpio.PartialError](err); !ok || partial.Failed != 1 {
		t.Errorf("got %v, want one failure", err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if rw.said.Len() > 0 {
		t.Errorf("wrote %q", rw.said.String())
	}
	sameTree(t, to+"/tree", from+"/tree")
	if got := getFile(t, to+"/f") + getFile(t, to+"/blocked"); got != "lasta file" {
		t.Errorf("got %q", got)
	}
}

// TestReceiveHostile has sources that try to write what was not asked for, or
// elsewhere (CVE-2018-20685, CVE-2019-6111).
func TestReceiveHostile(t *testing.T) {
	deep := strings.Repeat("D0755 0 d\n", 1000)
	for _, tt := range []struct{ name, says string }{
		{"other name", "C0644 1 g\nx\x00"},
		{"more than asked for", "C0644 1 f\nx\x00C0644 1 g\nx\x00"},
		{"twice", "C0644 1 f\nx\x00C0644 1 f\ny\x00"},
		{"file for directory", "D0755 0 g\nE\n"},
		{"parent", "D0755 0 ..\nC0644 1 f\nx\x00E\n"},
		{"itself", "D0777 0 .\nE\n"},
		{"empty name", "D0777 0 \nE\n"},
		{"path", "C0644 1 ../f\nx\x00"},
		{"absolute", "C0644 1 /tmp/f\nx\x00"},
		{"path below", "D0755 0 f\nC0644 1 a/../../g\nx\x00E\n"},
		{"nul", "C0644 1 f\x00g\nx\x00"},
		{"end of nothing", "E\nC0644 1 f\nx\x00"},
		{"too deep", "D0755 0 f\n" + deep},
		{"negative size", "C0644 -1 f\nx\x00"},
		{"huge size", "C0644 9223372036854775808 f\nx\x00"},
		{"size with sign", "C0644 +1 f\nx\x00"},
		{"cut data", "C0644 100 f\nx"},
		{"cut status", "C0644 1 f\nx"},
		{"bad status", "C0644 1 f\nxy"},
		{"open directory", "D0755 0 f\nC0644 1 a\nx\x00"},
		{"nothing", ""},
		{"fatal", "\x02scp: gone\n"},
		{"greeting", "Welcome!\n"},
		{"nologin", "This account is currently not available.\n"},
	} {
		t.Run(tt.name, func(t *testing.T) { receiveHostile(t, tt.says) })
	}
}

func receiveHostile(t *testing.T, says string) {
	parent := t.TempDir()
	to := parent + "/to"
	if err := os.Mkdir(to, 0o700); err != nil {
		t.Fatal(err)
	}
	rw := newScriptedPeer(says)
	target := scpio.NewLocalDir(openRoot(t, to), scpio.TargetOptions{Preserve: true})
	err := scpio.Receive(t.Context(), rw, target, scpio.ReceiveOptions{Names: []string{"f"}, Recursive: true})
	if !errors.Is(err, scpio.ErrDesync) {
		t.Errorf("got %v, want ErrDesync", err)
	}
	if got := namesIn(t, parent); !slices.Equal(got, []string{"to"}) {
		t.Errorf("written outside: %q", got)
	}
	if got := namesIn(t, to); len(got) > 0 && !slices.Equal(got, []string{"f"}) {
		t.Errorf("written: %q", got)
	}
	if info, _ := os.Stat(to); info.Mode().Perm() != 0o700 {
		t.Errorf("the target's mode became %v", info.Mode())
	}
}

func TestReceiveDirectoryUnasked(t *testing.T) {
	rw := newScriptedPeer("D0755 0 f\nE\n")
	to := t.TempDir()
	err := scpio.Receive(t.Context(), rw, scpio.NewLocalDir(openRoot(t, to), scpio.TargetOptions{}),
		scpio.ReceiveOptions{Names: []string{"f"}})
	if !errors.Is(err, scpio.ErrDesync) || len(namesIn(t, to)) > 0 {
		t.Errorf("got %v and %q", err, namesIn(t, to))
	}
}

// TestReceiveLinksOut has links below the target that lead out of it.
func TestReceiveLinksOut(t *testing.T) {
	for _, inPlace := range []bool{false, true} {
		parent := t.TempDir()
		to := parent + "/to"
		err := errors.Join(os.Mkdir(to, 0o755), os.Mkdir(parent+"/out", 0o755),
			os.Symlink("../out", to+"/dir"), os.Symlink("../out/file", to+"/file"))
		if err != nil {
			t.Fatal(err)
		}
		rw := newScriptedPeer("D0755 0 dir\nC0644 1 x\nx\x00E\nC0644 1 file\nx\x00")
		target := scpio.NewLocalDir(openRoot(t, to), scpio.TargetOptions{InPlace: inPlace})
		o := scpio.ReceiveOptions{Names: []string{"dir", "file"}, Recursive: true}
		if err := scpio.Receive(t.Context(), rw, target, o); err == nil {
			t.Error("no error")
		}
		if got := namesIn(t, parent+"/out"); len(got) > 0 {
			t.Errorf("in place %v: written outside: %q", inPlace, got)
		}
	}
}

// TestReceiveBadContent leaves the old file alone when the new one does not
// come whole.
func TestReceiveBadContent(t *testing.T) {
	for _, tt := range []struct{ name, says string }{
		{"declared bad", "C0644 3 f\nnew\x01scp: f: Broken pipe\n"},
		{"cut", "C0644 3 f\nne"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			to := t.TempDir()
			putFile(t, to+"/f", "old")
			target := scpio.NewLocalDir(openRoot(t, to), scpio.TargetOptions{})
			err := scpio.Receive(t.Context(), newScriptedPeer(tt.says), target, scpio.ReceiveOptions{Names: []string{"f"}})
			if err == nil {
				t.Error("no error")
			}
			if got := namesIn(t, to); !slices.Equal(got, []string{"f"}) || getFile(t, to+"/f") != "old" {
				t.Errorf("got %q with %q", got, getFile(t, to+"/f"))
			}
		})
	}
}

func TestReceiveModes(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o022))
	for _, tt := range []struct {
		name     string
		preserve bool
		old      fs.FileMode // 0 for none
		sent     string
		want     fs.FileMode
	}{
		{"new", false, 0, "0604", 0o604},
		{"new without special bits", false, 0, "4755", 0o755},
		{"old keeps its own", false, 0o600, "0755", 0o600},
		{"exact", true, 0o600, "4711", 0o711 | fs.ModeSetuid},
		{"unreadable", true, 0, "0000", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			to := t.TempDir()
			if tt.old != 0 {
				putFile(t, to+"/f", "old")
				setMode(t, to+"/f", tt.old)
			}
			target := scpio.NewLocalDir(openRoot(t, to), scpio.TargetOptions{Preserve: tt.preserve})
			rw := newScriptedPeer("C" + tt.sent + " 1 f\nx\x00")
			if err := scpio.Receive(t.Context(), rw, target, scpio.ReceiveOptions{Names: []string{"f"}}); err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(to + "/f")
			if err != nil || info.Mode() != tt.want {
				t.Errorf("got %v, %v, want %v", info.Mode(), err, tt.want)
			}
		})
	}
}

// TestReceiveCannotPublish has a directory come to stand under the file's name
// during the transfer.
func TestReceiveCannotPublish(t *testing.T) {
	to := t.TempDir()
	o := scpio.ReceiveOptions{Names: []string{"f", "g"}, Progress: func(p scpio.Progress) {
		if p.Path == "f" && p.Done == 0 {
			if err := os.Mkdir(to+"/f", 0o755); err != nil {
				t.Error(err)
			}
		}
	}}
	rw := newScriptedPeer("C0644 3 f\nabc\x00C0644 1 g\nx\x00")
	err := scpio.Receive(t.Context(), rw, scpio.NewLocalDir(openRoot(t, to), scpio.TargetOptions{}), o)
	if partial, ok := errors.AsType[*scpio.PartialError](err); !ok || partial.Failed != 1 {
		t.Errorf("got %v, want one failure", err)
	}
	if got := namesIn(t, to); !slices.Equal(got, []string{"f", "g"}) {
		t.Errorf("got %q", got)
	}
	if got, want := rw.said.String(), "\x00\x00\x01scp: f: File exists\n\x00\x00"; got != want {
		t.Errorf("said %q, want %q", got, want)
	}
}

func TestReceiveUnderOtherName(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	makeTree(t, from+"/tree")
	p := startSCP(t, from, "-r", "-p", "-f", "tree")
	target := scpio.NewLocalName(openRoot(t, to), "copy", scpio.TargetOptions{Preserve: true})
	o := scpio.ReceiveOptions{Names: []string{"tree"}, Recursive: true}
	if err := scpio.Receive(t.Context(), p, target, o); err != nil {
		t.Fatal(err)
	}
	p.finish(t)
	sameTree(t, to+"/copy", from+"/tree")
}

// TestReceiveInPieces has streams that come in other portions than they were
// sent in.
func TestReceiveInPieces(t *testing.T) {
	says := "T1 0 2 0\nD0755 0 d\nC0644 5 a\nhello\x00\x01scp: d/x: Permission denied\nE\nC0644 0 e\n\x00"
	for name, cut := range map[string]func(io.Reader) io.Reader{
		"one byte": iotest.OneByteReader, "half": iotest.HalfReader, "data with error": iotest.DataErrReader,
	} {
		t.Run(name, func(t *testing.T) {
			to := t.TempDir()
			rw := &scriptedPeer{Reader: cut(strings.NewReader(says))}
			target := scpio.NewLocalDir(openRoot(t, to), scpio.TargetOptions{})
			o := scpio.ReceiveOptions{Names: []string{"d", "e"}, Recursive: true}
			err := scpio.Receive(t.Context(), rw, target, o)
			refusal, ok := errors.AsType[*scpio.Refusal](err)
			if !ok || refusal.Text != "scp: d/x: Permission denied" {
				t.Errorf("got %v", err)
			}
			if getFile(t, to+"/d/a") != "hello" || getFile(t, to+"/e") != "" {
				t.Error("wrong content")
			}
		})
	}
}

func TestReceiveCancelled(t *testing.T) {
	silent := newSilentPeer()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-silent.asked
		cancel()
	}()
	target := scpio.NewLocalDir(openRoot(t, t.TempDir()), scpio.TargetOptions{})
	err := scpio.Receive(ctx, silent, target, scpio.ReceiveOptions{Names: []string{"f"}})
	if !errors.Is(err, context.Canceled) || !errors.Is(err, scpio.ErrDesync) {
		t.Errorf("got %v, want cancelled and ErrDesync", err)
	}
}

func TestReceiveOddTimes(t *testing.T) {
	to := t.TempDir()
	rw := newScriptedPeer("T18446744073709551611 0 0 0\nC0644 1 past\nx\x00" +
		"T9223372036854775807 0 0 0\nC0644 1 never\nx\x00")
	target := scpio.NewLocalDir(openRoot(t, to), scpio.TargetOptions{})
	err := scpio.Receive(t.Context(), rw, target, scpio.ReceiveOptions{Names: []string{"past", "never"}})
	if partial, ok := errors.AsType[*scpio.PartialError](err); !ok || partial.Failed != 1 {
		t.Errorf("got %v, want one failure", err)
	}
	info, err := os.Stat(to + "/past")
	if err != nil || info.ModTime().Unix() != -5 {
		t.Errorf("got %v, %v", info.ModTime(), err)
	}
	if getFile(t, to+"/never") != "x" {
		t.Error("a file was dropped for its time")
	}
}
