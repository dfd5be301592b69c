package cache_test

import (
	"context"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scpfs/scpfs/cache"
	"github.com/scpfs/scpfs/cache/cachetest"
)

func TestFlush(t *testing.T) {
	w := newWorld(t)
	h := w.create("f")
	w.write(h, "text", 0)
	w.wantNames("") // not yet
	w.flush(h)
	w.wantThere("f", "text")
	w.fake.Reset()
	w.flush(h)
	w.wantCalls("a flush of what is clean", "")
	h.Release()
	w.want("f", "text")
	w.wantCalls("reading what was written", "")
	w.wantLogged(0)
}

func TestReadersDoNotFlush(t *testing.T) {
	w := newWorld(t)
	h := w.create("f")
	defer h.Release()
	w.write(h, "text", 0)
	r := w.openFile("f", os.O_RDONLY)
	defer r.Release()
	w.flush(r)
	w.wantNames("")
	if err := r.Fsync(t.Context()); err != nil {
		t.Error(err)
	}
	w.wantThere("f", "text")
}

// The record is there before the first byte is.
func TestRecordComesFirst(t *testing.T) {
	w := newWorld(t)
	w.put("f", "old")
	h := w.openFile("f", os.O_RDWR)
	defer h.Release()
	w.wantLogged(0)
	w.write(h, "n", 0)
	w.wantLogged(1)
	w.flush(h)
	w.wantLogged(0)

	g := w.openFile("f", os.O_RDWR|os.O_TRUNC)
	defer g.Release()
	w.wantLogged(1)
}

func TestFailedFlushStaysDirty(t *testing.T) {
	w := newWorld(t)
	w.put("f", "old")
	h := w.openFile("f", os.O_RDWR)
	defer h.Release()
	w.write(h, "new", 0)
	for _, want := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EACCES, syscall.ENOTCONN} {
		w.host.On(cachetest.Hook{Method: "Store", Path: "f", Times: 1, Before: func(context.Context) error { return want }})
		wantErr(t, "flush", h.Flush(t.Context()), want)
		w.wantLogged(1)
		w.want("f", "new")
		w.wantThere("f", "old")
	}
	w.flush(h)
	w.wantThere("f", "new")
	w.wantLogged(0)
}

// What could not be stored at the last close stays here until the unmount,
// and after it.
func TestCloseTriesAgain(t *testing.T) {
	w := newWorld(t)
	w.host.Fail("Store", syscall.ENOTCONN)
	h := w.create("f")
	w.write(h, "text", 0)
	h.Release()
	w.want("f", "text")
	err := w.Close(context.Background())
	w.Cache = nil
	wantErr(t, "close", err, syscall.ENOTCONN)
	if unsent, ok := err.(interface{ Unwrap() []error }); !ok || len(unsent.Unwrap()) != 1 || !strings.Contains(err.Error(), "not sent") {
		t.Errorf("%v", err)
	}
	w.wantLogged(1)
	w.open()
	w.wantThere("f", "text")
	w.wantLogged(0)
	w.want("f", "text")
}

func TestWriteDuringStore(t *testing.T) {
	w := newWorld(t)
	h := w.create("f")
	w.write(h, "first", 0)
	w.host.On(cachetest.Hook{Method: "Store", Path: "f", Times: 1, During: func() { w.write(h, "later", 5) }})
	w.flush(h)
	w.wantThere("f", "first")
	w.wantLogged(1)
	w.flush(h)
	w.wantThere("f", "firstlater")
	h.Release()
	w.wantLogged(0)
}

// Who writes all the time does not keep another's flush from its end.
func TestFlushEndsWhileAnotherWrites(t *testing.T) {
	w := newWorld(t)
	h := w.create("f")
	defer h.Release()
	w.write(h, "x", 0)
	w.host.On(cachetest.Hook{Method: "Store", Path: "f", During: func() { w.write(h, "x", h.Attr().Size) }})
	w.flush(h)
	w.flush(h)
	if n := w.fake.Calls()["Store"]; n != 2 {
		t.Errorf("2 flushes made %d stores", n)
	}
	w.host.Clear()
}

