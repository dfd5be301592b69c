package scpio_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/scpfs/scpfs/scpio"
)

func newReader(s string) *scpio.Reader {
	return scpio.NewReader(bufio.NewReader(strings.NewReader(s)))
}

func TestNext(t *testing.T) {
	for _, tt := range []struct {
		line string
		want scpio.Record
	}{
		{"C0644 6 a", scpio.Record{Kind: scpio.KindFile, Mode: 0o644, Size: 6, Name: "a"}},
		{"C14755 0  x y ", scpio.Record{Kind: scpio.KindFile, Mode: 0o4755, Name: " x y "}},
		{"C0644 9223372036854775807 \xff", scpio.Record{Kind: scpio.KindFile, Mode: 0o644, Size: math.MaxInt64, Name: "\xff"}},
		{"D2755 0 d", scpio.Record{Kind: scpio.KindDir, Mode: 0o2755, Name: "d"}},
		{"D2755 17 d", scpio.Record{Kind: scpio.KindDir, Mode: 0o2755, Name: "d"}},
		{"E", scpio.Record{Kind: scpio.KindEnd}},
		{"T1 2 3 4", scpio.Record{Kind: scpio.KindTimes, Mtime: time.Unix(1, 2000), Atime: time.Unix(3, 4000)}},
		{"T18446744073709465216 0 0 0", scpio.Record{Kind: scpio.KindTimes, Mtime: time.Unix(-86400, 0), Atime: time.Unix(0, 0)}},
		{"\x01scp: \x1b[31mx\xff", scpio.Record{Kind: scpio.KindWarning, Text: `scp: \x1b[31mx\xff`}},
		{"\x02bye", scpio.Record{Kind: scpio.KindFatal, Text: "bye"}},
	} {
		got, err := newReader(tt.line + "\n").Next()
		if err != nil || got != tt.want {
			t.Errorf("%q: got %+v, %v, want %+v", tt.line, got, err, tt.want)
		}
	}
}

func TestNextRefuses(t *testing.T) {
	for _, line := range []string{
		"X", "\x00", "C", "C0644", "C0644 1", "C0644 1 ", "C644 1 a", "C006440 1 a", "C0648 1 a", "C-644 1 a",
		"C0644  a", "C0644 -1 a", "C0644 +1 a", "C0644 0x1 a", "C0644 1_0 a", "C0644 9223372036854775808 a", "C0644 1e3 a",
		"C0644\t1 a", "C0644 1 .", "C0644 1 ..", "C0644 1 a/b", "C0644 1 /", "C0644 1 a\x00b", "D0755 x d", "D0755 0 ..",
		"E ", "Ex", "T", "T1 2 3", "T1 2 3 4 5", "T-1 0 0 0", "T1 1000000 1 0", "T1 0 1 -1", "T1  0 1 0",
		"T18446744073709551616 0 0 0", "This account is currently not available.",
	} {
		rec, err := newReader(line + "\n").Next()
		if _, ok := errors.AsType[*scpio.ProtocolError](err); !ok || !errors.Is(err, scpio.ErrDesync) {
			t.Errorf("%q: got %+v, %v", line, rec, err)
		}
	}
}

