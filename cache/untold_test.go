package cache_test

import (
	"os"
	"syscall"
	"testing"

	"github.com/scpfs/scpfs/cache"
)

// TestUntoldConflict: the host's version of a file that was found in the background
// to be changed on both sides is not replaced or removed before anybody here was
// told; and then it is.
func TestUntoldConflict(t *testing.T) {
	ctx := t.Context()
	truncate := func(w *world, size int64) error {
		_, err := w.Truncate(ctx, "f", w.lookup("f").Attr.Ino, size)
		return err
	}
	for name, do := range map[string]func(w *world) error{
		"rename over it": func(w *world) error { w.save("new", "newer"); return w.Rename(ctx, "new", "f", 0) },
		"rename it":      func(w *world) error { return w.Rename(ctx, "f", "g", 0) },
		"remove":         func(w *world) error { return w.Unlink(ctx, "f") },
		"save":           func(w *world) error { _, err := w.tryOpen("f", os.O_WRONLY|os.O_TRUNC); return err },
		"truncate":       func(w *world) error { return truncate(w, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			w := untold(t)
			wantErr(t, "the first time", do(w), syscall.EBUSY)
			w.sent()
			w.wantThere("f", "theirs, unseen")
			if name == "rename over it" {
				w.wantNames("", "f", w.Conflicts()[0].Copy, w.Conflicts()[1].Copy)
				w.wantThere(w.Conflicts()[1].Copy, "newer")
			}
			if err := do(w); err != nil {
				t.Errorf("again: %v", err)
			}
		})
	}
}

// TestToldConflict: who was told, or has seen what the host has, can replace it.
func TestToldConflict(t *testing.T) {
	over := func(w *world) {
		w.t.Helper()
		w.save("new", "newer")
		if err := w.Rename(t.Context(), "new", "f", 0); err != nil {
			w.t.Error(err)
		}
		w.sent()
		w.wantThere("f", "newer")
	}
	w := untold(t)
	w.want("f", "theirs, unseen")
	over(w)

	w = newWorld(t, writeBack)
	w.put("f", "old")
	h := w.openFile("f", os.O_RDWR)
	w.put("f", "theirs, unseen")
	w.write(h, "ours", 0)
	wantErr(t, "fsync", h.Fsync(t.Context()), syscall.ESTALE)
	h.Release()
	over(w)
}

// untold is a world with a conflict about f of which nobody was told.
func untold(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, writeBack, func(o *cache.Options) { o.Hostname = "here" })
	w.put("f", "old")
	w.want("f", "old")
	w.put("f", "theirs, unseen")
	w.save("f", "ours")
	w.sent()
	w.wantThere("f", "theirs, unseen")
	w.wantThere(w.only("f.conflict-"), "ours")
	return w
}

// TestUntoldConflictWhileAway: a truncation that waits for the host has the same to
// replace.
func TestUntoldConflictWhileAway(t *testing.T) {
	w := untold(t)
	w.host.Fail("*", syscall.ENOTCONN)
	w.save("other", "text")
	w.eventually("the host is known to be away", w.IsAway)
	truncate := func() error {
		_, err := w.Truncate(t.Context(), "f", w.lookup("f").Attr.Ino, 0)
		return err
	}
	wantErr(t, "the first time", truncate(), syscall.EBUSY)
	if err := truncate(); err != nil {
		t.Errorf("again: %v", err)
	}
	w.answers()
	w.sent()
	w.wantThere("f", "")
}
