package scpio_test

import (
	"bufio"
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/scpfs/scpfs/scpio"
)

// FuzzRecord checks that what is accepted is safe, and is the same when it is
// sent and read again.
func FuzzRecord(f *testing.F) {
	for _, seed := range []string{
		"C0644 6 a\n", "D02755 0  d \n", "E\n", "T1 2 3 4\n", "T18446744073709465216 0 0 0\n", "\x01scp: x\n", "Hi\n", "C0644 1 ..\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		rec, err := newReader(string(in)).Next()
		if err != nil {
			return
		}
		var out bytes.Buffer
		w := scpio.NewWriter(&out)
		if err := errors.Join(writeRecord(w, rec), w.Flush()); err != nil {
			if len(rec.Name) < 1900 {
				t.Fatalf("%+v: %v", rec, err)
			}
			return
		}
		again, err := newReader(out.String()).Next()
		if err != nil || !sameRecord(again, rec) {
			t.Errorf("got %+v, %v, want %+v", again, err, rec)
		}
	})
}

func writeRecord(w *scpio.Writer, rec scpio.Record) error {
	switch rec.Kind {
	case scpio.KindFile:
		return w.WriteC(rec.Mode, rec.Size, rec.Name)
	case scpio.KindDir:
		return w.WriteD(rec.Mode, rec.Name)
	case scpio.KindEnd:
		return w.WriteE()
	case scpio.KindTimes:
		return w.WriteT(rec.Mtime, rec.Atime)
	}
	return w.WriteRefusal(rec.Kind == scpio.KindFatal, rec.Text)
}

// sameRecord allows for what is lost on the way: times before 1970 and the
// middle of long texts.
func sameRecord(got, want scpio.Record) bool {
	if want.Mtime.Unix() < 0 || want.Atime.Unix() < 0 {
		return got.Kind == want.Kind
	}
	want.Text = scpio.Printable(want.Text, 2045)
	return got == want
}

func FuzzReply(f *testing.F) {
	for _, seed := range []string{"\x00", "\x01scp: \x1b[2J\n", "\x02\xff\n", "x"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		err := newReader(string(in)).ReadReply()
		if err == nil && in[0] != 0 {
			t.Errorf("consent from %q", in)
		}
		if err == nil {
			return
		}
		bad := func(r rune) bool { return !unicode.IsPrint(r) }
		if text := err.Error(); len(text) > 5000 || strings.ContainsFunc(text, bad) {
			t.Errorf("error text %q", text)
		}
	})
}

// FuzzReadFile checks that an error that leaves the stream in step really does:
// what stands behind the file is read next.
func FuzzReadFile(f *testing.F) {
	for _, seed := range []string{"C0644 3 f\nabc\x00", "T1 0 1 0\nC0644 0 f\n\x01bad\n", "\x01no\n", "C0644 9 f\nabc"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		br := bufio.NewReader(bytes.NewReader(in))
		var got bytes.Buffer
		rec, err := scpio.NewReader(br).ReadFile("f", keepIn(&got))
		if errors.Is(err, scpio.ErrDesync) {
			return
		}
		rest := br.Buffered()
		used := in[:len(in)-rest]
		if err == nil && (int64(got.Len()) != rec.Size || used[len(used)-1] != 0) {
			t.Errorf("%q: got %d of %d bytes", used, got.Len(), rec.Size)
		}
		if err != nil && used[len(used)-1] != '\n' {
			t.Errorf("%q: %v in the middle of a line", used, err)
		}
	})
}

// FuzzReceive is a hostile source: nothing may be written that was not asked
// for, or outside, and nothing may be left behind.
func FuzzReceive(f *testing.F) {
	for _, seed := range []string{
		"C0644 3 f\nabc\x00", "T1 0 1 0\nD0755 0 f\nC0600 1 a\nx\x00E\n", "C0644 3 f\nab", "\x01no\n", "D0755 0 ..\nE\n",
		"D0755 0 f\nD0755 0 out\nC0644 1 x\nx\x00E\nE\n", "C0644 1 f\nx\x01bad\n", "C0644 1 f\nx\x00C0644 1 g\ny\x00",
	} {
		for flags := range byte(8) {
			f.Add(flags, []byte(seed))
		}
	}
	f.Fuzz(func(t *testing.T, flags byte, says []byte) {
		dir := fuzzDir(t)
		rw := newScriptedPeer(string(says))
		o := scpio.TargetOptions{Preserve: flags&1 != 0, InPlace: flags&2 != 0}
		err := scpio.Receive(t.Context(), rw, scpio.NewLocalDir(openRoot(t, dir+"/to"), o),
			scpio.ReceiveOptions{Names: []string{"f"}, Recursive: true, Acked: flags&4 != 0})
		got := namesIn(t, dir+"/to")
		if !slices.Equal(got, []string{"out"}) && !slices.Equal(got, []string{"f", "out"}) {
			t.Errorf("written: %q (%v)", got, err)
		}
		if flags&4 != 0 && rw.said.Len() > 0 {
			t.Errorf("said %q", rw.said.String())
		}
		checkFuzzDir(t, dir)
	})
}

// FuzzServe is a hostile client: what it says may only change what its command
// named.
func FuzzServe(f *testing.F) {
	for _, seed := range []string{
		"C0644 3 f\nabc\x00", "T1 0 1 0\nD0755 0 d\nC0600 1 a\nx\x00E\nE\n", "C0644 3 out\nabc\x00", "D0755 0 out\nC0644 1 x\nx\x00E\n",
		"\x00\x00\x00\x00", "\x00\x01no\n\x00", "\x02bye\n", "C0644 1 /x\n",
	} {
		for flags := range byte(8) {
			f.Add(flags, []byte(seed))
		}
	}
	f.Fuzz(func(t *testing.T, flags byte, says []byte) {
		dir := fuzzDir(t)
		cmd := scpio.ServerCommand{Source: flags&1 != 0, Recursive: flags&2 != 0, Preserve: flags&4 != 0, Paths: []string{"to"}}
		rw := newScriptedPeer(string(says))
		cmd.Serve(t.Context(), rw, rw, dir)
		if cmd.Source && !slices.Equal(namesIn(t, dir+"/to"), []string{"out"}) {
			t.Errorf("a source has written: %q", namesIn(t, dir+"/to"))
		}
		checkFuzzDir(t, dir)
	})
}

// fuzzDir makes a target with a link that leads out of it, to something that
// must not change.
func fuzzDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	err := errors.Join(os.Mkdir(dir+"/to", 0o755), os.Mkdir(dir+"/canary", 0o700), os.Symlink("../canary", dir+"/to/out"))
	if err != nil {
		t.Fatal(err)
	}
	putFile(t, dir+"/canary/x", "alive")
	return dir
}

func checkFuzzDir(t *testing.T, dir string) {
	t.Helper()
	if got := namesIn(t, dir); !slices.Equal(got, []string{"canary", "to"}) {
		t.Errorf("written outside: %q", got)
	}
	info, err := os.Stat(dir + "/canary")
	if err != nil || info.Mode().Perm() != 0o700 || getFile(t, dir+"/canary/x") != "alive" {
		t.Errorf("changed outside: %v, %v", info.Mode(), err)
	}
	filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if strings.HasPrefix(e.Name(), ".scpfs-") {
			t.Errorf("left behind: %s", path)
		}
		if err == nil && e.IsDir() {
			return os.Chmod(path, 0o700) // for an ordinary user to clean up
		}
		return nil
	})
}
