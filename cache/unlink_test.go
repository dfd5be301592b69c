package cache_test

import (
	"context"
	"os"
	"sync"
	"syscall"
	"testing"

	"github.com/scpfs/scpfs/cache"
	"github.com/scpfs/scpfs/cache/cachetest"
)

// states are the ways in which a file can be open; each gives a handle of f,
// which reads "text" through it.
var states = map[string]func(w *world) *cache.Handle{
	"clean": func(w *world) *cache.Handle { w.put("f", "text"); return w.openFile("f", os.O_RDWR) },
	"dirty": func(w *world) *cache.Handle {
		w.put("f", "old.")
		h := w.openFile("f", os.O_RDWR)
		w.write(h, "text", 0)
		return h
	},
	"stored": func(w *world) *cache.Handle {
		h := w.create("f")
		w.write(h, "text", 0)
		w.flush(h)
		return h
	},
	"new": func(w *world) *cache.Handle {
		h := w.create("f")
		w.write(h, "text", 0)
		return h
	},
	"exclusive": func(w *world) *cache.Handle {
		h := w.openFile("f", os.O_RDWR|os.O_CREATE|os.O_EXCL)
		w.write(h, "text", 0)
		return h
	},
	"unsent": func(w *world) *cache.Handle {
		h := w.create("f")
		w.write(h, "text", 0)
		w.host.On(cachetest.Hook{Method: "Store", Path: "f", Times: 1, Before: func(context.Context) error { return syscall.ENOSPC }})
		wantErr(w.t, "flush", h.Flush(context.Background()), syscall.ENOSPC)
		return h
	},
}

func eachState(t *testing.T, test func(t *testing.T, w *world, h *cache.Handle)) {
	for name, state := range states {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			test(t, w, state(w))
			w.close()
			w.wantLogged(0)
		})
	}
}

func TestUnlinkOpen(t *testing.T) {
	eachState(t, func(t *testing.T, w *world, h *cache.Handle) {
		ino := h.Attr().Ino
		w.make(w.Unlink(t.Context(), "f"))
		_, err := w.Lookup(t.Context(), "f")
		wantErr(t, "lookup", err, syscall.ENOENT)
		w.wantNames("")
		w.wantLogged(0)
		if a := h.Attr(); a.Nlink != 0 || a.Ino != ino || contents(h) != "text" {
			t.Errorf("%d links, inode %d, contents %q", a.Nlink, a.Ino, contents(h))
		}
		a, err := w.Getattr(t.Context(), "", false, ino)
		if err != nil || a.Nlink != 0 || a.Size != 4 {
			t.Errorf("fstat: %+v, %v", a, err)
		}
		w.write(h, "more", 4)
		w.flush(h)
		w.save("f", "another")
		if contents(h) != "textmore" {
			t.Errorf("contents %q", contents(h))
		}
		h.Release()
		w.wantThere("f", "another")
		w.want("f", "another")
		w.wantNames("", "f")
	})
}

func TestChmodOfUnlinked(t *testing.T) {
	eachState(t, func(t *testing.T, w *world, h *cache.Handle) {
		defer h.Release()
		w.make(w.Unlink(t.Context(), "f"))
		mode := uint32(0o600)
		w.fake.Reset()
		a, err := w.Setattr(t.Context(), "", h.Attr().Ino, cache.Change{Mode: &mode})
		if err != nil || a.Mode&0o777 != mode {
			t.Errorf("%+v, %v", a, err)
		}
		w.wantCalls("chmod", "")
	})
}

func TestRenameOpen(t *testing.T) {
	eachState(t, func(t *testing.T, w *world, h *cache.Handle) {
		ino := h.Attr().Ino
		w.make(w.Rename(t.Context(), "f", "g", 0))
		_, err := w.Lookup(t.Context(), "f")
		wantErr(t, "the old name", err, syscall.ENOENT)
		if e := w.lookup("g"); e.Attr.Ino != ino {
			t.Errorf("inode %d, was %d", e.Attr.Ino, ino)
		}
		w.write(h, "more", 4)
		w.flush(h)
		h.Release()
		w.wantThere("g", "textmore")
		w.want("g", "textmore")
		w.wantNames("", "g")
		if e := w.lookup("g"); e.Attr.Ino != ino {
			t.Errorf("stored: inode %d, was %d", e.Attr.Ino, ino)
		}
	})
}

