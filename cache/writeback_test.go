package cache_test

import (
	"context"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/scpfs/scpfs/cache"
	"github.com/scpfs/scpfs/cache/cachetest"
)

func writeBack(o *cache.Options) { o.WriteBack = true }

// away makes the host unreachable, for everything that changes something.
func (w *world) away() {
	for _, method := range []string{"Store", "Mkdir", "Symlink", "Rename", "Setattr", "Remove", "Rmdir", "Create", "Link", "Truncate"} {
		w.host.Fail(method, syscall.ENOTCONN)
	}
}

// sent waits until the host has everything.
func (w *world) sent() {
	w.t.Helper()
	w.eventually("everything is sent", func() bool { return len(w.logged()) == 0 })
}

// eventually waits for something that nothing announces.
func (w *world) eventually(what string, ok func() bool) {
	w.t.Helper()
	for until := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			w.t.Fatalf("not within a minute: %s; unsent: %q", what, w.logged())
		}
	}
}

// TestBacklogIsShown: what waits for the host is there for who looks, in every
// way, and what the host has is not touched.
func TestBacklogIsShown(t *testing.T) {
	w := newWorld(t, writeBack)
	w.put("old", "text")
	w.put("gone", "text")
	w.away()
	ctx := context.Background()
	made, err := w.Mkdir(ctx, "d", 0o750)
	w.make(err)
	w.save("d/file", "new")
	_, err = w.Symlink(ctx, "file", "d/link")
	w.make(err)
	_, err = w.Mkdir(ctx, "d/sub", 0o755)
	w.make(err)
	w.make(w.Unlink(ctx, "gone"))
	w.save("old", "changed")

	for name, want := range map[string][]string{"": {"d", "old"}, "d": {"file", "link", "sub"}, "d/sub": nil} {
		got := w.entries(name)
		if len(got) != len(want) {
			t.Errorf("%q lists %v, want %q", name, got, want)
		}
		for _, n := range want {
			if _, ok := got[n]; !ok {
				t.Errorf("%q has no %q", name, n)
			}
		}
	}
	w.want("d/file", "new")
	w.want("old", "changed")
	if e := w.lookup("d"); e.Attr.Ino != made.Attr.Ino || e.Attr.Mode != syscall.S_IFDIR|0o750 || e.Attr.Nlink != 3 {
		t.Errorf("d is %+v", e.Attr)
	}
	if target, err := w.Readlink(ctx, "d/link"); target != "file" || err != nil {
		t.Errorf("the link points to %q, %v", target, err)
	}
	_, err = w.Lookup(ctx, "gone")
	wantErr(t, "Lookup of what was removed", err, syscall.ENOENT)
	_, err = w.Mkdir(ctx, "d", 0o755)
	wantErr(t, "Mkdir of what is there", err, syscall.EEXIST)
	_, err = w.Symlink(ctx, "x", "d/file")
	wantErr(t, "Symlink of what is there", err, syscall.EEXIST)
	_, err = w.Link(ctx, "old", w.lookup("old").Attr.Ino, "another")
	wantErr(t, "Link while the host is away", err, syscall.ENOTCONN)
	w.wantNames("", "gone", "old")

	w.host.Clear()
	w.sent()
	w.wantNames("", "d", "old")
	w.wantNames("d", "file", "link", "sub")
	w.wantThere("d/file", "new")
	w.wantThere("old", "changed")
	if e := w.lookup("d"); e.Attr.Ino != made.Attr.Ino {
		t.Errorf("d has the number %d now, and had %d", e.Attr.Ino, made.Attr.Ino)
	}
}

