package cache_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scpfs/scpfs/cache"
	"github.com/scpfs/scpfs/cache/cachetest"
)

// timeouts sets how long what is known is believed.
func timeouts(d time.Duration) func(*cache.Options) {
	return func(o *cache.Options) { o.Timeouts = cache.SameTimeouts(d) }
}

func TestHitsCostNoCalls(t *testing.T) {
	w := newWorld(t)
	w.put("f", "text")
	w.want("f", "text")
	w.wantCalls("the first read", "Fetch 1, List 2") // one by Open
	w.want("f", "text")
	if _, err := w.Getattr(t.Context(), "f", true, w.lookup("f").Attr.Ino); err != nil {
		t.Error(err)
	}
	w.entries("")
	w.wantCalls("again", "")
}

func TestOneListingServesAll(t *testing.T) {
	w := newWorld(t)
	w.mkdir("d")
	for i := range 50 {
		w.put(fmt.Sprint("d/", i), "")
	}
	w.lookup("d")
	w.fake.Reset()
	for i := range 50 {
		w.lookup(fmt.Sprint("d/", i))
	}
	for i := range 50 {
		_, err := w.Lookup(t.Context(), fmt.Sprint("d/none", i))
		wantErr(t, "what does not exist", err, syscall.ENOENT)
	}
	w.wantCalls("100 lookups", "List 1")
}

func TestListingOfWhatCannotBeRead(t *testing.T) {
	w := newWorld(t)
	w.mkdir("d")
	w.put("d/f", "")
	w.host.On(cachetest.Hook{Method: "List", Path: "d", Before: func(context.Context) error { return syscall.EACCES }})
	w.lookup("d/f")
	_, err := w.Lookup(t.Context(), "d/none")
	wantErr(t, "what does not exist", err, syscall.ENOENT)
}

func TestManyWantOneListing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.mkdir("d")
		w.put("d/f", "")
		w.lookup("d")
		w.fake.Reset()
		there, release := w.host.Block("List", "d")
		defer release()
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { w.lookup("d/f") })
		}
		<-there
		synctest.Wait() // for all of them
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := w.Lookup(gone, "d/f")
		wantErr(t, "a lookup given up", err, syscall.EINTR)
		release()
		wg.Wait()
		w.wantCalls("10 lookups", "List 1")
	})
}

func TestManyOpenOneFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.put("f", "text")
		w.lookup("f")
		w.fake.Reset()
		there, release := w.host.Block("Fetch", "f")
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { w.want("f", "text") })
		}
		<-there
		synctest.Wait() // for all of them
		release()
		wg.Wait()
		w.wantCalls("10 opens", "Fetch 1")
	})
}

func TestWaitForFetchEndsWithItsContext(t *testing.T) {
	w := newWorld(t)
	w.put("f", "text")
	ino := w.lookup("f").Attr.Ino
	there, release := w.host.Block("Fetch", "f")
	var wg sync.WaitGroup
	wg.Go(func() { w.want("f", "text") })
	<-there
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err := w.Open(ctx, "f", ino, os.O_RDONLY)
	wantErr(t, "an open that waits for another's fetch", err, syscall.ETIMEDOUT)
	release()
	wg.Wait()
}

func TestForeignChangeIsSeenAtOnceWithoutTimeouts(t *testing.T) {
	w := newWorld(t, timeouts(0))
	w.put("f", "old")
	w.want("f", "old")
	w.put("f", "newer text")
	w.want("f", "newer text")
	w.replace("f", "third")
	w.want("f", "third")
	w.make(os.Remove(w.path("f")))
	_, err := w.Lookup(t.Context(), "f")
	wantErr(t, "what was removed", err, syscall.ENOENT)
	w.put("g", "")
	w.lookup("g")
}

func TestForeignChangeIsSeenAfterTheTimeout(t *testing.T) {
	const believed = 300 * time.Millisecond
	w := newWorld(t, timeouts(believed))
	w.put("f", "old")
	w.want("f", "old")
	w.replace("f", "newer text")
	w.put("new", "")
	time.Sleep(believed) // the very thing
	w.want("f", "newer text")
	w.lookup("new")
	w.make(os.Remove(w.path("f")))
	time.Sleep(believed)
	_, err := w.Lookup(t.Context(), "f")
	wantErr(t, "what was removed", err, syscall.ENOENT)
}

// Another file has taken the name: the kernel looks it up again.
func TestOpenOfWhatWasReplaced(t *testing.T) {
	w := newWorld(t, timeouts(0))
	w.put("f", "old")
	ino := w.lookup("f").Attr.Ino
	w.replace("f", "new")
	_, err := w.Open(t.Context(), "f", ino, os.O_RDONLY)
	wantErr(t, "an open by the old number", err, syscall.ESTALE)
	w.want("f", "new")
}

func TestOpenOfWhatIsReplacedWhileItIsFetched(t *testing.T) {
	w := newWorld(t)
	w.put("f", "old")
	ino := w.lookup("f").Attr.Ino
	w.host.On(cachetest.Hook{Method: "Fetch", Path: "f", Times: 1, Before: func(context.Context) error {
		w.replace("f", "new")
		return nil
	}})
	_, err := w.Open(t.Context(), "f", ino, os.O_RDONLY)
	wantErr(t, "an open by the old number", err, syscall.ESTALE)
	w.want("f", "new")
}

