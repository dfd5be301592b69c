package cache_test

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/scpfs/scpfs/cache"
)

func TestLinkOpen(t *testing.T) {
	eachState(t, func(t *testing.T, w *world, h *cache.Handle) {
		ino := h.Attr().Ino
		e, err := w.Link(t.Context(), "f", ino, "g")
		if err != nil || e.Attr.Ino != ino || e.Attr.Nlink != 2 {
			t.Fatalf("%+v, %v", e, err)
		}
		w.write(h, "more", 4)
		w.flush(h)
		for _, name := range []string{"f", "g"} {
			w.wantThere(name, "textmore")
			w.want(name, "textmore")
			if a := w.lookup(name).Attr; a.Ino != ino || a.Nlink != 2 {
				t.Errorf("%s: inode %d with %d links", name, a.Ino, a.Nlink)
			}
		}
		h.Release()
	})
}

// The name under which a file was opened goes, another stays.
func TestUnlinkOfOneNameWhileOpen(t *testing.T) {
	eachState(t, func(t *testing.T, w *world, h *cache.Handle) {
		_, err := w.Link(t.Context(), "f", h.Attr().Ino, "g")
		w.make(err)
		w.write(h, "more", 4)
		w.make(w.Unlink(t.Context(), "f"))
		if n := h.Attr().Nlink; n != 1 {
			t.Errorf("%d links", n)
		}
		w.write(h, "!", 8)
		w.flush(h)
		h.Release()
		w.wantThere("g", "textmore!")
		w.wantNames("", "g")
	})
}

// The same, when only the tree knows of the other name.
func TestUnlinkOfOpenedNameOfForeignLinks(t *testing.T) {
	for _, dirty := range []bool{false, true} {
		w := newWorld(t)
		w.put("f", "old.")
		w.mkdir("d")
		w.make(os.Link(w.path("f"), w.path("d/g")))
		w.entries("d")
		h := w.openFile("f", os.O_RDWR)
		if dirty {
			w.write(h, "text", 0)
		}
		w.make(w.Unlink(t.Context(), "f"))
		w.write(h, "more", 4)
		w.flush(h)
		h.Release()
		want := "old.more"
		if dirty {
			want = "textmore"
		}
		w.wantThere("d/g", want)
		w.wantLogged(0)
	}
}

// And when nobody knows of it: what was written before is not lost.
func TestUnlinkOfOnlyKnownName(t *testing.T) {
	w := newWorld(t)
	w.put("f", "old")
	w.mkdir("d")
	w.make(os.Link(w.path("f"), w.path("d/g")))
	h := w.openFile("f", os.O_RDWR)
	w.write(h, "text", 0)
	w.make(w.Unlink(t.Context(), "f"))
	h.Release()
	w.wantThere("d/g", "text")
	w.wantLogged(0)
}

func TestRenameOverOneOfTwoNames(t *testing.T) {
	w := newWorld(t)
	w.put("f", "old")
	w.make(os.Link(w.path("f"), w.path("g")))
	w.entries("")
	h := w.openFile("f", os.O_RDWR)
	w.write(h, "text", 0)
	w.save("new", "new")
	w.make(w.Rename(t.Context(), "new", "f", 0))
	w.flush(h)
	h.Release()
	w.wantThere("f", "new")
	w.wantThere("g", "text")
	if n := w.lookup("g").Attr.Nlink; n != 1 {
		t.Errorf("%d links", n)
	}
}

// rename(2) of one name of a file to another does nothing.
func TestRenameOfNamesOfOneFile(t *testing.T) {
	for _, isOpen := range []bool{false, true} {
		w := newWorld(t, func(o *cache.Options) { o.Timeouts.Stat = 0 })
		w.put("f", "text")
		w.make(os.Link(w.path("f"), w.path("g")))
		w.entries("")
		if isOpen {
			h := w.openFile("f", os.O_RDWR)
			defer h.Release()
			w.lookup("g")
		}
		w.make(w.Rename(t.Context(), "f", "g", 0))
		w.want("f", "text")
		w.want("g", "text")
		if len(w.entries("")) != 2 {
			t.Errorf("listed: %v", w.entries(""))
		}
	}
}