// TestCloseDoesNotWait: a close returns when the change is durable here, and a
// mount that dies then has lost nothing.
func TestBacklogSurvives(t *testing.T) {
	w := newWorld(t, writeBack)
	w.put("old", "text")
	w.away()
	ctx := context.Background()
	_, err := w.Mkdir(ctx, "d", 0o755)
	w.make(err)
	w.save("d/a", "1")
	w.save("old", "2")
	w.save("tmp", "3")
	w.make(w.Rename(ctx, "tmp", "d/b", 0))
	time := int64(1e18)
	_, err = w.Setattr(ctx, "d", w.lookup("d").Attr.Ino, cache.Change{Mtime: &time})
	w.make(err)
	w.close()
	w.open()
	w.sent()
	w.wantNames("", "d", "old")
	w.wantNames("d", "a", "b")
	w.wantThere("d/a", "1")
	w.wantThere("d/b", "3")
	w.wantThere("old", "2")
	if st, err := os.Stat(w.path("d")); err != nil || st.ModTime().UnixNano() != time {
		t.Errorf("d has the time %v, %v", st.ModTime(), err)
	}
}

// TestBacklogMerges: what undoes itself is not sent, and what is saved again
// is sent once.
func TestBacklogMerges(t *testing.T) {
	w := newWorld(t, writeBack)
	w.put("target", "old")
	w.lookup("target")
	held, release := w.host.Block("Mkdir", "first")
	ctx := context.Background()
	_, err := w.Mkdir(ctx, "first", 0o755)
	w.make(err)
	<-held
	w.fake.Reset()
	w.save("passing", "x")
	w.make(w.Unlink(ctx, "passing"))
	for _, text := range []string{"1", "2", "3"} {
		w.save("again", text)
	}
	w.save("target.tmp", "new")
	w.make(w.Rename(ctx, "target.tmp", "target", 0))
	release()
	w.sent()
	w.wantCalls("what was left of it", "Batch 2, Mkdir 1, Store 2")
	w.wantNames("", "again", "first", "target")
	w.wantThere("again", "3")
	w.wantThere("target", "new")
}

// TestFlushedIsKept: what was closed reaches the host as it was then, though
// somebody has begun to write to it again.
func TestFlushedIsKept(t *testing.T) {
	w := newWorld(t, writeBack)
	held, release := w.host.Block("Store", "f")
	w.save("f", "first")
	<-held
	h := w.openFile("f", os.O_RDWR)
	w.write(h, "SE", 0)
	if got := contents(h); got != "SErst" {
		t.Errorf("the file has %q", got)
	}
	release()
	for until := time.Now().Add(time.Minute); time.Now().Before(until); time.Sleep(time.Millisecond) {
		if _, err := os.Stat(w.path("f")); err == nil {
			break
		}
	}
	w.wantThere("f", "first")
	w.flush(h)
	h.Release()
	w.sent()
	w.wantThere("f", "SErst")
	w.wantNames("", "f")
}

// TestBacklogSurvivesRewriting: the same when the mount dies while the file is
// written to again.
func TestBacklogSurvivesRewriting(t *testing.T) {
	w := newWorld(t, writeBack)
	w.away()
	w.save("f", "first")
	h := w.openFile("f", os.O_WRONLY|os.O_TRUNC)
	w.write(h, "half", 0)
	w.close()
	w.open()
	w.sent()
	w.wantThere("f", "first")
	w.wantThere(w.only("f.recovered-"), "half")
}

// TestErrorOfTheBackground is told at the next close, once, and by fsync.
func TestErrorOfTheBackground(t *testing.T) {
	w := newWorld(t, writeBack)
	w.host.Fail("Store", syscall.ENOSPC)
	h := w.create("f")
	defer h.Release()
	w.write(h, "text", 0)
	w.flush(h)
	for until := time.Now().Add(time.Minute); !strings.Contains(w.said.String(), "could not be stored"); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("nothing was said")
		}
	}
	wantErr(t, "Flush", h.Flush(context.Background()), syscall.ENOSPC)
	wantErr(t, "Fsync", h.Fsync(context.Background()), syscall.ENOSPC)
	w.want("f", "text")
	w.host.Clear()
	if err := h.Fsync(context.Background()); err != nil {
		t.Fatal(err)
	}
	w.wantThere("f", "text")
}