func TestRenameOverOpen(t *testing.T) {
	eachState(t, func(t *testing.T, w *world, h *cache.Handle) {
		w.save("g", "new")
		ino := w.lookup("g").Attr.Ino
		w.make(w.Rename(t.Context(), "g", "f", 0))
		w.want("f", "new")
		if e := w.lookup("f"); e.Attr.Ino != ino || e.Attr.Ino == h.Attr().Ino {
			t.Errorf("inode %d, want %d; the handle's is %d", e.Attr.Ino, ino, h.Attr().Ino)
		}
		if a := h.Attr(); a.Nlink != 0 || contents(h) != "text" {
			t.Errorf("%d links, contents %q", a.Nlink, contents(h))
		}
		w.write(h, "more", 4)
		w.flush(h)
		h.Release()
		w.wantThere("f", "new")
		w.wantNames("", "f")
	})
}

func TestRenameOpenOverOpen(t *testing.T) {
	eachState(t, func(t *testing.T, w *world, h *cache.Handle) {
		g := w.create("g")
		w.write(g, "replaced", 0)
		w.make(w.Rename(t.Context(), "f", "g", 0))
		w.flush(g)
		w.flush(h)
		if contents(g) != "replaced" || contents(h) != "text" {
			t.Errorf("%q, %q", contents(g), contents(h))
		}
		g.Release()
		h.Release()
		w.wantThere("g", "text")
		w.want("g", "text")
		w.wantNames("", "g")
	})
}

func TestRenameNoReplace(t *testing.T) {
	eachState(t, func(t *testing.T, w *world, h *cache.Handle) {
		w.save("g", "new")
		wantErr(t, "rename", w.Rename(t.Context(), "g", "f", cache.NoReplace), syscall.EEXIST)
		w.flush(h)
		h.Release()
		w.want("f", "text")
		w.want("g", "new")
	})
}

func TestRenameExchange(t *testing.T) {
	eachState(t, func(t *testing.T, w *world, h *cache.Handle) {
		w.mkdir("d")
		w.put("d/in", "")
		in := w.openFile("d/in", os.O_RDWR)
		w.write(in, "below", 0)
		w.make(w.Rename(t.Context(), "f", "d", cache.Exchange))
		w.write(h, "more", 4)
		w.flush(h)
		w.flush(in)
		w.want("d", "textmore")
		w.want("f/in", "below")
		h.Release()
		in.Release()
		w.wantThere("d", "textmore")
		w.wantThere("f/in", "below")
	})
}

func TestRenameOfDirectoryWithOpenFiles(t *testing.T) {
	w := newWorld(t)
	w.mkdir("d/e")
	w.put("d/e/dirty", "old")
	w.put("d/clean", "clean")
	w.put("dother", "")
	dirty, clean, fresh := w.openFile("d/e/dirty", os.O_RDWR), w.openFile("d/clean", os.O_RDWR), w.create("d/new")
	other := w.openFile("dother", os.O_RDWR)
	for _, h := range []*cache.Handle{dirty, fresh, other} {
		w.write(h, "text", 0)
	}
	w.make(w.Rename(t.Context(), "d", "moved", 0))
	w.write(clean, "CL", 0)
	for _, h := range []*cache.Handle{dirty, fresh, clean, other} {
		w.flush(h)
		h.Release()
	}
	for path, want := range map[string]string{"moved/e/dirty": "text", "moved/new": "text", "moved/clean": "CLean", "dother": "text"} {
		w.wantThere(path, want)
		w.want(path, want)
	}
	w.wantNames("", "dother", "moved")
	w.wantLogged(0)
}