func TestTornDownloadIsRepeated(t *testing.T) {
	w := newWorld(t)
	w.put("f", "old text")
	w.lookup("f")
	w.fake.Reset()
	w.host.On(cachetest.Hook{Method: "Fetch", Path: "f", Times: 2, During: func() { w.put("f", "new") }})
	w.want("f", "new")
	w.wantCalls("a file that changed twice meanwhile", "Fetch 3")
}

func TestDownloadThatIsAlwaysTorn(t *testing.T) {
	w := newWorld(t)
	w.put("f", "text")
	w.lookup("f")
	w.host.On(cachetest.Hook{Method: "Fetch", Path: "f", During: func() { w.put("f", "text") }})
	_, err := w.tryOpen("f", os.O_RDONLY)
	wantErr(t, "a file that never stands still", err, syscall.EBUSY)
	if got := w.objects(); len(got) != 0 {
		t.Errorf("%q are left", got)
	}
}

// A file that was written in the present tick of the host's clock can be
// written again without a trace.
func TestRacyVersionIsFetchedAgain(t *testing.T) {
	w := newWorld(t)
	w.put("f", "text")
	soon := time.Now().Add(time.Hour)
	w.make(os.Chtimes(w.path("f"), soon, soon))
	w.want("f", "text")
	w.fake.Reset()
	w.want("f", "text")
	w.wantCalls("a racy version", "Fetch 1")
}

func TestFetchErrors(t *testing.T) {
	w := newWorld(t)
	w.put("f", "text")
	w.lookup("f")
	for _, want := range []syscall.Errno{syscall.EACCES, syscall.EIO, syscall.ENOTCONN} {
		w.host.On(cachetest.Hook{Method: "Fetch", Path: "f", Times: 1, After: func(error) error { return want }})
		_, err := w.tryOpen("f", os.O_RDONLY)
		wantErr(t, "an open", err, want)
	}
	w.want("f", "text")
}

func TestOpenIsRefusedByTheHost(t *testing.T) {
	w := newWorld(t, func(o *cache.Options) { o.UID, o.GID = 12345, 12345 })
	w.put("f", "text")
	w.make(os.Chmod(w.path("f"), 0o600))
	w.host.Fail("Access", syscall.EACCES)
	_, err := w.tryOpen("f", os.O_RDONLY)
	wantErr(t, "an open", err, syscall.EACCES)
	wantErr(t, "access(2)", w.Access(t.Context(), "f", w.lookup("f").Attr.Ino, 4), syscall.EACCES)
	w.host.Clear()
	w.want("f", "text") // an access control list may say so
}

// What is written through one handle while another open fetches a newer
// version of the host is not thrown away.
func TestWriteDuringFetch(t *testing.T) {
	w := newWorld(t, timeouts(0))
	w.put("f", "old")
	h := w.openFile("f", os.O_RDWR)
	w.put("f", "foreign")
	w.host.On(cachetest.Hook{Method: "Fetch", Path: "f", Times: 1, During: func() { w.write(h, "ours", 0) }})
	other := w.openFile("f", os.O_RDONLY)
	if got := contents(other); got != "ours" {
		t.Errorf("the file has %q", got)
	}
	wantErr(t, "flush", h.Flush(t.Context()), syscall.ESTALE)
	other.Release()
	h.Release()
	w.wantThere("f", "foreign")
	w.wantThere(w.only("f.conflict-"), "ours")
	w.wantLogged(0)
}

func TestSymlinks(t *testing.T) {
	w := newWorld(t)
	if _, err := w.Symlink(t.Context(), "some/where", "l"); err != nil {
		t.Fatal(err)
	}
	w.make(os.Symlink("else where", w.path("m")))
	w.remount()
	w.fake.Reset()
	for path, want := range map[string]string{"l": "some/where", "m": "else where"} {
		if got, err := w.Readlink(t.Context(), path); got != want || err != nil {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
	w.wantCalls("both targets", "List 1")
}

// Attributes of a link can be set when its target is not known here.
func TestSetattrOfSymlink(t *testing.T) {
	w := newWorld(t)
	w.make(os.Symlink("where", w.path("l")))
	now := time.Now().UnixNano()
	if _, err := w.Setattr(t.Context(), "l", 0, cache.Change{Mtime: &now}); err != nil {
		t.Fatal(err)
	}
	if got, err := w.Readlink(t.Context(), "l"); got != "where" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestReadToTheEnd(t *testing.T) {
	w := newWorld(t)
	w.put("f", "text")
	h := w.openFile("f", os.O_RDONLY)
	defer h.Release()
	b := make([]byte, 100)
	if n, err := h.ReadAt(t.Context(), b, 2); n != 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := h.ReadAt(t.Context(), b, 4); n != 0 || err != nil {
		t.Errorf("at the end: %d, %v", n, err)
	}
}

func TestStatfs(t *testing.T) {
	w := newWorld(t)
	st, err := w.Statfs(t.Context())
	if err != nil || st.Blocks == 0 {
		t.Errorf("%+v, %v", st, err)
	}
}

func TestOpenFailsWithTheHost(t *testing.T) {
	w := closedWorld(t)
	host := cachetest.NewFaulty(cachetest.NewDir(w.dir))
	host.Fail("List", syscall.ENOTCONN)
	if _, err := cache.Open(t.Context(), host, w.o); !errors.Is(err, syscall.ENOTCONN) {
		t.Errorf("got %v", err)
	}
}
