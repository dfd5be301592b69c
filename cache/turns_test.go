package cache_test

import (
	"context"
	"errors"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scpfs/scpfs/cache"
	"github.com/scpfs/scpfs/cache/cachetest"
)

// byPath are changes of a file f that nobody has open, beside a file g, and the
// requests that they are to the host.
var byPath = map[string]struct {
	method string
	do     func(w *world, ino uint64) error
}{
	"truncate": {"Truncate", func(w *world, ino uint64) error {
		_, err := w.Truncate(context.Background(), "f", ino, 1)
		return err
	}},
	"truncate to nothing": {"Truncate", func(w *world, ino uint64) error {
		_, err := w.Truncate(context.Background(), "f", ino, 0)
		return err
	}},
	"utimens": {"Setattr", func(w *world, ino uint64) error {
		mtime := int64(1e18)
		_, err := w.Setattr(context.Background(), "f", ino, cache.Change{Mtime: &mtime})
		return err
	}},
	"chmod": {"Setattr", func(w *world, ino uint64) error {
		mode := uint32(0o600)
		_, err := w.Setattr(context.Background(), "f", ino, cache.Change{Mode: &mode})
		return err
	}},
	"link": {"Link", func(w *world, ino uint64) error {
		_, err := w.Link(context.Background(), "f", ino, "new")
		return err
	}},
	"unlink":      {"Remove", func(w *world, ino uint64) error { return w.Unlink(context.Background(), "f") }},
	"rename":      {"Rename", func(w *world, ino uint64) error { return w.Rename(context.Background(), "f", "new", 0) }},
	"rename over": {"Rename", func(w *world, ino uint64) error { return w.Rename(context.Background(), "g", "f", 0) }},
	"exchange":    {"Rename", func(w *world, ino uint64) error { return w.Rename(context.Background(), "g", "f", cache.Exchange) }},
}

// edit opens a file by a number that was looked up before, writes to it and
// stores it, as far as it gets.
func (w *world) edit(path string, ino uint64, flags int) {
	h, err := w.Open(context.Background(), path, ino, flags)
	if err != nil {
		if !errors.Is(err, syscall.ENOENT) && !errors.Is(err, syscall.ESTALE) {
			w.t.Errorf("open: %v", err)
		}
		return
	}
	defer h.Release()
	if _, err := h.WriteAt(context.Background(), []byte("edited"), 0); err != nil {
		w.t.Errorf("write: %v", err)
	}
	if err := h.Flush(context.Background()); err != nil {
		w.t.Errorf("flush without anybody on the host: %v", err)
	}
}

// Who opens a file while it is changed by its path does not take that for a
// foreign change: neither before the host has made it, nor before we have
// heard that it has.
func TestOpenDuringChangeByPath(t *testing.T) {
	for name, change := range byPath {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.put("f", "text")
				w.put("g", "other")
				w.age("f")
				w.want("f", "text")
				w.want("g", "other")
				ino := w.lookup("f").Attr.Ino
				started := false
				w.host.On(cachetest.Hook{Method: change.method, Path: "*", Times: 1, After: func(err error) error {
					started = true
					go w.edit("f", ino, os.O_RDWR)
					synctest.Wait() // it has got as far as it can
					return err
				}})
				w.make(change.do(w, ino))
				synctest.Wait()
				if !started {
					t.Errorf("%s was not called", change.method)
				}
				w.agree()
			})
		})
	}
}

// agree checks that every file can be written once more, and is seen here as
// the host has it, and that there was no conflict.
func (w *world) agree() {
	w.t.Helper()
	for _, name := range w.names("") {
		time.Sleep(time.Nanosecond) // the clock of synctest stands still otherwise
		if a := w.lookup(name).Attr; a.Mode&syscall.S_IFMT == syscall.S_IFREG {
			w.save(name, "saved "+name)
			w.want(name, w.there(name))
		}
	}
	if got, want := len(w.entries("")), len(w.names("")); got != want {
		w.t.Errorf("%d names are listed, the host has %d: %q", got, want, w.names(""))
	}
	w.wantLogged(0)
	if w.said.String() != "" {
		w.t.Error("a conflict was made")
	}
}

