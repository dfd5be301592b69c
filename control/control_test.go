package control_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/scpfs/scpfs/control"
)

// listen is a server in a directory whose path is longer than the address of
// a socket can be.
func listen(t *testing.T, h control.Handler) (dir string, s *control.Server) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), strings.Repeat("long/", 30))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := control.Listen(dir, h, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return dir, s
}

func echo(_ context.Context, r control.Request) control.Answer {
	return control.Answer{Saved: r.Keep, Conflicts: []control.Conflict{{Path: r.Path}}}
}

func TestAsk(t *testing.T) {
	dir, _ := listen(t, echo)
	for _, path := range []control.Name{"a/b", "\xff\xfe", "new\nline \x1b", "{\"bytes\":\"x\"}", "é"} {
		got, err := control.Ask(t.Context(), dir, control.Request{Command: control.CommandResolve, Path: path, Keep: control.KeepBoth})
		if err != nil || got.Saved != control.KeepBoth || len(got.Conflicts) != 1 || got.Conflicts[0].Path != path {
			t.Errorf("%q: got %+v, %v", path, got, err)
		}
	}
}

func TestRefused(t *testing.T) {
	dir, _ := listen(t, echo)
	for _, r := range []control.Request{
		{Command: "sing"},
		{Command: control.CommandStatus, Path: "f"},
		{Command: control.CommandResolve, Path: "../f", Keep: control.KeepBoth},
		{Command: control.CommandResolve, Path: "/f", Keep: control.KeepBoth},
		{Command: control.CommandResolve, Path: "", Keep: control.KeepBoth},
		{Command: control.CommandResolve, Path: "a\x00b", Keep: control.KeepBoth},
		{Command: control.CommandResolve, Path: "f", Keep: "mine"},
	} {
		got, err := control.Ask(t.Context(), dir, r)
		if _, ok := errors.AsType[*control.RemoteError](err); !ok {
			t.Errorf("%+v: got %+v, %v", r, got, err)
		}
	}
}

// raw sends bytes to the socket and returns the answer.
func raw(t *testing.T, dir, text string) string {
	t.Helper()
	d, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	t.Chdir(dir)
	c, err := net.Dial("unix", "control")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, text) // the server may have had enough
	c.(*net.UnixConn).CloseWrite()
	got, err := bufio.NewReader(c).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		t.Logf("after %.20q: %v", text, err)
	}
	return got
}

func TestNonsense(t *testing.T) {
	dir, _ := listen(t, func(context.Context, control.Request) control.Answer {
		t.Error("nonsense was taken for a request")
		return control.Answer{}
	})
	for text, want := range map[string]string{
		"":                                 "no whole request",
		"GET /\n":                          "not one line of JSON",
		`{"version":1,"command":"status"}`: "no whole request",
		`{"version":2,"command":"status"}` + "\n":        "version 1",
		`{"version":1,"command":"status","x":1}` + "\n":  "known fields",
		`{"version":1,"command":"status"} {}` + "\n":     "behind",
		strings.Repeat(" ", control.MaxRequest+1) + "\n": "",
	} {
		if got := raw(t, dir, text); !strings.Contains(got, want) {
			t.Errorf("%.40q: got %q, want %q", text, got, want)
		}
	}
}

// TestDead: a socket that nobody listens to, and none.
func TestDead(t *testing.T) {
	dir, s := listen(t, echo)
	left := filepath.Join(t.TempDir(), "left")
	if err := os.Link(filepath.Join(dir, "control"), left); err != nil {
		t.Fatal(err)
	}
	s.Close()
	_, err := control.Ask(t.Context(), dir, control.Request{Command: control.CommandStatus})
	if !errors.Is(err, control.ErrDead) {
		t.Errorf("without a socket: %v", err)
	}
	if err := os.Rename(left, filepath.Join(dir, "control")); err != nil {
		t.Fatal(err)
	}
	_, err = control.Ask(t.Context(), dir, control.Request{Command: control.CommandStatus})
	if !errors.Is(err, control.ErrDead) {
		t.Errorf("with a socket that is left: %v", err)
	}
	next, err := control.Listen(dir, echo, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	if _, err := control.Ask(t.Context(), dir, control.Request{Command: control.CommandStatus}); err != nil {
		t.Errorf("the next mount's: %v", err)
	}
}

// TestSilent: who asks does not wait for ever, and a request that is answered
// ends with the server.
func TestSilent(t *testing.T) {
	asked := make(chan struct{})
	dir, s := listen(t, func(ctx context.Context, _ control.Request) control.Answer {
		close(asked)
		<-ctx.Done()
		return control.Answer{}
	})
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		<-asked
		cancel(nil)
	}()
	_, err := control.Ask(ctx, dir, control.Request{Command: control.CommandStatus})
	if !errors.Is(err, control.ErrSilent) {
		t.Errorf("got %v", err)
	}
	s.Close() // returns
}

func TestPlaces(t *testing.T) {
	place, other := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	dirs := []string{t.TempDir(), t.TempDir()}
	never := func(control.Mount) bool { return false }
	for i, dir := range dirs {
		m := control.Mount{Mountpoint: "/mnt/[x]" + string(rune('a'+i)), Dir: dir, Since: time.Unix(int64(i), 0)}
		if _, err := control.Register([]string{place, other, "/proc/none"}, m, never); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(place, "x.mount"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := control.Registered([]string{place, other}, never)
	if len(got) != 2 || got[0].Dir != dirs[0] || got[1].Dir != dirs[1] {
		t.Errorf("got %+v", got)
	}
	if found := control.Find(got, "/mnt/../mnt/[x]b/"); len(found) != 1 || found[0].Dir != dirs[1] {
		t.Errorf("found %+v", found)
	}
	if err := os.Chmod(place, 0o777); err != nil {
		t.Fatal(err)
	}
	if got := control.Registered([]string{place}, never); len(got) != 0 {
		t.Errorf("from a place that anybody can write to: %+v", got)
	}
	gone := func(m control.Mount) bool { return m.Dir == dirs[0] }
	if got := control.Registered([]string{other}, gone); len(got) != 1 {
		t.Errorf("without the void one: %+v", got)
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"a b":        "a b",
		"é/文":        "é/文",
		"a\nb":       `"a\nb"`,
		"\x1b[2J":    `"\x1b[2J"`,
		"\xff":       `"\xff"`,
		"\u202egnp.": `"\u202egnp."`,
		"\u009b31m":  `"\u009b31m"`,
	} {
		if got := control.Printable(in); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

// FuzzParseRequest: whatever comes, what is acted on is a known command with a
// path that stays below the mountpoint.
func FuzzParseRequest(f *testing.F) {
	f.Add([]byte(`{"version":1,"command":"status"}`))
	f.Add([]byte(`{"version":1,"command":"resolve","path":"a/b","keep":"both"}`))
	f.Add([]byte(`{"version":1,"command":"resolve","path":{"bytes":"/w=="},"keep":"local"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := control.ParseRequest(line)
		if err != nil {
			return
		}
		switch r.Command {
		case control.CommandStatus, control.CommandConflicts:
			if r.Path != "" || r.Keep != "" {
				t.Errorf("%+v", r)
			}
		case control.CommandResolve:
			clean := filepath.Join("/mnt", string(r.Path))
			if clean != "/mnt/"+string(r.Path) || strings.ContainsRune(clean, 0) || r.Keep == "" {
				t.Errorf("%+v", r)
			}
		default:
			t.Errorf("%+v", r)
		}
	})
}
