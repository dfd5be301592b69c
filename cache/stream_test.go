package cache_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/scpfs/scpfs/cache"
	"github.com/scpfs/scpfs/cache/cachetest"
)

// pattern is text of a size in which no two blocks are the same.
func pattern(size int) string {
	var b strings.Builder
	for i := 0; b.Len() < size; i++ {
		b.WriteString(strings.Repeat(string(rune('a'+i%26)), 50+i%977))
	}
	return b.String()[:size]
}

const large = 6 << 20

// readAt reads from an open file.
func (w *world) readAt(h *cache.Handle, off int64, size int) string {
	w.t.Helper()
	b := make([]byte, size)
	n, err := h.ReadAt(context.Background(), b, off)
	if err != nil {
		w.t.Fatalf("ReadAt %d: %v", off, err)
	}
	return string(b[:n])
}

// onDisk is how much of contents the local disk has, in bytes.
func (w *world) onDisk() int64 {
	w.t.Helper()
	var n int64
	for _, name := range w.objects() {
		var st syscall.Stat_t
		w.make(syscall.Stat(name, &st))
		n += st.Blocks * 512
	}
	return n
}

func TestLargeFileComesAsItIsRead(t *testing.T) {
	w := newWorld(t)
	text := pattern(large)
	w.put("f", text)
	w.lookup("f")
	w.fake.Reset()
	h := w.openFile("f", os.O_RDONLY)
	w.wantCalls("open", "")
	for _, off := range []int64{large - 4096, 0} {
		if w.readAt(h, off, 4096) != text[off:off+4096] {
			t.Errorf("wrong bytes at %d", off)
		}
	}
	h.Release()
	if n := w.onDisk(); n > 2<<20 {
		t.Errorf("%d bytes were fetched for 8 KiB", n)
	}
	w.fake.Reset()
	w.remount()
	w.lookup("f")
	w.fake.Reset()
	h = w.openFile("f", os.O_RDONLY)
	defer h.Release()
	if w.readAt(h, large-4096, 4096)+w.readAt(h, 0, 4096) != text[large-4096:]+text[:4096] {
		t.Error("wrong bytes after a remount")
	}
	w.wantCalls("what was here before the remount", "")
	if contents(h) != text {
		t.Error("the whole has other contents")
	}
}

func TestLargeFileChangesWhileItIsRead(t *testing.T) {
	for name, change := range map[string]func(w *world, text string){
		"contents":   func(w *world, text string) { w.put("f", text) },
		"attributes": func(w *world, _ string) { w.make(os.Chmod(w.path("f"), 0o600)) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			text, other := pattern(large), strings.ToUpper(pattern(large))
			w.put("f", text)
			h := w.openFile("f", os.O_RDONLY)
			defer h.Release()
			if w.readAt(h, 0, 4096) != text[:4096] {
				t.Error("wrong bytes")
			}
			w.host.On(cachetest.Hook{Method: "FetchRange", Path: "f", Times: 1, During: func() { change(w, other) }})
			if name == "attributes" {
				other = text
			}
			if w.readAt(h, large-4096, 4096); contents(h) != other {
				t.Error("the contents are not those of the new version")
			}
			if name == "attributes" && h.Attr().Mode&0o777 != 0o600 {
				t.Errorf("mode %o", h.Attr().Mode)
			}
		})
	}
}

func TestLargeFileIsRemovedWhileItIsRead(t *testing.T) {
	w := newWorld(t)
	text := pattern(large)
	w.put("f", text)
	h := w.openFile("f", os.O_RDONLY)
	defer h.Release()
	w.readAt(h, 0, 4096)
	w.make(w.Unlink(t.Context(), "f"))
	if contents(h) != text {
		t.Error("other contents after the file was removed")
	}
}

func TestWriteToLargeFile(t *testing.T) {
	w := newWorld(t)
	text := pattern(large)
	w.put("f", text)
	h := w.openFile("f", os.O_RDWR)
	defer h.Release()
	w.write(h, "HEAD", 0)
	w.flush(h)
	w.wantThere("f", "HEAD"+text[4:])
}

// A file that is cut short need not be here behind the cut.
func TestTruncateLargeFile(t *testing.T) {
	w := newWorld(t)
	text := pattern(large)
	w.put("f", text)
	h := w.openFile("f", os.O_RDWR)
	defer h.Release()
	w.make(h.Truncate(t.Context(), 4096))
	if n := w.onDisk(); n > 2<<20 {
		t.Errorf("%d bytes were fetched for 4096", n)
	}
	w.flush(h)
	w.wantThere("f", text[:4096])
	w.make(h.Truncate(t.Context(), 8192))
	w.flush(h)
	w.wantThere("f", text[:4096]+strings.Repeat("\x00", 4096))
}

// The last close of a file that is not complete ends its transfers, and who
// reads can give up.
func TestTransferEndsWithItsReader(t *testing.T) {
	w := newWorld(t)
	w.put("f", pattern(large))
	arrived, release := w.host.Block("FetchRange", "f")
	defer release()
	h := w.openFile("f", os.O_RDONLY)
	ctx, cancel := context.WithCancel(t.Context())
	got := make(chan error)
	go func() {
		_, err := h.ReadAt(ctx, make([]byte, 4096), 0)
		got <- err
	}()
	<-arrived
	cancel()
	wantErr(t, "a read that was interrupted", <-got, syscall.EINTR)
	h.Release() // LeakCheck sees what goes on after it
}

