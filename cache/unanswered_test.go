package cache_test

import (
	"context"
	"math"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/scpfs/scpfs/cache"
	"github.com/scpfs/scpfs/cache/cachetest"
)

// unanswered makes the host do the next call of a method, and answer neither that
// nor any after it.
func (w *world) unanswered(method string) {
	silent := func(error) error {
		w.host.Fail("*", syscall.ENOTCONN)
		return syscall.ENOTCONN
	}
	w.host.On(cachetest.Hook{Method: method, Path: "*", Times: 1, After: silent})
}

// answers makes it answer again.
func (w *world) answers() {
	w.t.Helper()
	w.host.Clear()
	w.make(w.Online(context.Background()))
}

// everything is more lines than a log has.
const everything = math.MaxInt

// TestRemovedNameStaysRemoved: what was made, without an answer, and is removed
// then, is not made once more when the host hears of both.
func TestRemovedNameStaysRemoved(t *testing.T) {
	for method, c := range map[string]struct{ make, remove func(w *world) error }{
		"Symlink": {
			func(w *world) error { _, err := w.Symlink(context.Background(), "target", "name"); return err },
			func(w *world) error { return w.Unlink(context.Background(), "name") },
		},
		"Mkdir": {
			func(w *world) error { _, err := w.Mkdir(context.Background(), "name", 0o755); return err },
			func(w *world) error { return w.Rmdir(context.Background(), "name") },
		},
	} {
		t.Run(method, func(t *testing.T) {
			w := newWorld(t, writeBack)
			w.put("f", "text")
			w.lookup("f")
			w.unanswered(method)
			w.make(c.make(w))
			w.eventually("the host is known to be away", w.IsAway)
			w.make(c.remove(w))
			w.answers()
			w.sent()
			w.wantNames("", "f")
			if n := len(w.entries("")); n != 1 {
				t.Errorf("%d names are seen", n)
			}
		})
	}
}

// TestFlushBeforeTheAnswerIsNoted: a mount that dies when the host has answered to
// a store, and the log does not say so yet, knows what the host has as its own,
// also if the file was flushed once more meanwhile.
func TestFlushBeforeTheAnswerIsNoted(t *testing.T) {
	w := newWorld(t, writeBack)
	w.put("f", "old")
	h := w.openFile("f", os.O_WRONLY|os.O_TRUNC)
	arrived, release := w.host.Block("Store", "f")
	w.write(h, "first", 0)
	w.flush(h)
	<-arrived
	w.write(h, "first and second", 0)
	answered, flushed := make(chan struct{}), make(chan error, 1)
	var once sync.Once
	goOn := make(chan struct{})
	w.OnNotice(func(n cache.Notice) {
		if n.Path == "f" {
			once.Do(func() { close(answered); <-goOn })
		}
	})
	release()
	<-answered
	w.host.Fail("*", syscall.ENOTCONN)
	go func() { flushed <- h.Flush(context.Background()) }()
	select {
	case err := <-flushed:
		flushed <- err
	case <-time.After(20 * time.Millisecond): // it waits for the store to be noted
	}
	dead := w.snapshot()
	close(goOn)
	w.make(<-flushed)
	h.Release()
	w.close()
	w.o.Dir = dead
	w.open()
	w.sent()
	w.wantThere("f", "first")
	for _, name := range w.names("") {
		if strings.Contains(name, ".conflict-") {
			t.Errorf("the host has %s", name) // recovered may be what was not flushed to the end
		}
	}
	w.close()
}

// TestClosedInVain: what was closed while the host was away is stored under its
// name by the next mount, whatever the close was waiting for when it failed.
func TestClosedInVain(t *testing.T) {
	w := newWorld(t)
	w.put("f", "old")
	w.want("f", "old")
	w.unanswered("Store")
	h := w.openFile("f", os.O_WRONLY|os.O_TRUNC)
	defer h.Release()
	w.write(h, "first", 0)
	wantErr(t, "close without an answer", h.Flush(context.Background()), syscall.ENOTCONN)
	w.write(h, "first and second", 0)
	w.killedAfter(everything, func() {
		wantErr(t, "close without a host", h.Flush(context.Background()), syscall.ENOTCONN)
	})
	w.open()
	w.sent()
	w.wantNames("", "f")
	w.wantThere("f", "first and second")
	w.close()
}

// TestStoredAgainWhileOpen: what was closed in vain is tried again, although
// somebody has the file open for reading.
func TestStoredAgainWhileOpen(t *testing.T) {
	w := newWorld(t)
	w.put("f", "old")
	r := w.openFile("f", os.O_RDONLY)
	defer r.Release()
	w.host.Leave()
	h := w.openFile("f", os.O_WRONLY|os.O_TRUNC)
	w.write(h, "new", 0)
	wantErr(t, "close without a host", h.Flush(context.Background()), syscall.EHOSTUNREACH)
	h.Release()
	w.answers()
	w.Retry()
	w.sent()
	w.wantThere("f", "new")
}

// TestHalfIsNotStoredAgain: what was closed in vain, and is being written on, waits
// for the next close.
func TestHalfIsNotStoredAgain(t *testing.T) {
	w := newWorld(t)
	w.put("f", "old")
	h := w.openFile("f", os.O_WRONLY)
	defer h.Release()
	w.host.Leave()
	w.write(h, "new", 0)
	wantErr(t, "close without a host", h.Flush(context.Background()), syscall.EHOSTUNREACH)
	w.write(h, " and half", 3)
	w.answers()
	w.Retry()
	w.wantThere("f", "old")
	w.flush(h)
	w.wantThere("f", "new and half")
	w.write(h, "!", 12)
	w.Retry()
	w.wantThere("f", "new and half")
}