// TestFsyncWaits for the host, and for what the file depends on.
func TestFsyncWaits(t *testing.T) {
	w := newWorld(t, writeBack)
	ctx := context.Background()
	held, release := w.host.Block("Mkdir", "d")
	_, err := w.Mkdir(ctx, "d", 0o755)
	w.make(err)
	h := w.create("d/f")
	defer h.Release()
	w.write(h, "text", 0)
	<-held
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	wantErr(t, "Fsync while the host is busy", h.Fsync(short), syscall.ETIMEDOUT)
	release()
	w.make(h.Fsync(ctx))
	w.wantThere("d/f", "text")
}

// TestStoreKeepsItsTurn: a file that gets another name while the host is told of
// what waits is stored after all changes that its name depends on, whatever turn
// it had under the old one.
func TestStoreKeepsItsTurn(t *testing.T) {
	for name, c := range map[string]struct{ before, during func(w *world) }{
		"over a name that is to be removed": {
			before: func(w *world) {
				w.save("new", "ours")
				w.make(w.Unlink(context.Background(), "f"))
			},
			during: func(w *world) { w.make(w.Rename(context.Background(), "new", "f", 0)) },
		},
		"there and back": {
			before: func(w *world) {
				w.save("new", "ours")
				w.make(w.Rename(context.Background(), "new", "f", 0))
			},
			during: func(w *world) {
				w.make(w.Rename(context.Background(), "f", "elsewhere", 0))
				w.make(w.Rename(context.Background(), "elsewhere", "f", 0))
			},
		},
	} {
		for what, size := range map[string]int{"alone": 1 << 20, "in a batch": 1} {
			t.Run(name+", "+what, func(t *testing.T) {
				w := newWorld(t, writeBack)
				w.put("f", "theirs")
				w.lookup("f")
				held, release := w.host.Block("Store", "first")
				w.save("first", "text")
				<-held
				held, releaseNext := w.host.Block("Store", "large")
				w.save("large", strings.Repeat("x", 1<<20))
				w.save("between", strings.Repeat("x", size))
				c.before(w)
				release()
				<-held
				c.during(w)
				releaseNext()
				w.sent()
				w.want("f", "ours")
				w.wantNames("", "between", "f", "first", "large")
				w.wantThere("f", "ours")
			})
		}
	}
}

// TestOneStoreWaits: a file that is flushed again when its store has begun, and
// which then fails, is stored once, in the last turn that it has got.
func TestOneStoreWaits(t *testing.T) {
	w := newWorld(t, writeBack)
	w.put("f", "theirs")
	w.lookup("f")
	w.host.On(cachetest.Hook{Method: "Store", Path: "new", Times: 1, Before: func(context.Context) error { return syscall.ENOTCONN }})
	begun, release := w.host.Block("Discard", "*") // of what the first attempt may have left
	w.save("new", "first")
	<-begun
	w.save("new", "second")
	w.away()
	w.host.Fail("Discard", syscall.ENOTCONN)
	release()
	w.eventually("the host is known to be away", w.IsAway)
	w.make(w.Unlink(context.Background(), "f"))
	w.make(w.Rename(context.Background(), "new", "f", 0))
	w.answers()
	w.sent()
	w.wantNames("", "f")
	w.wantThere("f", "second")
}

// TestForeignChangeUnderBacklog: a file that somebody else has changed before
// ours was sent is kept, and ours beside it.
func TestForeignChangeUnderBacklog(t *testing.T) {
	w := newWorld(t, writeBack)
	w.put("f", "old")
	w.put("over", "old")
	w.lookup("over")
	w.away()
	w.save("f", "ours")
	w.save("tmp", "ours")
	w.make(w.Rename(context.Background(), "tmp", "over", 0))
	w.replace("f", "theirs")
	w.replace("over", "theirs")
	w.host.Clear()
	w.sent()
	w.wantThere("f", "theirs")
	w.wantThere("over", "theirs")
	w.wantThere(w.only("f.conflict-"), "ours")
	w.wantThere(w.only("over.conflict-"), "ours")
}

