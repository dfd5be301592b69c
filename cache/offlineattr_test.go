package cache_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/scpfs/scpfs/cache"
)

// TestAttributesOffline: a file whose attributes were set while the host was away
// has its contents all the same, can be renamed and written to, and the host gets
// all of that in its order.
func TestAttributesOffline(t *testing.T) {
	w := known(t)
	w.offline()
	set := func(name string, ch cache.Change) {
		t.Helper()
		_, err := w.Setattr(t.Context(), name, w.lookup(name).Attr.Ino, ch)
		w.make(err)
	}
	mode, past := uint32(0o700), time.Now().Add(-time.Hour).UnixNano()
	set("file", cache.Change{Mode: &mode})
	w.want("file", "old")
	set("file", cache.Change{Mtime: &past})
	w.want("file", "old")
	w.make(w.Rename(t.Context(), "file", "moved", 0))
	w.want("moved", "old")
	set("d/file", cache.Change{Mode: &mode, Mtime: &past})
	w.save("d/file", "newer")
	w.want("d/file", "newer")
	_, err := w.Truncate(t.Context(), "d/file", w.lookup("d/file").Attr.Ino, 3)
	w.make(err)
	w.want("d/file", "new")
	w.online()
	w.sent()
	w.wantThere("moved", "old")
	w.wantThere("d/file", "new")
	w.wantNames("", "d", "moved")
	w.wantNames("d", "empty", "file", "link")
	w.wantSet("moved", mode, past, true)
	w.wantSet("d/file", mode, past, false)
	w.fake.Reset()
	w.want("d/file", "new")
	w.wantCalls("reading what was saved here", "")
}

// TestAttributesOfOpenFileOffline: a file need not be closed for its attributes
// to be set, and what is written afterwards keeps those that it does not change.
func TestAttributesOfOpenFileOffline(t *testing.T) {
	w := known(t)
	w.offline()
	mode, past := uint32(0o700), time.Now().Add(-time.Hour).UnixNano()
	set := func(name string, h *cache.Handle) {
		t.Helper()
		_, err := w.Setattr(t.Context(), name, w.lookup(name).Attr.Ino, cache.Change{Mode: &mode, Mtime: &past})
		w.make(err)
		if a := h.Attr(); a.Mode&0o777 != mode || a.Mtime != past {
			t.Errorf("%s has the mode %o and is of %v", name, a.Mode, time.Unix(0, a.Mtime))
		}
	}
	reader, writer := w.openFile("file", syscall.O_RDONLY), w.openFile("d/file", syscall.O_RDWR)
	set("file", reader)
	set("d/file", writer)
	w.write(writer, "B", 0)
	w.flush(writer)
	reader.Release()
	writer.Release()
	w.online()
	w.sent()
	w.wantThere("file", "old")
	w.wantThere("d/file", "Below")
	w.wantSet("file", mode, past, true)
	w.wantSet("d/file", mode, past, false)
}

// wantSet checks the attributes that a file was given, of which the time holds
// unless the file was written to since.
func (w *world) wantSet(name string, mode uint32, mtime int64, unwritten bool) {
	w.t.Helper()
	st := w.lstat(name)
	if got := st.Mode & 0o777; got != mode {
		w.t.Errorf("%s has the mode %o", name, got)
	}
	if (st.Mtim.Nano() < mtime+int64(time.Minute)) != unwritten {
		w.t.Errorf("%s is of %v", name, time.Unix(0, st.Mtim.Nano()))
	}
}