func TestLinkOfClosedFile(t *testing.T) {
	w := newWorld(t)
	w.put("f", "text")
	w.want("f", "text")
	e := w.lookup("f")
	if _, err := w.Link(t.Context(), "f", e.Attr.Ino, "g"); err != nil {
		t.Fatal(err)
	}
	w.fake.Reset()
	if a := w.lookup("f").Attr; a.Nlink != 2 {
		t.Errorf("%d links", a.Nlink)
	}
	w.want("g", "text")
	w.wantCalls("reading under the new name", "")
	w.make(w.Unlink(t.Context(), "f"))
	if a := w.lookup("g").Attr; a.Nlink != 1 || a.Ino != e.Attr.Ino {
		t.Errorf("%+v", a)
	}
}

func TestTmpfile(t *testing.T) {
	w := newWorld(t)
	h, err := w.Tmpfile(os.O_RDWR, 0o640)
	w.make(err)
	w.write(h, "text", 0)
	w.flush(h)
	w.wantLogged(0)
	ino := h.Attr().Ino
	e, err := w.Link(t.Context(), "", ino, "f")
	if err != nil || e.Attr.Ino != ino || e.Attr.Mode != syscall.S_IFREG|0o640 {
		t.Fatalf("%+v, %v", e, err)
	}
	w.wantThere("f", "text")
	w.write(h, "more", 4)
	w.flush(h)
	h.Release()
	w.wantThere("f", "textmore")
	if a := w.lookup("f").Attr; a.Ino != ino || a.Nlink != 1 {
		t.Errorf("%+v", a)
	}
	w.wantLogged(0)
}

func TestTmpfileThatIsNeverLinked(t *testing.T) {
	w := newWorld(t)
	h, err := w.Tmpfile(os.O_RDWR, 0o600)
	w.make(err)
	w.write(h, "text", 0)
	if h.Attr().Nlink != 0 {
		t.Errorf("%d links", h.Attr().Nlink)
	}
	h.Release()
	w.wantNames("")
	if got := w.objects(); len(got) != 0 {
		t.Errorf("%q are left", got)
	}
}

// A link that fails leaves the file as it was, without a name, also in the
// log.
func TestTmpfileWhoseLinkFails(t *testing.T) {
	w := newWorld(t)
	h, err := w.Tmpfile(os.O_RDWR, 0o600)
	w.make(err)
	w.write(h, "text", 0)
	w.host.Fail("Store", syscall.ENOSPC)
	_, err = w.Link(t.Context(), "", h.Attr().Ino, "f")
	wantErr(t, "link", err, syscall.ENOSPC)
	w.host.Clear()
	w.wantLogged(0)
	if contents(h) != "text" || h.Attr().Nlink != 0 {
		t.Errorf("%q, %d links", contents(h), h.Attr().Nlink)
	}
	h.Release()
	w.wantNames("")
}

func TestLinkOfRemovedFile(t *testing.T) {
	w := newWorld(t)
	w.put("f", "text")
	h := w.openFile("f", os.O_RDWR)
	defer h.Release()
	w.make(w.Unlink(t.Context(), "f"))
	_, err := w.Link(t.Context(), "", h.Attr().Ino, "g")
	wantErr(t, "link", err, syscall.ENOENT)
}

// TestFirstNameOfCopy: a file without a name that is a copy of another gets one,
// although the other has changed since.
func TestFirstNameOfCopy(t *testing.T) {
	w := newWorld(t)
	text := strings.Repeat("x", 100_000)
	w.put("src", text)
	src := w.openFile("src", os.O_RDONLY)
	defer src.Release()
	h, err := w.Tmpfile(os.O_RDWR, 0o644)
	w.make(err)
	defer h.Release()
	_, err = src.CopyRange(t.Context(), 0, h, 0, int64(len(text)))
	w.make(err)
	w.put("src", "other")
	_, err = w.Link(t.Context(), "", h.Attr().Ino, "new")
	w.make(err)
	w.wantThere("new", text)
}
