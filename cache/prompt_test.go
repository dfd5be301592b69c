package cache_test

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/scpfs/scpfs/cache"
	"github.com/scpfs/scpfs/cache/cachetest"
)

// silence makes calls of a method wait until their context ends.
func (w *world) silence(method string) {
	w.host.On(cachetest.Hook{Method: method, Path: "*", Before: func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}})
}

// TestPromptOnceSilent: when a host goes silent, who asks for the disk or for
// the directory itself waits a moment once, and is told what was known.
func TestPromptOnceSilent(t *testing.T) {
	w := newWorld(t, func(o *cache.Options) { o.Timeouts = cache.SameTimeouts(0) })
	root, err := w.Lookup(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	w.silence("Stat")
	began := time.Now()
	for range 1000 {
		e, err := w.Lookup(t.Context(), "")
		if err != nil || e.Attr.Ino != root.Attr.Ino {
			t.Fatalf("got %+v, %v", e, err)
		}
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("1000 questions took %v: each waits", took)
	}
}

// TestPromptAway: the same for a host that cannot be reached; what is no answer
// of the link is told.
func TestPromptAway(t *testing.T) {
	w := newWorld(t, func(o *cache.Options) { o.Timeouts = cache.SameTimeouts(0) })
	for _, no := range []syscall.Errno{syscall.ENOTCONN, syscall.EHOSTUNREACH, syscall.ETIMEDOUT} {
		w.host.Fail("Stat", fmt.Errorf("away: %w", no))
		if _, err := w.Lookup(t.Context(), ""); err != nil {
			t.Errorf("%v: %v", no, err)
		}
		w.host.Clear()
	}
	w.host.Fail("Stat", syscall.EACCES)
	_, err := w.Lookup(t.Context(), "")
	wantErr(t, "a refusal", err, syscall.EACCES)
}

// TestCloseWaitsOnce: a host that is away is waited for once at the end, and
// all that is unsent is named and kept.
func TestCloseWaitsOnce(t *testing.T) {
	w := newWorld(t)
	const files = 20
	for i := range files {
		h := w.create(fmt.Sprint("file", i))
		w.write(h, "mine", 0)
	}
	tries := 0
	w.host.On(cachetest.Hook{Method: "Store", Path: "*", Before: func(context.Context) error {
		tries++
		return syscall.ETIMEDOUT
	}})
	err := w.Close(context.Background())
	w.Cache = nil
	unsent, ok := errors.AsType[*cache.Unsent](err)
	if !ok || len(unsent.Paths) != files {
		t.Errorf("got %v, want %d unsent files", err, files)
	}
	if tries != 1 {
		t.Errorf("the host was tried %d times", tries)
	}
	w.open()
	found := 0
	for _, name := range w.names("") {
		w.wantThere(name, "mine")
		found++
	}
	if found != files {
		t.Errorf("the next mount has sent %q", w.names(""))
	}
}
