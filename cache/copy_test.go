package cache_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/scpfs/scpfs/cache"
	"github.com/scpfs/scpfs/cache/cachetest"
)

// copyAll makes a new file a copy of one that is open, and closes it. It reports
// whether the contents were sent.
func (w *world) copyAll(from *cache.Handle, name string) (sent bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 30*time.Second)
	defer cancel()
	to := w.create(name)
	defer to.Release()
	for off := int64(0); ; {
		n, err := from.CopyRange(ctx, off, to, off, 1<<30)
		if err != nil {
			w.t.Fatalf("a copy from %d on: %v", off, err)
		}
		if n == 0 {
			break
		}
		off += n
	}
	w.host.On(cachetest.Hook{Method: "Store", Path: name, Times: 1, During: func() { sent = true }})
	w.flush(to)
	return sent
}

// TestCopyOfMapped: what a mapping has written to the original is in the copy,
// also on the host, although nobody has noticed it.
func TestCopyOfMapped(t *testing.T) {
	w := newWorld(t)
	text := strings.Repeat("a", 1000)
	w.put("f", text)
	h, fd := w.lend("f", os.O_RDWR)
	_, err := unix.Pwrite(fd, []byte("MAPPED"), 0)
	w.make(err)
	w.copyAll(h, "copy")
	want := "MAPPED" + text[6:]
	w.wantThere("copy", want)
	w.want("copy", want)
	giveBack(h)
	w.wantSoon("the original is stored, too", func() bool { return w.there("f") == want && len(w.logged()) == 0 })
}

// TestCopyOfExtended: a file that was taken for one that only grew is copied as
// the host has it, and so it is here.
func TestCopyOfExtended(t *testing.T) {
	w := newWorld(t, noTimeouts)
	w.put("log", "a"+strings.Repeat("-", 10_000))
	h := w.openFile("log", os.O_RDONLY)
	defer h.Release()
	changed := "b" + strings.Repeat("-", 10_000) + "+" // nobody can tell by its end
	w.put("log", changed)
	w.waitFor("the new size", func() bool { return w.sizeOf("log", h) == int64(len(changed)) })
	if w.copyAll(h, "copy") {
		t.Error("the contents were sent")
	}
	w.wantThere("copy", changed)
	w.want("copy", changed)
	w.remount()
	w.want("copy", changed)
}

// TestCopyOfExtendedThatIsGone: if it cannot be fetched anew then what is here is
// what is copied.
func TestCopyOfExtendedThatIsGone(t *testing.T) {
	w := newWorld(t, noTimeouts)
	w.put("log", "a"+strings.Repeat("-", 10_000))
	h := w.openFile("log", os.O_RDONLY)
	defer h.Release()
	w.put("log", "b"+strings.Repeat("-", 10_000)+"+")
	w.waitFor("the new size", func() bool { return w.sizeOf("log", h) == 10_002 })
	w.replace("log", "another file")
	want := contents(h)
	w.copyAll(h, "copy")
	w.wantThere("copy", want)
	w.want("copy", want)
}

// TestCopyOfRacy: contents that were fetched in the tick of the clock in which
// they were written may be older than what the host has under the same version.
func TestCopyOfRacy(t *testing.T) {
	for name, text := range map[string]string{"small": "text", "large": pattern(large)} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.put("f", text)
			future := time.Now().Add(time.Hour)
			w.make(os.Chtimes(w.path("f"), future, future))
			h := w.openFile("f", os.O_RDONLY)
			defer h.Release()
			if !w.copyAll(h, "copy") {
				t.Error("the host has copied it")
			}
			w.wantThere("copy", text)
		})
	}
}

// TestCopyOfFileLargerThanTheCache: what is copied passes through the cache. The
// host copies it nonetheless.
func TestCopyOfFileLargerThanTheCache(t *testing.T) {
	w := newWorld(t, size(64<<20))
	text := pattern(80 << 20)
	w.put("f", text)
	h := w.openFile("f", os.O_RDONLY)
	defer h.Release()
	if w.copyAll(h, "copy") {
		t.Error("the contents were sent")
	}
	if w.there("copy") != text {
		t.Error("the copy has other contents")
	}
}

// TestTruncateFileLargerThanTheCache: what is left of it is all here then.
func TestTruncateFileLargerThanTheCache(t *testing.T) {
	w := newWorld(t, size(64<<20))
	text := pattern(80 << 20)
	w.put("f", text)
	h := w.openFile("f", os.O_RDWR)
	defer h.Release()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := h.Truncate(ctx, 70<<20); err != nil {
		t.Fatal(err)
	}
	w.flush(h)
	if w.there("f") != text[:70<<20] {
		t.Error("other contents")
	}
}