func TestTruncateDuringStore(t *testing.T) {
	w := newWorld(t)
	h := w.create("f")
	defer h.Release()
	w.write(h, "a long text", 0)
	w.host.On(cachetest.Hook{Method: "Store", Path: "f", Times: 1, During: func() { w.make(h.Truncate(t.Context(), 2)) }})
	w.flush(h)
	w.wantThere("f", "a ")
}

func TestManyFlushAtOnce(t *testing.T) {
	w := newWorld(t)
	h := w.create("f")
	defer h.Release()
	w.write(h, "text", 0)
	there, release := w.host.Block("Store", "f")
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() { w.flush(h) })
	}
	<-there
	release()
	wg.Wait()
	if n := w.fake.Calls()["Store"]; n != 1 {
		t.Errorf("%d stores", n)
	}
}

func TestInterruptedFlush(t *testing.T) {
	w := newWorld(t)
	h := w.create("f")
	w.write(h, "text", 0)
	there, release := w.host.Block("Store", "f")
	defer release()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := h.Flush(ctx); err == nil {
			t.Error("an interrupted flush succeeded")
		}
	})
	<-there
	cancel()
	wg.Wait()
	w.wantLogged(1)
	h.Release() // stores in the background
	w.close()
	w.wantThere("f", "text")
}

func TestAttributesGoWithTheStore(t *testing.T) {
	w := newWorld(t)
	h := w.create("f")
	w.write(h, "text", 0)
	mode, mtime := uint32(0o4751), int64(1234567890123456789)
	a, err := w.Setattr(t.Context(), "f", h.Attr().Ino, cache.Change{Mode: &mode, Mtime: &mtime})
	if err != nil || a.Mode&07777 != mode || a.Mtime != mtime {
		t.Errorf("%+v, %v", a, err)
	}
	w.fake.Reset()
	w.flush(h)
	h.Release()
	w.wantCalls("one store", "Store 1")
	var st syscall.Stat_t
	w.make(syscall.Stat(w.path("f"), &st))
	if st.Mode&07777 != mode || st.Mtim.Nano() != mtime {
		t.Errorf("the host has mode %o, mtime %d", st.Mode, st.Mtim.Nano())
	}
	w.want("f", "text")
	w.wantCalls("reading it", "")
}

// The owner that a new file has anyway costs no request; another does.
func TestOwnOwnerGoesWithTheStore(t *testing.T) {
	for _, flags := range []int{os.O_RDWR, os.O_RDWR | os.O_EXCL} {
		uid, gid := uint32(os.Getuid()), uint32(os.Getgid())
		w := newWorld(t, func(o *cache.Options) { o.UID, o.GID = uid, gid })
		w.entries("")
		h, err := w.Create(t.Context(), "f", flags, 0o644)
		w.make(err)
		w.write(h, "text", 0)
		w.fake.Reset()
		if _, err := w.Setattr(t.Context(), "f", h.Attr().Ino, cache.Change{UID: &uid, GID: &gid}); err != nil {
			t.Fatal(err)
		}
		w.wantCalls("chown to the owner that it has", "")
		w.flush(h)
		h.Release()
		w.wantThere("f", "text")
	}
}

