package cache_test

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func (w *world) index() string { return filepath.Join(w.o.Dir, "0", "index") }

// filled is a world with clean contents and an unsent change, closed.
func filled(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.put("clean", "clean contents")
	w.put("other", "other contents")
	w.read("clean")
	w.read("other")
	w.host.Fail("Store", syscall.ENOTCONN)
	h := w.create("dirty")
	w.write(h, "dirty contents", 0)
	h.Release()
	w.close()
	w.wantLogged(1)
	return w
}

func TestContentsSurviveUnmount(t *testing.T) {
	w := filled(t)
	w.open()
	w.lookup("clean")
	w.fake.Reset()
	w.want("clean", "clean contents")
	w.want("other", "other contents")
	w.want("dirty", "dirty contents")
	w.wantCalls("all of them", "")
	w.wantThere("dirty", "dirty contents")
}

// Whatever happens to the index, clean contents may have to be fetched again,
// and that is all.
func TestDamagedIndex(t *testing.T) {
	for name, damage := range map[string]func(b []byte) []byte{
		"empty":     func(b []byte) []byte { return nil },
		"truncated": func(b []byte) []byte { return b[:len(b)/2] },
		"one byte":  func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"zeros":     func(b []byte) []byte { return make([]byte, len(b)) },
		"garbage":   func(b []byte) []byte { return bytes.Repeat([]byte("\xff\x00{\n"), 10000) },
		"long line": func(b []byte) []byte { return bytes.Repeat([]byte("x"), 1<<20) },
		"twice":     func(b []byte) []byte { return append(b, b...) },
	} {
		t.Run(name, func(t *testing.T) {
			w := filled(t)
			b, err := os.ReadFile(w.index())
			w.make(err)
			w.make(os.WriteFile(w.index(), damage(b), 0o600))
			w.open()
			w.want("clean", "clean contents")
			w.want("other", "other contents")
			w.want("dirty", "dirty contents")
			w.wantThere("dirty", "dirty contents")
			if n := len(w.objects()); n != 3 {
				t.Errorf("%d objects, want 3", n)
			}
		})
	}
}

func TestIndexThatIsGone(t *testing.T) {
	w := filled(t)
	w.make(os.Remove(w.index()))
	w.open()
	w.want("clean", "clean contents")
	w.wantThere("dirty", "dirty contents")
}

// Objects that are gone, cut short or strange are not used.
func TestDamagedObjects(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"gone":      os.Remove,
		"cut short": func(path string) error { return os.Truncate(path, 3) },
		"longer":    func(path string) error { return os.Truncate(path, 300) },
		"directory": func(path string) error {
			if err := os.Remove(path); err != nil {
				return err
			}
			return os.Mkdir(path, 0o700)
		},
		"link": func(path string) error {
			if err := os.Remove(path); err != nil {
				return err
			}
			return os.Symlink("/etc/passwd", path)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.put("f", "contents")
			w.read("f")
			w.close()
			for _, o := range w.objects() {
				w.make(damage(o))
			}
			w.open()
			w.want("f", "contents")
		})
	}
}

// After a crash of the machine what was not known to be on the disk is not
// believed: the index says in which run of it it was written.
func TestOtherBoot(t *testing.T) {
	w := newWorld(t)
	w.put("clean", "clean contents")
	w.read("clean")
	w.save("twice", "1")
	w.save("twice", "2")
	ino := w.lookup("twice").Attr.Ino
	w.close()
	b, err := os.ReadFile(w.index())
	w.make(err)
	lines := strings.SplitAfter(string(b), "\n")
	if !strings.Contains(lines[0], "start") || !strings.Contains(lines[len(lines)-2], "clean") {
		t.Fatalf("the index begins with %q and ends with %q", lines[0], lines[len(lines)-2])
	}
	lines[0] = checked(`{"start":"another boot"}`)
	w.make(os.WriteFile(w.index(), []byte(strings.Join(lines, "")), 0o600))
	w.open()
	w.lookup("clean")
	w.fake.Reset()
	w.want("clean", "clean contents")
	w.wantCalls("after a clean unmount", "")
	w.close()

	b, err = os.ReadFile(w.index())
	w.make(err)
	lines = strings.SplitAfter(string(b), "\n")
	lines[0] = checked(`{"start":"another boot"}`)
	w.make(os.WriteFile(w.index(), []byte(strings.Join(lines[:len(lines)-2], "")), 0o600))
	w.open()
	w.lookup("clean")
	w.fake.Reset()
	w.want("clean", "clean contents")
	w.wantCalls("after a crash of the machine", "Fetch 1")
	if got := w.lookup("twice").Attr.Ino; got != ino {
		t.Errorf("inode number %d, was %d", got, ino)
	}
}

// The index does not grow without end.
func TestIndexIsCompacted(t *testing.T) {
	w := newWorld(t, size(10))
	for range 3000 {
		w.save("f", "0123456789abcdef")
	}
	st, err := os.Stat(w.index())
	w.make(err)
	if st.Size() > 1<<20 {
		t.Errorf("%d bytes", st.Size())
	}
}

// checked is a line with its checksum.
func checked(text string) string {
	return fmt.Sprintf("%08x %s\n", crc32.ChecksumIEEE([]byte(text)), text)
}