func TestLargeFileCannotBeFetched(t *testing.T) {
	w := newWorld(t)
	w.put("f", pattern(large))
	h := w.openFile("f", os.O_RDWR)
	defer h.Release()
	w.host.Fail("FetchRange", syscall.EIO)
	_, err := h.ReadAt(t.Context(), make([]byte, 10), 0)
	wantErr(t, "a read", err, syscall.EIO)
	_, err = h.WriteAt(t.Context(), []byte("x"), 0)
	wantErr(t, "a write", err, syscall.EIO)
	w.wantLogged(0)
	w.host.Clear()
	if w.readAt(h, 0, 10) != pattern(10) {
		t.Error("wrong bytes")
	}
}

// A file that is larger than the cache is read through it, at random too, and
// what else is there stays.
func TestFileLargerThanTheCache(t *testing.T) {
	const size = 80 << 20
	w := newWorld(t, func(o *cache.Options) { o.Size = 64 << 20 })
	text := pattern(size)
	w.put("f", text)
	w.put("small", "text")
	w.want("small", "text")
	h := w.openFile("f", os.O_RDONLY)
	for off := int64(0); off < size; off += 1 << 20 {
		if w.readAt(h, off, 1<<20) != text[off:off+1<<20] {
			t.Fatalf("wrong bytes at %d", off)
		}
		if n := w.onDisk(); n > 48<<20 {
			t.Fatalf("%d bytes are on the disk", n)
		}
	}
	for off := int64(12345); off < size-4096; off += 7_654_321 {
		if w.readAt(h, off, 4096) != text[off:off+4096] {
			t.Fatalf("wrong bytes at %d", off)
		}
	}
	h.Release()
	w.fake.Reset()
	w.want("small", "text")
	if n := w.fake.Calls()["Fetch"]; n > 0 {
		t.Error("another file was fetched again")
	}
}

// Somebody who reads here and there leaves many ranges. They survive, and so
// does what the index says of other files.
func TestManyRangesAreKept(t *testing.T) {
	const size, step = 64 << 20, 256 << 10
	w := newWorld(t)
	w.put("f", "")
	w.make(os.Truncate(w.path("f"), size))
	w.age("f")
	h := w.openFile("f", os.O_RDONLY)
	for off := int64(step); off < size; off += step {
		w.readAt(h, off, 10)
	}
	h.Release()
	w.put("other", "text")
	w.remount()
	w.want("other", "text")
	w.remount()
	w.lookup("f")
	w.fake.Reset()
	h = w.openFile("f", os.O_RDONLY)
	defer h.Release()
	for off := int64(step); off < size; off += step {
		w.readAt(h, off, 10)
	}
	w.want("other", "text")
	w.wantCalls("what was here before", "")
}

// uploads looks at what is stored.
type uploads struct {
	cache.Remote
	last cache.Upload
}

func (u *uploads) Store(ctx context.Context, path string, up cache.Upload) (cache.Attr, error) {
	u.last = up
	return u.Remote.Store(ctx, path, up)
}

func TestOnlyWhatTheHostLacksIsSent(t *testing.T) {
	const size = 1 << 20
	w := newWorld(t)
	seen := &uploads{Remote: w.host.Remote}
	w.host.Remote = seen
	text := pattern(size)
	w.put("f", text)
	h := w.openFile("f", os.O_RDWR)
	defer h.Release()
	for _, step := range []struct {
		off  int64
		text string
		keep int64
	}{
		{size, "tail", size},
		{size + 4, "more", size + 4},
		{size - 10, "middle", size - 10},
		{0, "HEAD", 0},
	} {
		w.write(h, step.text, step.off)
		text = text[:step.off] + step.text + text[min(len(text), int(step.off)+len(step.text)):]
		w.flush(h)
		w.wantThere("f", text)
		if seen.last.Keep != step.keep {
			t.Errorf("after a write at %d the host was to keep %d bytes, want %d", step.off, seen.last.Keep, step.keep)
		}
	}
	w.make(h.Truncate(t.Context(), size/2))
	w.write(h, "end", size/2)
	w.flush(h)
	w.wantThere("f", text[:size/2]+"end")
	if seen.last.Keep != size/2 {
		t.Errorf("after a truncation the host was to keep %d bytes", seen.last.Keep)
	}
}

// A host that cannot copy what it has is sent everything.
func TestHostCannotKeep(t *testing.T) {
	w := newWorld(t)
	text := pattern(1 << 20)
	w.put("f", text)
	h := w.openFile("f", os.O_RDWR)
	defer h.Release()
	w.host.On(cachetest.Hook{Method: "Store", Path: "f", Times: 1, Before: func(context.Context) error { return syscall.EACCES }})
	w.write(h, "tail", 1<<20)
	w.flush(h)
	w.wantThere("f", text+"tail")

	// What is written during a store is not what the host has afterwards.
	w.host.On(cachetest.Hook{Method: "Store", Path: "f", Times: 1, During: func() { w.write(h, "X", 100) }})
	w.write(h, "tail", 1<<20+4)
	if err := h.Flush(t.Context()); err != nil && !errors.Is(err, syscall.ESTALE) {
		t.Fatal(err)
	}
	w.flush(h)
	w.wantThere("f", text[:100]+"X"+text[101:]+"tailtail")
}