// What a program sets of a file that it has made exclusively, before it writes or
// without ever writing, the host gets with the store, and nobody misses it here.
func TestAttributesGoWithTheFirstStore(t *testing.T) {
	uid, gid, mode := uint32(os.Getuid()), uint32(os.Getgid()), uint32(0o640)
	for _, text := range []string{"", "text"} {
		w := newWorld(t, func(o *cache.Options) { o.UID, o.GID = uid, gid })
		w.entries("")
		h, err := w.Create(t.Context(), "f", os.O_RDWR|os.O_EXCL, 0o600)
		w.make(err)
		ino := h.Attr().Ino
		w.fake.Reset()
		_, err = w.Setattr(t.Context(), "f", ino, cache.Change{UID: &uid, GID: &gid})
		w.make(err)
		w.wantLogged(0)
		a, err := w.Setattr(t.Context(), "f", ino, cache.Change{Mode: &mode})
		w.make(err)
		w.wantCalls("its owner and its mode", "")
		w.wantLogged(1)
		if e := w.lookup("f"); a.Mode != syscall.S_IFREG|mode || e.Attr.Mode != a.Mode {
			t.Errorf("the mode is %o, and %o", a.Mode, e.Attr.Mode)
		}
		if text != "" {
			w.write(h, text, 0)
		}
		w.flush(h)
		w.wantCalls("all of it", "Store 1")
		if e := w.lookup("f"); w.lstat("f").Mode&07777 != mode || e.Attr.Mode != a.Mode {
			t.Errorf("the host has mode %o, we %o", w.lstat("f").Mode&07777, e.Attr.Mode)
		}
		other := uint32(0o600)
		_, err = w.Setattr(t.Context(), "f", ino, cache.Change{Mode: &other})
		w.make(err)
		w.wantCalls("the mode of what is stored", "Setattr 1")
		h.Release()
		w.wantThere("f", text)
		w.wantLogged(0)
	}
}

// An empty file that will be flushed once more is left to that; one with contents,
// or without another descriptor, is not.
func TestFlushLater(t *testing.T) {
	w := newWorld(t)
	w.put("f", "old")
	yes, no := func() bool { return true }, func() bool { return false }
	h := w.openFile("f", os.O_WRONLY|os.O_TRUNC)
	w.fake.Reset()
	if h.FlushLater(no) || !h.FlushLater(yes) {
		t.Error("another descriptor does not matter")
	}
	w.wantCalls("a flush that is left to another", "")
	w.wantThere("f", "old")
	w.write(h, "new", 0)
	if h.FlushLater(yes) {
		t.Error("contents are left to another flush")
	}
	w.flush(h)
	w.wantCalls("one with contents", "Store 1")
	h.Release()
	w.wantThere("f", "new")
	h = w.openFile("f", os.O_WRONLY|os.O_TRUNC)
	if !h.FlushLater(yes) {
		t.Error("the flush is not left to another")
	}
	h.Release() // there was none
	w.close()
	w.wantThere("f", "")
}

// What was left to another close, or to the first store, does not wait for it for
// ever: it may be a lock, or a log to which nothing is written for days.
func TestEmptyFileThatStaysOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.put("f", "old")
		h := w.openFile("f", os.O_WRONLY|os.O_TRUNC)
		if !h.FlushLater(func() bool { return true }) {
			t.Error("the flush is not left to another")
		}
		made, err := w.Create(t.Context(), "new", os.O_RDWR|os.O_EXCL, 0o600)
		w.make(err)
		mode := uint32(0o640)
		_, err = w.Setattr(t.Context(), "new", made.Attr().Ino, cache.Change{Mode: &mode})
		w.make(err)
		opened := w.create("unfinished") // and not flushed: its close will come
		time.Sleep(time.Minute)
		synctest.Wait()
		w.wantThere("f", "")
		w.wantNames("", "f", "new")
		if got := w.lstat("new").Mode & 07777; got != mode {
			t.Errorf("the host has mode %o", got)
		}
		w.write(h, "new", 0)
		for _, h := range []*cache.Handle{h, made, opened} {
			w.flush(h)
			h.Release()
		}
		w.wantThere("f", "new")
		w.close()
	})
}

// A time that is set must not hide that the host has other contents.
func TestSetTimeDoesNotHideForeignChange(t *testing.T) {
	w := newWorld(t)
	w.put("f", "old")
	h := w.openFile("f", os.O_RDWR)
	defer h.Release()
	w.put("f", "new") // of the same size
	now := int64(1e18)
	if _, err := w.Setattr(t.Context(), "f", h.Attr().Ino, cache.Change{Mtime: &now}); err != nil {
		t.Fatal(err)
	}
	w.write(h, "our", 0)
	wantErr(t, "flush", h.Flush(t.Context()), syscall.ESTALE)
	w.wantThere("f", "new")
}

