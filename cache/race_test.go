package cache_test

import (
	"context"
	"errors"
	"os"
	"sync"
	"syscall"
	"testing"

	"github.com/scpfs/scpfs/cache"
	"github.com/scpfs/scpfs/cache/cachetest"
)

// late makes a listing answer with what was there before do.
func (w *world) late(dir string, do func()) {
	w.host.On(cachetest.Hook{Method: "List", Path: dir, Times: 1, After: func(err error) error {
		do()
		return err
	}})
}

// ours are changes in the directory d that an answer under way cannot know.
var ours = map[string]struct {
	do   func(w *world) error
	name string // d/name exists then, or not
	want error
}{
	"mkdir": {func(w *world) error { _, err := w.Mkdir(context.Background(), "d/new", 0o755); return err }, "new", nil},
	"create": {func(w *world) error {
		h, err := w.Create(context.Background(), "d/new", os.O_EXCL, 0o644)
		if err == nil {
			h.Release()
		}
		return err
	}, "new", nil},
	"unlink":      {func(w *world) error { return w.Unlink(context.Background(), "d/f") }, "f", syscall.ENOENT},
	"rmdir":       {func(w *world) error { return w.Rmdir(context.Background(), "d/e") }, "e", syscall.ENOENT},
	"rename here": {func(w *world) error { return w.Rename(context.Background(), "g", "d/new", 0) }, "new", nil},
	"link":        {func(w *world) error { _, err := w.Link(context.Background(), "g", 0, "d/new"); return err }, "new", nil},
}

// A listing that was made before a change of ours is not believed after it.
func TestListingOlderThanOurChange(t *testing.T) {
	for name, our := range ours {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.mkdir("d/e")
			w.put("d/f", "")
			w.put("g", "")
			w.entries("")
			w.late("d", func() { w.make(our.do(w)) })
			w.Lookup(t.Context(), "d/unknown")
			_, err := w.Lookup(t.Context(), "d/"+our.name)
			if !errors.Is(err, our.want) {
				t.Errorf("afterwards: %v, want %v", err, our.want)
			}
			if _, listed := w.entries("d")[our.name]; listed != (our.want == nil) {
				t.Errorf("it is listed: %t", listed)
			}
		})
	}
}

// A directory that nothing is known of, as it was forgotten, is the hard
// case: there is nowhere to note that it was changed.
func TestListingOlderThanChangeInForgottenDirectory(t *testing.T) {
	w := newWorld(t, func(o *cache.Options) { o.Entries = 4 })
	w.mkdir("d/e")
	w.mkdir("big")
	for _, name := range []string{"1", "2", "3", "4", "5", "6"} {
		w.put("big/"+name, "")
	}
	w.late("d/e", func() {
		w.entries("big")
		if _, err := w.Mkdir(t.Context(), "d/e/new", 0o755); err != nil {
			t.Error(err)
		}
		w.entries("d")
	})
	w.entries("d/e")
	w.lookup("d/e/new")
}

// The listing of the directory that had the name before says nothing about
// the one that was renamed to it.
func TestListingOlderThanRenameOfDirectory(t *testing.T) {
	w := newWorld(t)
	w.mkdir("full")
	w.put("full/f", "")
	w.mkdir("empty")
	w.entries("")
	w.late("empty", func() { w.make(w.Rename(t.Context(), "full", "empty", 0)) })
	w.entries("empty")
	w.lookup("empty/f")
	if len(w.entries("empty")) != 1 {
		t.Errorf("listed: %v", w.entries("empty"))
	}
}

// Nor is it shared with who asks after the rename.
func TestListingUnderWayIsNotSharedAfterRename(t *testing.T) {
	w := newWorld(t)
	w.mkdir("full/sub")
	w.put("full/sub/f", "")
	w.mkdir("old/sub")
	w.entries("")
	there, release := make(chan struct{}), make(chan struct{})
	w.host.On(cachetest.Hook{Method: "List", Path: "old/sub", Times: 1, After: func(err error) error {
		close(there)
		<-release
		return err
	}})
	var wg sync.WaitGroup
	wg.Go(func() { w.entries("old/sub") })
	<-there
	w.make(w.Rename(t.Context(), "old", "away", 0))
	w.make(w.Rename(t.Context(), "full", "old", 0))
	w.lookup("old/sub/f")
	close(release)
	wg.Wait()
	w.lookup("old/sub/f")
}

// Attributes asked about before they were changed by us are not believed.
func TestStatOlderThanOurChange(t *testing.T) {
	w := newWorld(t, func(o *cache.Options) { o.Timeouts.Dir = 0 })
	w.put("f", "")
	mode := uint32(0o600)
	w.host.On(cachetest.Hook{Method: "Stat", Path: "f", Times: 1, After: func(err error) error {
		if _, err := w.Setattr(t.Context(), "f", 0, cache.Change{Mode: &mode}); err != nil {
			t.Error(err)
		}
		return err
	}})
	w.lookup("f")
	if got := w.lookup("f").Attr.Mode & 0o777; got != mode {
		t.Errorf("mode %o", got)
	}
}

// Nor are a directory's own attributes that the listing above it has, after
// something was made in it: it is another listing that such a change makes old.
func TestDirectoryAfterOurChangeInIt(t *testing.T) {
	for _, name := range []string{"create", "mkdir"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.mkdir("d")
			w.age("d")
			w.late("", func() { w.make(ours[name].do(w)) })
			got := w.lookup("d").Attr
			st, err := os.Stat(w.path("d"))
			if err != nil {
				t.Fatal(err)
			}
			if links := uint32(st.Sys().(*syscall.Stat_t).Nlink); got.Nlink != links || got.Mtime != st.ModTime().UnixNano() {
				t.Errorf("%d links and the time %d, want %d and %d", got.Nlink, got.Mtime, links, st.ModTime().UnixNano())
			}
		})
	}
}

// TestRenameOverDirectoryOfOurs: a directory that the host finds empty is not, if it
// has files of which the host does not know yet.
func TestRenameOverDirectoryOfOurs(t *testing.T) {
	w := newWorld(t)
	w.mkdir("b")
	w.mkdir("a")
	w.put("a/x", "theirs")
	w.entries("a")
	w.entries("b")
	inB, inA := w.create("b/x"), w.openFile("a/x", os.O_RDWR)
	defer inB.Release()
	defer inA.Release()
	w.write(inB, "of b", 0)
	w.write(inA, "of a", 0)
	wantErr(t, "rename", w.Rename(context.Background(), "a", "b", 0), syscall.ENOTEMPTY)
	w.flush(inA)
	w.flush(inB)
	w.wantThere("a/x", "of ars")
	w.wantThere("b/x", "of b")
}