func TestNextSaysWhatItRead(t *testing.T) {
	_, err := newReader("\x1b[1mWelcome to\nhost\n").Next()
	want := `remote did not speak SCP: \x1b[1mWelcome to\x0ahost\x0a`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	_, err = newReader("This service allows sftp connections only.\n").Next()
	want = `remote did not speak SCP: bad times in: This service allows sftp connections only.\x0a`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestNextEnds(t *testing.T) {
	if _, err := newReader("").Next(); err != io.EOF {
		t.Errorf("at a boundary: got %v, want EOF", err)
	}
	if _, err := newReader("C0644 1").Next(); !errors.Is(err, io.ErrUnexpectedEOF) || !errors.Is(err, scpio.ErrDesync) {
		t.Errorf("in a record: got %v", err)
	}
	endless := io.MultiReader(strings.NewReader("C0644 1 "), zeros{})
	if _, err := scpio.NewReader(bufio.NewReader(endless)).Next(); !errors.Is(err, scpio.ErrDesync) || len(err.Error()) > 2000 {
		t.Errorf("endless line: got %v", err)
	}
	broken := bufio.NewReader(iotest.ErrReader(io.ErrClosedPipe))
	if _, err := scpio.NewReader(broken).Next(); !errors.Is(err, io.ErrClosedPipe) || !errors.Is(err, scpio.ErrDesync) {
		t.Errorf("broken: got %v", err)
	}
}

// zeros is /dev/zero.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestReadReply(t *testing.T) {
	r := newReader("\x00\x01scp: f: No such file or directory\n\x02bye\nC")
	if err := r.ReadReply(); err != nil {
		t.Error(err)
	}
	refusal, ok := errors.AsType[*scpio.Refusal](r.ReadReply())
	if !ok || refusal.Fatal || refusal.Text != "scp: f: No such file or directory" || errors.Is(refusal, scpio.ErrDesync) {
		t.Errorf("got %+v", refusal)
	}
	if err := r.ReadReply(); !errors.Is(err, scpio.ErrDesync) || err.Error() != "bye" {
		t.Errorf("got %v, want a fatal refusal", err)
	}
	if err := r.ReadReply(); !errors.Is(err, scpio.ErrDesync) {
		t.Errorf("no reply: got %v", err)
	}
	if err := r.ReadReply(); !errors.Is(err, io.ErrUnexpectedEOF) || !errors.Is(err, scpio.ErrDesync) {
		t.Errorf("end: got %v", err)
	}
}

func TestWriter(t *testing.T) {
	var out bytes.Buffer
	w := scpio.NewWriter(&out)
	err := errors.Join(
		w.WriteT(time.Unix(5, 123_456_789), time.Unix(-5, 0)),
		w.WriteC(0o104755, math.MaxInt64, " a b"),
		w.WriteD(0o7, "d"),
		w.WriteE(),
		w.WriteOK(),
		w.WriteRefusal(false, "scp: new\nline: x"),
		w.WriteRefusal(true, strings.Repeat("long ", 1000)+": Is a directory"),
	)
	if err != nil || out.Len() > 0 {
		t.Fatalf("%v, %d bytes before Flush", err, out.Len())
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	want := "T5 123456 0 0\nC4755 9223372036854775807  a b\nD0007 0 d\nE\n\x00\x01scp: new\\x0aline: x\n\x02long "
	if got := out.String(); !strings.HasPrefix(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	last := out.String()[strings.LastIndexByte(out.String(), 2):]
	if len(last) > 2047 || !strings.HasSuffix(last, ": Is a directory\n") {
		t.Errorf("long refusal of %d bytes: %q", len(last), last)
	}
}

func TestWriterRefuses(t *testing.T) {
	var out bytes.Buffer
	w := scpio.NewWriter(&out)
	for _, name := range []string{"", ".", "..", "a/b", "a\nb", "a\x00b", strings.Repeat("n", 2040)} {
		if err := w.WriteC(0o644, 1, name); !errors.Is(err, scpio.ErrUnsendable) {
			t.Errorf("C %.20q: got %v", name, err)
		}
		if err := w.WriteD(0o644, name); !errors.Is(err, scpio.ErrUnsendable) || errors.Is(err, scpio.ErrDesync) {
			t.Errorf("D %.20q: got %v", name, err)
		}
	}
	if err := w.WriteC(0o644, -1, "f"); !errors.Is(err, scpio.ErrUnsendable) {
		t.Errorf("negative size: got %v", err)
	}
	if err := w.Flush(); err != nil || out.Len() > 0 {
		t.Errorf("wrote %q, %v", out.String(), err)
	}
}

func TestPrintable(t *testing.T) {
	for _, tt := range []struct {
		in    string
		limit int
		want  string
	}{
		{"naïve 日本", 99, "naïve 日本"},
		{"a\r\n\t\x1b\x7f\x00", 99, `a\x0d\x0a\x09\x1b\x7f\x00`},
		{"\xff\xc3", 99, `\xff\xc3`},
		{"\u009b31m\u202e", 99, `\u009b31m\u202e`},
		{"0123456789", 10, "0123456789"},
		{"0123456789a", 10, "012...789a"},
		{"日本日本日本", 10, "日...本"},
	} {
		if got := scpio.Printable(tt.in, tt.limit); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.in, got, tt.want)
		}
	}
}
