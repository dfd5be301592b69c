package cache_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/scpfs/scpfs/cache"
	"github.com/scpfs/scpfs/cache/cachetest"
	"github.com/scpfs/scpfs/scpio/scptest"
)

func size(n int64) func(*cache.Options) {
	return func(o *cache.Options) { o.Size = n }
}

// kept is how many bytes of contents are kept here.
func (w *world) kept() int64 {
	w.t.Helper()
	n := int64(0)
	for _, o := range w.objects() {
		st, err := os.Stat(o)
		w.make(err)
		n += st.Size()
	}
	return n
}

func TestEviction(t *testing.T) {
	w := newWorld(t, size(1000))
	for i := range 20 {
		w.put(fmt.Sprint("f", i), strings.Repeat("x", 100))
	}
	for i := range 20 {
		w.read(fmt.Sprint("f", i))
		w.read("f0") // the one in use all the time
	}
	if n := w.kept(); n > 1000 || n < 900 {
		t.Errorf("%d bytes are kept", n)
	}
	w.fake.Reset()
	w.read("f0")
	w.read("f19")
	w.wantCalls("what was used last", "")
	w.read("f1")
	w.wantCalls("what was used long ago", "Fetch 1")
	w.remount()
	if n := w.kept(); n > 1000 || n < 900 {
		t.Errorf("%d bytes are kept over an unmount", n)
	}
}

func TestOpenAndDirtyFilesAreNotEvicted(t *testing.T) {
	w := newWorld(t, size(100))
	w.put("f", strings.Repeat("x", 1000))
	for i := range 5 {
		w.put(fmt.Sprint(i), strings.Repeat("z", 90))
	}
	h := w.openFile("f", os.O_RDWR)
	g := w.create("g")
	w.write(g, strings.Repeat("y", 1000), 0)
	for i := range 5 {
		w.read(fmt.Sprint(i))
	}
	if contents(h) != strings.Repeat("x", 1000) || contents(g) != strings.Repeat("y", 1000) {
		t.Error("contents of an open file are gone")
	}
	w.flush(g)
	g.Release()
	h.Release()
	if n := w.kept(); n > 100 {
		t.Errorf("%d bytes are kept of closed files", n)
	}
	w.want("g", strings.Repeat("y", 1000))
}

// A file that is never going to fit can be read, and costs nothing of what is
// here.
func TestFileLargerThanTheDisk(t *testing.T) {
	w := newWorld(t)
	w.put("f", "text")
	w.put("huge", "")
	w.make(os.Truncate(w.path("huge"), 1<<42))
	w.age("huge")
	w.want("f", "text")
	h := w.openFile("huge", os.O_RDWR)
	defer h.Release()
	b := make([]byte, 4096)
	if n, err := h.ReadAt(t.Context(), b, 1<<41); n != len(b) || err != nil {
		t.Errorf("reading in the middle: %d, %v", n, err)
	}
	_, err := h.WriteAt(t.Context(), b, 0)
	wantErr(t, "writing, for which all of it must be here", err, syscall.ENOSPC)
	w.fake.Reset()
	w.want("f", "text")
	w.wantCalls("the other file", "")
}

func TestMinFree(t *testing.T) {
	w := newWorld(t, func(o *cache.Options) { o.MinFree = 1 << 60 })
	w.put("f", "text")
	_, err := w.tryOpen("f", os.O_RDONLY)
	wantErr(t, "a fetch", err, syscall.ENOSPC)
	h, err := w.Tmpfile(os.O_RDWR, 0o600)
	w.make(err)
	defer h.Release()
	_, err = h.WriteAt(t.Context(), []byte("x"), 0)
	wantErr(t, "a write", err, syscall.ENOSPC)
	w.wantLogged(0)
}

// smallDisk mounts a file system of a megabyte.
func smallDisk(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		scptest.Missing(t, "root", "only root can mount a file system")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m,mode=0700"); err != nil {
		scptest.Missing(t, "mount", err.Error())
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestFullDisk(t *testing.T) {
	disk := smallDisk(t)
	w := newWorld(t, func(o *cache.Options) { o.Dir = filepath.Join(disk, "cache") })
	w.put("g", "g")
	h := w.create("f")
	block := strings.Repeat("x", 64<<10)
	written := int64(0)
	for {
		n, err := h.WriteAt(t.Context(), []byte(block), written)
		written += int64(n)
		if err != nil {
			wantErr(t, "a write", err, syscall.ENOSPC)
			break
		}
		if written > 1<<20 {
			t.Fatalf("%d bytes went to a disk of a megabyte", written)
		}
	}
	if got := h.Attr().Size; got != written {
		t.Errorf("the file has %d bytes, %d were written", got, written)
	}
	// Nothing that is not logged may become dirty.
	if g, err := w.tryOpen("g", os.O_RDWR); err == nil {
		if _, err := g.WriteAt(t.Context(), []byte("G"), 0); err == nil {
			t.Error("a write succeeded on a full disk")
		}
		g.Release()
	}
	w.make(h.Truncate(t.Context(), written/2))
	w.flush(h)
	h.Release()
	w.want("g", "g")
	if w.there("f") != strings.Repeat("x", int(written/2)) {
		t.Error("the host has other contents")
	}
}

func TestModes(t *testing.T) {
	w := newWorld(t)
	h := w.create("f")
	defer h.Release()
	w.write(h, "secret", 0)
	w.make(filepath.WalkDir(w.o.Dir, func(path string, d fs.DirEntry, err error) error {
		w.make(err)
		st, err := d.Info()
		w.make(err)
		want := fs.FileMode(0o600)
		if d.IsDir() || strings.Contains(path, "/objects/") { // contents that were not sent
			want = 0o700
		}
		if st.Mode().Perm() != want {
			t.Errorf("%s has mode %o, want %o", path, st.Mode().Perm(), want)
		}
		return nil
	}))
}

// Names of the host never become local ones.
func TestHostileNames(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"..data", "a\nb", "\xff\xfe", strings.Repeat("n", 255), "index", "-rf"} {
		w.save(name, "text")
		w.remount()
		w.want(name, "text")
	}
	for _, o := range w.objects() {
		if strings.Trim(filepath.Base(o), "abcdefghijklmnopqrstuvwxyz234567") != "" {
			t.Errorf("an object is called %s", o)
		}
	}
}

func TestSecondMountHasItsOwnCache(t *testing.T) {
	w := newWorld(t)
	w.put("f", "text")
	w.want("f", "text")
	other := &world{t: t, dir: w.dir, o: w.o, said: &journal{}}
	other.open()
	defer other.close()
	if w.CacheDir() == other.CacheDir() {
		t.Fatal("both use", w.CacheDir())
	}
	other.want("f", "text")
	other.save("f", "from the other")
	w.wantThere("f", "from the other")
}

func TestMountFindsItsCacheAgain(t *testing.T) {
	w := newWorld(t)
	was := w.CacheDir()
	w.remount()
	if w.CacheDir() != was {
		t.Errorf("%s, was %s", w.CacheDir(), was)
	}
}

func TestCacheDirectoryThatCannotBe(t *testing.T) {
	w := closedWorld(t)
	w.put("file", "")
	w.o.Dir = w.path("file/below")
	if _, err := cache.Open(t.Context(), cachetest.NewDir(w.dir), w.o); err == nil {
		t.Error("a cache below a file was opened")
	}
}