// A name that a file here has is not there for others, even if the host does
// not know of it.
func TestNewNamesAreTaken(t *testing.T) {
	w := newWorld(t)
	h := w.create("f")
	w.write(h, "text", 0)
	w.save("g", "")
	ctx := t.Context()
	_, err := w.Create(ctx, "f", 0, 0o644)
	wantErr(t, "create", err, syscall.EEXIST)
	_, err = w.Create(ctx, "f", os.O_EXCL, 0o644)
	wantErr(t, "exclusive create", err, syscall.EEXIST)
	_, err = w.Mkdir(ctx, "f", 0o755)
	wantErr(t, "mkdir", err, syscall.EEXIST)
	_, err = w.Symlink(ctx, "x", "f")
	wantErr(t, "symlink", err, syscall.EEXIST)
	_, err = w.Link(ctx, "g", w.lookup("g").Attr.Ino, "f")
	wantErr(t, "link", err, syscall.EEXIST)
	tmp, err := w.Tmpfile(os.O_RDWR, 0o644)
	w.make(err)
	_, err = w.Link(ctx, "", tmp.Attr().Ino, "f")
	wantErr(t, "link of a file without a name", err, syscall.EEXIST)
	_, err = w.Link(ctx, "", tmp.Attr().Ino, "g")
	wantErr(t, "link over a file of the host", err, syscall.EEXIST)
	tmp.Release()
	if _, ok := w.entries("")["f"]; !ok {
		t.Error("it is not listed")
	}
	w.flush(h)
	h.Release()
	w.wantThere("f", "text")
	w.wantNames("", "f", "g")
}

func TestRmdirOfWhatHasNewFiles(t *testing.T) {
	w := newWorld(t)
	w.mkdir("d")
	h := w.create("d/f")
	wantErr(t, "rmdir", w.Rmdir(t.Context(), "d"), syscall.ENOTEMPTY)
	w.make(w.Unlink(t.Context(), "d/f"))
	w.make(w.Rmdir(t.Context(), "d"))
	h.Release()
	w.wantNames("")
}

func TestUnlinkWaitsForStore(t *testing.T) {
	w := newWorld(t)
	h := w.create("f")
	w.write(h, "text", 0)
	there, release := w.host.Block("Store", "f")
	var wg sync.WaitGroup
	wg.Go(func() { w.flush(h) })
	<-there
	wg.Go(func() { w.make(w.Unlink(t.Context(), "f")) })
	release()
	wg.Wait()
	h.Release()
	w.wantNames("")
	w.wantLogged(0)
}

// A file that is opened while its name is removed is a removed one.
func TestOpenDuringUnlink(t *testing.T) {
	w := newWorld(t)
	w.put("f", "old")
	var h *cache.Handle
	w.host.On(cachetest.Hook{Method: "Remove", Path: "f", Times: 1, Before: func(context.Context) error {
		h = w.openFile("f", os.O_RDWR)
		return nil
	}})
	w.make(w.Unlink(t.Context(), "f"))
	w.write(h, "ours", 0)
	w.flush(h)
	if h.Attr().Nlink != 0 || contents(h) != "ours" {
		t.Errorf("%d links, %q", h.Attr().Nlink, contents(h))
	}
	h.Release()
	w.wantNames("")
}

// A name that a foreign rename has given to another open file still has our
// changes in it.
func TestForeignRenameOfOneOpenFileOverAnother(t *testing.T) {
	w := newWorld(t, timeouts(0))
	w.put("f", "old")
	w.put("g", "other")
	f, g := w.openFile("f", os.O_RDWR), w.openFile("g", os.O_RDWR)
	w.write(f, "ours", 0)
	w.make(os.Rename(w.path("g"), w.path("f")))
	w.entries("")
	w.lookup("f")
	wantErr(t, "flush", f.Flush(t.Context()), syscall.ESTALE)
	f.Release()
	g.Release()
	w.wantThere("f", "other")
	w.wantThere(w.only("f.conflict-"), "ours")
}

func TestUnlinkErrors(t *testing.T) {
	eachState(t, func(t *testing.T, w *world, h *cache.Handle) {
		w.host.Fail("Remove", syscall.EACCES)
		err := w.Unlink(t.Context(), "f")
		w.host.Clear()
		if err == nil {
			h.Release() // the host did not have it
			return
		}
		wantErr(t, "unlink", err, syscall.EACCES)
		w.flush(h)
		h.Release()
		w.want("f", "text")
	})
}