// TestLinksOfDirectory: directories that come and go while other changes wait
// count among the links of theirs.
func TestLinksOfDirectory(t *testing.T) {
	w := newWorld(t, writeBack)
	for _, dir := range []string{"a", "b", "b/c"} {
		w.make(os.Mkdir(w.path(dir), 0o755))
	}
	w.host.Fail("Symlink", syscall.ENOTCONN)
	ctx := context.Background()
	for _, link := range []string{"waits", "b/waits"} {
		_, err := w.Symlink(ctx, "nowhere", link)
		w.make(err)
	}
	want := func(dir string, links uint32) {
		t.Helper()
		e, err := w.Lookup(ctx, dir)
		w.make(err)
		if e.Attr.Nlink != links {
			t.Errorf("%q has %d links, want %d", dir, e.Attr.Nlink, links)
		}
	}
	want("", 4)
	want("b", 3)
	w.make(w.Rmdir(ctx, "a"))
	want("", 3)
	w.make(w.Rename(ctx, "b/c", "c", 0))
	want("", 4)
	want("b", 2)
}

// TestWriteAfterTimes: times that were set of a closed file, and wait, do not
// come over those of what is written to it afterwards.
func TestWriteAfterTimes(t *testing.T) {
	w := newWorld(t, writeBack)
	w.put("f", "old")
	ctx := context.Background()
	long := time.Now().Add(-20 * 365 * 24 * time.Hour).UnixNano()
	_, release := w.host.Block("Setattr", "f")
	_, err := w.Setattr(ctx, "f", w.lookup("f").Attr.Ino, cache.Change{Mtime: &long})
	w.make(err)
	go func() {
		time.Sleep(50 * time.Millisecond)
		release()
	}()
	h := w.openFile("f", os.O_RDWR)
	w.write(h, "new", 0)
	w.waitFor("the times are on the host", func() bool { return len(w.logged()) == 1 })
	w.flush(h)
	h.Release()
	w.sent()
	w.wantThere("f", "new")
	st, err := os.Stat(w.path("f"))
	w.make(err)
	if age := time.Since(st.ModTime()); age > time.Hour {
		t.Errorf("it was changed %v ago, as the host has it", age)
	}
}

// TestSameContentsAreNotArrived: a file that waits to take the place of another
// with the same contents is stored all the same: it has other attributes.
func TestSameContentsAreNotArrived(t *testing.T) {
	w := newWorld(t, writeBack)
	w.put("old", "same")
	w.lookup("old")
	w.away()
	h, err := w.Create(context.Background(), "new", os.O_WRONLY, 0o600)
	w.make(err)
	w.write(h, "same", 0)
	w.flush(h)
	h.Release()
	w.rename("new", "old")
	w.remount()
	w.sent()
	if st, err := os.Stat(w.path("old")); err != nil || st.Mode() != 0o600 {
		t.Errorf("it is %v, %v", st, err)
	}
}

// TestOpenWhileRenameIsSent: who opens a file that the host is to rename waits for
// that, and not the host for him.
func TestOpenWhileRenameIsSent(t *testing.T) {
	w := newWorld(t)
	w.put("cold", "its text")
	w.entries("")
	w.offline()
	w.save("first", "text")
	w.make(w.Rename(t.Context(), "cold", "warm", 0))
	w.host.Clear()
	arrived, release := w.host.Block("Store", "first")
	w.make(w.Online(t.Context()))
	<-arrived
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ino, opened := w.lookup("warm").Attr.Ino, make(chan error, 1)
	go func() {
		h, err := w.Open(ctx, "warm", ino, os.O_RDONLY)
		if err == nil {
			if got := contents(h); got != "its text" {
				t.Errorf("it has %q", got)
			}
			h.Release()
		}
		opened <- err
	}()
	time.Sleep(20 * time.Millisecond) // it has got as far as it can
	release()
	w.make(<-opened)
	w.sent()
}