// Taking turns costs the host nothing.
func TestCallsOfChangeByPath(t *testing.T) {
	for name, change := range byPath {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.put("f", "text")
			w.put("g", "other")
			ino := w.lookup("f").Attr.Ino
			w.fake.Reset()
			w.make(change.do(w, ino))
			w.wantCalls(name, change.method+" 1")
		})
	}
}

// What is removed while somebody tries in vain to open it is removed on the
// host.
func TestUnlinkDuringOpenThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.put("f", "text")
		w.host.On(cachetest.Hook{Method: "Fetch", Path: "f", Times: 1, Before: func(context.Context) error {
			go func() {
				if err := w.Unlink(context.Background(), "f"); err != nil {
					t.Error(err)
				}
			}()
			synctest.Wait()
			return syscall.EIO
		}})
		_, err := w.tryOpen("f", os.O_RDONLY)
		wantErr(t, "open", err, syscall.EIO)
		synctest.Wait()
		w.wantNames("")
	})
}

// Who lists a directory while two names in it are swapped does not give one
// file the name of the other.
func TestListingDuringExchange(t *testing.T) {
	w := newWorld(t, timeouts(0))
	w.put("f", "of f")
	w.put("g", "of g")
	f, g := w.openFile("f", os.O_RDWR), w.openFile("g", os.O_RDWR)
	defer f.Release()
	defer g.Release()
	w.host.On(cachetest.Hook{Method: "Rename", Path: "*", Times: 1, After: func(err error) error {
		w.entries("")
		return err
	}})
	w.make(w.Rename(t.Context(), "f", "g", cache.Exchange))
	w.write(f, "to", 0)
	w.write(g, "to", 0)
	w.flush(f)
	w.flush(g)
	w.wantThere("g", "to f")
	w.wantThere("f", "to g")
	w.agree()
}

// That two names were those of one file is no reason to believe that a rename
// has done nothing.
func TestRenameToNameThatWasAnotherOfTheFile(t *testing.T) {
	w := newWorld(t)
	w.put("f", "text")
	w.make(os.Link(w.path("f"), w.path("g")))
	w.make(os.Link(w.path("f"), w.path("h")))
	w.entries("")
	w.make(os.Remove(w.path("g")))
	w.make(w.Rename(t.Context(), "f", "g", 0))
	_, err := w.Lookup(t.Context(), "f")
	wantErr(t, "the old name", err, syscall.ENOENT)
	w.agree()
}

// A listing that was begun before a file was stored under another of its names
// does not tell which version of it there is.
func TestListingOlderThanStoreUnderAnotherName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.mkdir("d")
		w.mkdir("e")
		w.put("d/f", "text")
		w.make(os.Link(w.path("d/f"), w.path("e/g")))
		ino := w.lookup("d/f").Attr.Ino
		w.late("e", func() {
			time.Sleep(time.Nanosecond) // the clock of synctest stands still otherwise
			w.save("d/f", "saved")
			go w.edit("e/g", ino, os.O_WRONLY|os.O_TRUNC)
			synctest.Wait() // it waits for the listing
		})
		w.entries("e")
		synctest.Wait()
		w.wantThere("d/f", "edited")
		w.agree()
	})
}

// Nor is a rename over a file that is opened meanwhile taken for one, when it
// was forgotten which file has the name.
func TestOpenDuringRenameOverForgottenName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.put("f", "text")
		w.put("g", "other")
		ino := w.lookup("f").Attr.Ino
		_, err := w.Create(t.Context(), "f", os.O_EXCL|os.O_RDWR, 0o600)
		wantErr(t, "create", err, syscall.EEXIST)
		w.host.On(cachetest.Hook{Method: "Rename", Path: "g", Times: 1, After: func(err error) error {
			go w.edit("f", ino, os.O_RDWR|os.O_TRUNC)
			synctest.Wait()
			return err
		}, Before: func(context.Context) error {
			go w.edit("f", ino, os.O_RDWR)
			synctest.Wait()
			return nil
		}})
		w.make(w.Rename(t.Context(), "g", "f", 0))
		synctest.Wait()
		w.wantThere("f", "other")
		w.agree()
	})
}