func TestTouchKeepsContents(t *testing.T) {
	w := newWorld(t)
	w.put("f", "text")
	h := w.openFile("f", os.O_RDWR)
	now := int64(1e18)
	if _, err := w.Setattr(t.Context(), "f", h.Attr().Ino, cache.Change{Mtime: &now}); err != nil {
		t.Fatal(err)
	}
	h.Release()
	w.fake.Reset()
	w.want("f", "text")
	w.wantCalls("reading it again", "")
}

func TestTruncateOfClosedFile(t *testing.T) {
	w := newWorld(t)
	w.put("f", "0123456789")
	ino := w.lookup("f").Attr.Ino
	a, err := w.Truncate(t.Context(), "f", ino, 4)
	if err != nil || a.Size != 4 {
		t.Errorf("%+v, %v", a, err)
	}
	w.put("f", "foreign")
	if a, err := w.Truncate(t.Context(), "f", ino, 3); err != nil || a.Size != 3 {
		t.Errorf("after a foreign change: %+v, %v", a, err)
	}
	w.want("f", "for")
}

func TestTruncateOfOpenFile(t *testing.T) {
	w := newWorld(t)
	w.put("f", "0123456789")
	h := w.openFile("f", os.O_RDWR)
	defer h.Release()
	for _, size := range []int64{4, 0, 3} {
		a, err := w.Truncate(t.Context(), "f", h.Attr().Ino, size)
		if err != nil || a.Size != size || h.Attr().Size != size {
			t.Errorf("%+v, %v; the handle has %d", a, err, h.Attr().Size)
		}
	}
	w.wantThere("f", "\x00\x00\x00")
}

func TestAppend(t *testing.T) {
	w := newWorld(t)
	w.put("f", "one")
	a := w.openFile("f", os.O_WRONLY|os.O_APPEND)
	b := w.openFile("f", os.O_WRONLY|os.O_APPEND)
	w.write(a, "two", 0)
	w.write(b, "three", 0)
	a.Release()
	b.Release()
	w.want("f", "onetwothree")
	w.close()
	w.wantThere("f", "onetwothree")
}

func TestCopyRangeIsMadeOnTheHost(t *testing.T) {
	w := newWorld(t)
	text := strings.Repeat("0123456789", 1000)
	w.put("from", text)
	from := w.openFile("from", os.O_RDONLY)
	defer from.Release()
	for _, name := range []string{"whole", "pieces"} {
		to := w.create(name)
		for off := int64(0); off < int64(len(text)); {
			piece := int64(len(text))
			if name == "pieces" {
				piece = 4096
			}
			n, err := from.CopyRange(t.Context(), off, to, off, piece)
			if err != nil || n == 0 {
				t.Fatalf("%d, %v", n, err)
			}
			off += n
		}
		sent := false
		w.host.On(cachetest.Hook{Method: "Store", Path: name, Times: 1, During: func() { sent = true }})
		w.flush(to)
		to.Release()
		if sent {
			t.Errorf("%s: the contents were sent", name)
		}
		w.wantThere(name, text)
		w.want(name, text)
	}
}

// If the original is not there any more as it was, the contents are sent.
func TestCopyRangeOfWhatChanged(t *testing.T) {
	for what, change := range map[string]func(w *world){
		"replaced":     func(w *world) { w.replace("from", "foreign") },
		"removed":      func(w *world) { w.make(os.Remove(w.path("from"))) },
		"copy changed": func(w *world) { w.write(w.openFile("to", os.O_RDWR), "T", 0) },
	} {
		w := newWorld(t)
		w.put("from", "text")
		from, to := w.openFile("from", os.O_RDONLY), w.create("to")
		if n, err := from.CopyRange(t.Context(), 0, to, 0, 100); n != 4 || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
		want := "text"
		if what == "copy changed" {
			want = "Text"
		}
		change(w)
		w.flush(to)
		w.wantThere("to", want)
	}
}

func TestCopyRangeWithin(t *testing.T) {
	w := newWorld(t)
	h := w.create("f")
	defer h.Release()
	w.write(h, "0123456789", 0)
	if n, err := h.CopyRange(t.Context(), 0, h, 10, 5); n != 5 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	w.flush(h)
	w.wantThere("f", "012345678901234")
}
