package cache_test

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/scpfs/scpfs/cache"
)

func TestInodeNumbersAreStable(t *testing.T) {
	eachState(t, func(t *testing.T, w *world, h *cache.Handle) {
		ino := h.Attr().Ino
		same := func(when, path string) {
			t.Helper()
			if got := w.lookup(path).Attr.Ino; got != ino {
				t.Errorf("%s: %d, was %d", when, got, ino)
			}
			if got := w.entries("")[path].Ino; got != ino {
				t.Errorf("%s: it is listed as %d, was %d", when, got, ino)
			}
		}
		same("open", "f")
		for range 3 {
			w.write(h, "text", 0)
			w.flush(h)
			same("stored", "f")
		}
		h.Release()
		same("closed", "f")
		w.make(w.Rename(t.Context(), "f", "g", 0))
		same("renamed", "g")
		w.save("g", "new")
		same("saved", "g")
		w.remount()
		same("mounted again", "g")
		w.save("g", "newer")
		same("saved again", "g")
	})
}

// On a host that uses inode numbers again at once, as most do, no two files
// have the same one here.
func TestInodeNumbersAreUnique(t *testing.T) {
	w := newWorld(t)
	seen := map[uint64]string{}
	var open []*cache.Handle
	for i := range 60 {
		name := fmt.Sprint("f", i)
		h := w.create(name)
		w.write(h, name, 0)
		w.flush(h)
		open = append(open, h)
		if i%3 == 0 {
			w.make(w.Unlink(t.Context(), name))
		}
		if i%4 == 0 {
			w.save(fmt.Sprint("s", i), "x")
			w.save(fmt.Sprint("s", i), "y")
		}
	}
	for i, h := range open {
		seen[h.Attr().Ino] = fmt.Sprint("handle of f", i)
	}
	if len(seen) != len(open) {
		t.Errorf("%d numbers for %d open files", len(seen), len(open))
	}
	for name, a := range w.entries("") {
		if was, ok := seen[a.Ino]; ok && was != "handle of "+name {
			t.Errorf("%s has the number of %s", name, was)
		}
		seen[a.Ino] = "handle of " + name
	}
	for i, h := range open {
		if want := fmt.Sprint("f", i); contents(h) != want {
			t.Errorf("%q, want %q", contents(h), want)
		}
		h.Release()
	}
}

func TestRootNumber(t *testing.T) {
	w := newWorld(t)
	if w.Root() != w.lookup("").Attr.Ino {
		t.Error("the root has two numbers")
	}
	if w.IsOpen(w.Root()) {
		t.Error("the root is an open file")
	}
}

// A number that the kernel has forgotten can be used again.
func TestForget(t *testing.T) {
	w := newWorld(t)
	h := w.openFile("f", os.O_RDWR|os.O_CREATE)
	ino := h.Attr().Ino
	w.Forget(ino)
	if !w.IsOpen(ino) || contents(h) != "" {
		t.Error("an open file was forgotten")
	}
	w.flush(h)
	h.Release()
	w.Forget(ino)
	if got := w.lookup("f").Attr.Ino; got != ino {
		t.Errorf("%d, was %d", got, ino)
	}
}

// TestInodeGivenToAnother: a file is open and changed here, and replaced on the
// host, which gives its inode to another. What is read and written under that
// one's name is not the first one's.
func TestInodeGivenToAnother(t *testing.T) {
	w := newWorld(t, noTimeouts)
	w.put("f", "old")
	h := w.openFile("f", os.O_RDWR)
	defer h.Release()
	w.write(h, "ours", 0)
	w.make(os.Rename(w.path("f"), w.path("g")))
	w.put("g", "another file")
	w.put("f", "the new f")
	if got := w.lookup("g").Attr; got.Ino == h.Attr().Ino || got.Size != int64(len("another file")) {
		t.Errorf("g is inode %d with %d bytes; f is %d", got.Ino, got.Size, h.Attr().Ino)
	}
	w.want("g", "another file")
	wantErr(t, "flush", h.Flush(t.Context()), syscall.ESTALE)
	w.wantThere("g", "another file")
	w.wantThere("f", "the new f")
	w.wantThere(w.only("f.conflict-here-"), "ours")
}

// TestSeparate: two names that had one inode number get two, unless the host says
// that they are links.
func TestSeparate(t *testing.T) {
	for _, links := range []bool{false, true} {
		t.Run(fmt.Sprint(links), func(t *testing.T) {
			w := newWorld(t)
			w.put("one", "")
			w.put("other", "")
			ino := w.lookup("one").Attr.Ino
			if links {
				w.make(os.Link(w.path("one"), w.path("third")))
			}
			w.put("other", "longer now")
			a, err := w.Separate(t.Context(), "one", "other", ino)
			w.make(err)
			if again := w.lookup("one").Attr.Ino; a.Ino != again || (a.Ino == ino) != links {
				t.Errorf("the number was %d, is %d, and then %d", ino, a.Ino, again)
			}
			if got := w.lookup("other").Attr.Size; got != int64(len("longer now")) {
				t.Errorf("the other name is believed: it has %d bytes", got)
			}
		})
	}
}
