package cache_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/scpfs/scpfs/cache"
	"github.com/scpfs/scpfs/cache/cachetest"
)

// appendThere appends to a file of the host behind the cache's back.
func (w *world) appendThere(name, more string) {
	w.t.Helper()
	f, err := os.OpenFile(w.path(name), os.O_WRONLY|os.O_APPEND, 0)
	w.make(err)
	_, err = f.WriteString(more)
	w.make(errors.Join(err, f.Close()))
}

// waitFor is for a state that comes by itself.
func (w *world) waitFor(what string, ok func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatal("it never came: ", what)
		}
	}
}

// noTimeouts has the host asked every time.
func noTimeouts(o *cache.Options) { o.Timeouts = cache.SameTimeouts(0) }

// sizeOf is what fstat(2) says of an open file.
func (w *world) sizeOf(path string, h *cache.Handle) int64 {
	w.t.Helper()
	a, err := w.Getattr(w.t.Context(), path, true, h.Attr().Ino)
	if err != nil {
		w.t.Fatal(err)
	}
	return a.Size
}

// TestGrowingFileIsExtended: who has a log open sees what is appended on the
// host, and only that is fetched.
func TestGrowingFileIsExtended(t *testing.T) {
	w := newWorld(t, noTimeouts)
	w.put("log", strings.Repeat("a line\n", 1000))
	h := w.openFile("log", os.O_RDONLY)
	defer h.Release()
	want := contents(h)
	w.fake.Reset()
	for range 3 {
		w.appendThere("log", "more\n")
		want += "more\n"
		w.waitFor("the new size", func() bool { return w.sizeOf("log", h) == int64(len(want)) })
		if got := contents(h); got != want {
			t.Fatalf("read %d bytes that end in %q, want %d", len(got), got[max(0, len(got)-20):], len(want))
		}
	}
	if n := w.fake.Calls()["Fetch"]; n != 0 {
		t.Errorf("the whole file was fetched %d times", n)
	}
}

// TestGrowingLargeFile: of a file whose contents are not all here what is missing
// stays missing, and can be read afterwards.
func TestGrowingLargeFile(t *testing.T) {
	w := newWorld(t, noTimeouts)
	text := strings.Repeat("0123456789abcdef", 100_000)
	w.put("log", text)
	h := w.openFile("log", os.O_RDONLY)
	defer h.Release()
	b := make([]byte, 10)
	if n, err := h.ReadAt(t.Context(), b, int64(len(text)-10)); n != 10 || err != nil {
		t.Fatal(n, err)
	}
	w.appendThere("log", "more\n")
	text += "more\n"
	w.waitFor("the new size", func() bool { return w.sizeOf("log", h) == int64(len(text)) })
	if contents(h) != text {
		t.Error("the contents are others")
	}
}

// TestFileThatGrowsAsFastAsItComes: who follows it keeps nobody from the file, and
// does not do so for ever.
func TestFileThatGrowsAsFastAsItComes(t *testing.T) {
	w := newWorld(t, noTimeouts)
	w.put("log", "line\n")
	h := w.openFile("log", os.O_RDONLY)
	defer h.Release()
	more := pattern(5 << 20)
	w.appendThere("log", more)
	var parts atomic.Int64
	begun := make(chan struct{})
	w.host.On(cachetest.Hook{Method: "FetchTail", Path: "log", Before: func(context.Context) error {
		if parts.Add(1) == 2 {
			close(begun)
		}
		if parts.Load() < 60 {
			w.appendThere("log", more)
		}
		return nil
	}})
	w.sizeOf("log", h)
	<-begun
	g, err := w.Open(t.Context(), "log", h.Attr().Ino, os.O_RDONLY)
	w.make(err)
	defer g.Release()
	if n := parts.Load(); n > 10 {
		t.Errorf("the open waited until %d parts had come", n)
	}
	w.waitFor("the end of it", func() bool { return parts.Load() >= 16 })
	time.Sleep(20 * time.Millisecond)
	if n := parts.Load(); n > 16 {
		t.Errorf("%d parts were fetched at once", n)
	}
}

// TestFileThatGrowsBeyondTheCache: its beginning makes room for what is appended,
// and can be read afterwards.
func TestFileThatGrowsBeyondTheCache(t *testing.T) {
	w := newWorld(t, noTimeouts, size(64<<20))
	text := pattern(80 << 20)
	w.put("log", text[:10])
	h := w.openFile("log", os.O_RDONLY)
	defer h.Release()
	w.appendThere("log", text[10:])
	w.waitFor("the new size", func() bool { return w.sizeOf("log", h) == int64(len(text)) })
	if n := w.onDisk(); n > 40<<20 {
		t.Errorf("%d bytes are on the disk", n)
	}
	w.fake.Reset()
	if end := int64(len(text)) - 4096; w.readAt(h, end, 4096) != text[end:] {
		t.Error("the end has other contents")
	}
	w.wantCalls("a read of the end", "")
	if w.readAt(h, 0, 4096) != text[:4096] {
		t.Error("the beginning has other contents")
	}
}

// TestRewrittenFileIsNotExtended: a file that became longer, but not by an
// append, keeps its contents for who has it open.
func TestRewrittenFileIsNotExtended(t *testing.T) {
	w := newWorld(t, noTimeouts)
	w.put("file", "the first version")
	h := w.openFile("file", os.O_RDONLY)
	defer h.Release()
	w.make(os.WriteFile(w.path("file"), []byte("quite another one, and longer"), 0o644))
	w.fake.Reset()
	w.sizeOf("file", h)
	w.waitFor("the end of the file was looked at", func() bool { return w.fake.Calls()["FetchTail"] == 1 })
	for range 3 {
		w.sizeOf("file", h)
		if got := contents(h); got != "the first version" {
			t.Fatalf("read %q", got)
		}
	}
	w.want("file", "quite another one, and longer")
}

// TestOpenFetchesWhatWasExtended: that a file only grew is not known for certain,
// so that the next open does not rely on it.
func TestOpenFetchesWhatWasExtended(t *testing.T) {
	w := newWorld(t, noTimeouts)
	w.put("log", "a"+strings.Repeat("-", 10_000))
	h := w.openFile("log", os.O_RDONLY)
	defer h.Release()
	changed := "b" + strings.Repeat("-", 10_000) + "+" // nobody can tell by its end
	w.make(os.WriteFile(w.path("log"), []byte(changed), 0o644))
	w.waitFor("the new size", func() bool { return w.sizeOf("log", h) == int64(len(changed)) })
	w.want("log", changed)
}

// TestWriteToExtendedFile: what is written is based on the version that was
// opened, so that the host's is not overwritten.
func TestWriteToExtendedFile(t *testing.T) {
	w := newWorld(t, noTimeouts, func(o *cache.Options) { o.Conflict = cache.Fail })
	w.put("log", "one\n")
	h := w.openFile("log", os.O_RDWR)
	defer h.Release()
	w.appendThere("log", "two\n")
	w.waitFor("the new size", func() bool { return w.sizeOf("log", h) == 8 })
	w.write(h, "ONE", 0)
	wantErr(t, "flush", h.Flush(t.Context()), syscall.ESTALE)
	w.wantThere("log", "one\ntwo\n")
}
