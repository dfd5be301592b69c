package scpio_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/scpfs/scpfs/scpio"
)

// TestReadFileBatch reads many files back to back out of a shell whose scp has
// its acks from /dev/zero; the shell goes on behind it.
func TestReadFileBatch(t *testing.T) {
	dir := t.TempDir()
	for _, name := range hostileNames {
		putFile(t, dir+"/"+name, strings.Repeat(name, 3000))
	}
	putFile(t, dir+"/empty", "")
	if err := os.Mkdir(dir+"/dir", 0o755); err != nil {
		t.Fatal(err)
	}
	asked := slices.Concat([]string{"missing"}, hostileNames, []string{"dir", "empty", "missing too"})
	args := append([]string{"-c", `scp -p -f -- "$@" </dev/zero; echo end $?`, "sh"}, asked...)
	p := startProcess(t, dir, "sh", args...)
	br := bufio.NewReader(p)
	r := scpio.NewReader(br)
	for _, name := range asked {
		var got bytes.Buffer
		rec, err := r.ReadFile(name, keepIn(&got))
		want, readErr := os.ReadFile(dir + "/" + name)
		if refusal, _ := errors.AsType[*scpio.Refusal](err); (refusal != nil) != (readErr != nil) || errors.Is(err, scpio.ErrDesync) {
			t.Errorf("%q: got %v, want %v", name, err, readErr)
		}
		if !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%q: wrong content", name)
		}
		if err == nil && (rec.Mtime.IsZero() || rec.Mode != 0o644) {
			t.Errorf("%q: no attributes: %+v", name, rec)
		}
	}
	if rest, err := br.ReadString('\n'); err != nil || rest != "end 1\n" {
		t.Errorf("behind scp: %q, %v", rest, err)
	}
	p.finish(t)
}

func TestReadFileOddName(t *testing.T) {
	dir := t.TempDir()
	name := "new\nline\\ \x01\x7f\xff\xa0\xe9\t*"
	putFile(t, dir+"/"+name, "x")
	p := startProcess(t, dir, "sh", "-c", `exec scp -f -- "$1" </dev/zero`, "sh", name)
	rec, err := scpio.NewReader(bufio.NewReader(p)).ReadFile(name, keepIn(io.Discard))
	if err != nil {
		t.Errorf("got %+v, %v", rec, err)
	}
	p.finish(t)
}

// TestReadFileStaysInStep has files that fail in some way, each followed by one
// that must come through.
func TestReadFileStaysInStep(t *testing.T) {
	full := errors.New("disk full")
	none := func(scpio.Record) (io.Writer, error) { return nil, full }
	for _, tt := range []struct {
		name, says string
		open       func(scpio.Record) (io.Writer, error)
	}{
		{"missing", "\x01scp: f: No such file or directory\n", keepIn(io.Discard)},
		{"missing after times", "T1 0 1 0\n\x01no\n", keepIn(io.Discard)},
		{"bad", "C0644 3 f\nabc\x01scp: f: Broken pipe\n", keepIn(io.Discard)},
		{"cannot open", "C0644 3 f\nabc\x00", none},
		{"cannot write", "C0644 3 f\nabc\x00", keepIn(shortWriter{})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, cut := range []func(io.Reader) io.Reader{iotest.OneByteReader, iotest.HalfReader, iotest.DataErrReader} {
				says := cut(strings.NewReader(tt.says + "T1 0 2 0\nC0600 4 g\ngood\x00"))
				r := scpio.NewReader(bufio.NewReader(says))
				if _, err := r.ReadFile("f", tt.open); err == nil || errors.Is(err, scpio.ErrDesync) {
					t.Errorf("got %v", err)
				}
				var got bytes.Buffer
				rec, err := r.ReadFile("g", keepIn(&got))
				if err != nil || got.String() != "good" || rec.Atime != time.Unix(2, 0) {
					t.Errorf("next: got %q, %+v, %v", got.String(), rec, err)
				}
			}
		})
	}
}

// shortWriter takes nothing.
type shortWriter struct{}

func (shortWriter) Write([]byte) (int, error) { return 0, nil }

func TestReadFileOutOfStep(t *testing.T) {
	for _, says := range []string{
		"", "T1 0 1 0\n", "C0644 3 f\nab", "C0644 3 f\nabc", "C0644 3 f\nabcd", "C0644 3 g\nabc\x00", "D0755 0 f\n", "E\n", "\x02gone\n",
		"T1 0 1 0\nT1 0 1 0\nC0644 3 f\nabc\x00", "\x00",
	} {
		if _, err := newReader(says).ReadFile("f", keepIn(io.Discard)); !errors.Is(err, scpio.ErrDesync) {
			t.Errorf("%q: got %v, want ErrDesync", says, err)
		}
	}
}

func TestNameMatches(t *testing.T) {
	for _, tt := range []struct {
		want, got string
		ok        bool
	}{
		{"f", "f", true},
		{"f", "g", false},
		{`a\b`, `a\\b`, false},
		{"a\nb", `a\^Jb`, true},
		{"a\nb", "a", false},
		{"\n\\", `\^J\\`, true},
	} {
		if got := scpio.NameMatches(tt.want, tt.got); got != tt.ok {
			t.Errorf("%q answered with %q: got %v", tt.want, tt.got, got)
		}
	}
}

// TestUploadByHand is the order of an upload in the middle of a shell: T and C
// in one write, data after both replies, an E that ends scp.
func TestUploadByHand(t *testing.T) {
	dir := t.TempDir()
	p := startProcess(t, dir, "sh", "-c", `scp -d -t . && mv temp final && echo moved`)
	br := bufio.NewReader(p)
	r, w := scpio.NewReader(br), scpio.NewWriter(p)
	replies := func(n int) {
		t.Helper()
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		for range n {
			if err := r.ReadReply(); err != nil {
				t.Fatal(err)
			}
		}
	}
	content := strings.Repeat("content", 50_000)
	if err := errors.Join(w.WriteT(time.Unix(1, 2000), time.Unix(3, 0)), w.WriteC(0o640, int64(len(content)), "temp")); err != nil {
		t.Fatal(err)
	}
	replies(3) // scp says one by itself
	if err := errors.Join(w.WriteData(strings.NewReader(content), int64(len(content))), w.WriteE()); err != nil {
		t.Fatal(err)
	}
	replies(2)
	if line, err := br.ReadString('\n'); err != nil || line != "moved\n" {
		t.Errorf("got %q, %v", line, err)
	}
	if getFile(t, dir+"/final") != content {
		t.Error("wrong content")
	}
	p.finish(t)
}

func TestWriteDataShort(t *testing.T) {
	var out bytes.Buffer
	w := scpio.NewWriter(&out)
	err := w.WriteData(strings.NewReader("abc"), 5)
	if !errors.Is(err, scpio.ErrDesync) || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
	err = w.WriteData(iotest.ErrReader(io.ErrNoProgress), 5)
	if !errors.Is(err, scpio.ErrDesync) || !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("got %v", err)
	}
}
