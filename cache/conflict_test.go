package cache_test

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"github.com/scpfs/scpfs/cache"
	"github.com/scpfs/scpfs/cache/cachetest"
)

func policy(p cache.Policy) func(*cache.Options) {
	return func(o *cache.Options) { o.Conflict = p }
}

// conflicted is a world in which "ours" was written over "old" here and
// "foreign" on the host, and the handle.
func conflicted(t *testing.T, p cache.Policy) (*world, *cache.Handle) {
	t.Helper()
	w := newWorld(t, policy(p))
	w.put("f", "old")
	h := w.openFile("f", os.O_RDWR)
	w.write(h, "ours", 0)
	w.put("f", "foreign")
	return w, h
}

func TestConflictKeepsBoth(t *testing.T) {
	w, h := conflicted(t, cache.KeepBoth)
	wantErr(t, "flush", h.Flush(t.Context()), syscall.ESTALE)
	w.wantThere("f", "foreign")
	copied := w.only("f.conflict-here-")
	w.wantThere(copied, "ours")
	w.wantLogged(0)

	w.write(h, "more", 4)
	w.flush(h)
	w.wantThere(copied, "oursmore")
	w.wantThere("f", "foreign")
	w.want("f", "foreign")
	w.want(copied, "oursmore")
	if w.lookup("f").Attr.Ino == w.lookup(copied).Attr.Ino {
		t.Error("both files have one inode number")
	}
	h.Release()
	w.want(copied, "oursmore")
	if !strings.Contains(w.said.String(), copied) {
		t.Error("the log does not name the copy")
	}
}

func TestConflictLocal(t *testing.T) {
	w, h := conflicted(t, cache.Local)
	w.flush(h)
	h.Release()
	w.wantThere("f", "ours")
	w.wantNames("", "f")
	w.wantLogged(0)
}

func TestConflictTheirs(t *testing.T) {
	w, h := conflicted(t, cache.Theirs)
	wantErr(t, "flush", h.Flush(t.Context()), syscall.ESTALE)
	w.want("f", "foreign")
	w.write(h, "more", 4) // to a file that is gone
	w.flush(h)
	if got := contents(h); got != "oursmore" {
		t.Errorf("the handle reads %q", got)
	}
	h.Release()
	w.wantThere("f", "foreign")
	w.want("f", "foreign")
	w.wantNames("", "f")
	w.wantLogged(0)
}

func TestConflictFail(t *testing.T) {
	w, h := conflicted(t, cache.Fail)
	wantErr(t, "flush", h.Flush(t.Context()), syscall.ESTALE)
	wantErr(t, "flush again", h.Fsync(t.Context()), syscall.ESTALE)
	w.wantThere("f", "foreign")
	w.want("f", "ours")
	w.wantLogged(1)
	h.Release()
	w.close()
	w.wantLogged(1)
	w.o.Conflict = cache.KeepBoth
	w.open()
	w.wantThere(w.only("f.conflict-"), "ours")
	w.wantLogged(0)
}

// What the host has may also be gone, or be another file.
func TestConflictWithRemoval(t *testing.T) {
	for p, want := range map[cache.Policy]string{cache.KeepBoth: "f.conflict-", cache.Local: "f", cache.Theirs: ""} {
		w, h := conflicted(t, p)
		w.make(os.Remove(w.path("f")))
		err := h.Flush(t.Context())
		if p == cache.Local && err != nil || p != cache.Local && err == nil {
			t.Errorf("policy %d: flush: %v", p, err)
		}
		h.Release()
		if want == "" {
			w.wantNames("")
			_, err := w.Lookup(t.Context(), "f")
			wantErr(t, "their removal", err, syscall.ENOENT)
		} else {
			w.wantThere(w.only(want), "ours")
		}
		w.wantLogged(0)
	}
}

func TestConflictWithAnotherFile(t *testing.T) {
	for p, want := range map[cache.Policy]string{cache.KeepBoth: "foreign", cache.Local: "ours", cache.Theirs: "foreign"} {
		w, h := conflicted(t, p)
		w.replace("f", "foreign")
		h.Flush(t.Context())
		h.Release()
		w.want("f", want)
		w.wantThere("f", want)
		w.wantLogged(0)
	}
}

func TestForeignChangeDuringStore(t *testing.T) {
	w := newWorld(t)
	w.put("f", "old")
	h := w.openFile("f", os.O_RDWR)
	defer h.Release()
	w.write(h, "ours", 0)
	w.host.On(cachetest.Hook{Method: "Store", Path: "f", Times: 1, During: func() { w.put("f", "foreign") }})
	wantErr(t, "flush", h.Flush(t.Context()), syscall.ESTALE)
	w.wantThere("f", "foreign")
	w.wantThere(w.only("f.conflict-"), "ours")
}

// A foreign change before the file is opened is no conflict.
func TestForeignChangeBeforeOpen(t *testing.T) {
	w := newWorld(t, timeouts(0))
	w.put("f", "old")
	w.want("f", "old")
	w.put("f", "foreign")
	h := w.openFile("f", os.O_RDWR|os.O_APPEND)
	defer h.Release()
	w.write(h, "+", 0)
	w.flush(h)
	w.wantThere("f", "foreign+")
}

// Nor is one of attributes alone.
func TestForeignChmodIsNoConflict(t *testing.T) {
	w := newWorld(t)
	w.put("f", "old")
	h := w.openFile("f", os.O_RDWR)
	defer h.Release()
	w.write(h, "ours", 0)
	w.make(os.Chmod(w.path("f"), 0o600))
	w.make(os.Link(w.path("f"), w.path("g")))
	w.flush(h)
	w.wantThere("f", "ours")
	w.wantThere("g", "ours")
	w.wantNames("", "f", "g")
}

// A new file whose name somebody on the host has taken meanwhile.
func TestConflictOfNewFiles(t *testing.T) {
	w := newWorld(t)
	h := w.create("f")
	defer h.Release()
	w.write(h, "ours", 0)
	w.put("f", "foreign")
	wantErr(t, "flush", h.Flush(t.Context()), syscall.ESTALE)
	w.wantThere("f", "foreign")
	w.wantThere(w.only("f.conflict-"), "ours")
}

// The answer to a store is lost, but the host has it.
func TestAnswerToStoreIsLost(t *testing.T) {
	for _, name := range []string{"old", "new"} {
		w := newWorld(t)
		w.put("old", "text")
		h := w.create(name)
		w.write(h, "ours", 0)
		w.host.On(cachetest.Hook{Method: "Store", Path: "*", Times: 1, After: func(error) error { return syscall.ENOTCONN }})
		wantErr(t, "flush", h.Flush(t.Context()), syscall.ENOTCONN)
		w.write(h, "more", 4)
		w.flush(h)
		h.Release()
		w.wantThere(name, "oursmore")
		if name == "old" {
			w.wantNames("", "old")
		}
		w.wantLogged(0)
	}
}

// TestConflictCopyCannotBeStored: a copy beside the host's version that cannot be
// stored at once is a conflict all the same, and the close that stores it says so.
func TestConflictCopyCannotBeStored(t *testing.T) {
	w, h := conflicted(t, cache.KeepBoth)
	w.host.On(cachetest.Hook{Method: "Store", Path: "f", Times: 1, After: func(err error) error {
		w.host.Fail("Store", syscall.ENOSPC)
		return err
	}})
	wantErr(t, "flush", h.Flush(t.Context()), syscall.ENOSPC)
	w.wantLogged(1)
	w.host.Clear()
	wantErr(t, "the flush that stores it", h.Flush(t.Context()), syscall.ESTALE)
	w.flush(h)
	h.Release()
	w.wantThere("f", "foreign")
	w.wantThere(w.only("f.conflict-"), "ours")
	w.wantLogged(0)
	if all := w.Conflicts(); len(all) != 1 || all[0].Path != "f" {
		t.Errorf("the conflicts are %v", all)
	}
}

// The file's other names are theirs too.
func TestConflictOfHardLinks(t *testing.T) {
	w := newWorld(t)
	w.put("f", "old")
	w.make(os.Link(w.path("f"), w.path("g")))
	w.entries("")
	h := w.openFile("f", os.O_RDWR)
	w.lookup("g")
	w.write(h, "ours", 0)
	w.put("f", "foreign")
	wantErr(t, "flush", h.Flush(t.Context()), syscall.ESTALE)
	w.write(h, "more", 4)
	w.flush(h)
	h.Release()
	w.wantThere("f", "foreign")
	w.wantThere("g", "foreign")
	w.wantThere(w.only("f.conflict-"), "oursmore")
}

func TestConflictNames(t *testing.T) {
	for _, name := range []string{strings.Repeat("n", 255), strings.Repeat("ü", 127), strings.Repeat("\xbf", 255), strings.Repeat("界", 85)} {
		w := newWorld(t, func(o *cache.Options) { o.Hostname = strings.Repeat("h/", 120) })
		w.put(name, "old")
		for range 3 { // in the same second
			h := w.openFile(name, os.O_RDWR)
			w.write(h, "ours", 0)
			w.put(name, "foreign")
			wantErr(t, "flush", h.Flush(t.Context()), syscall.ESTALE)
			h.Release()
			w.make(w.Unlink(t.Context(), name))
			w.put(name, "old")
			w.remount()
		}
		if names := w.names(""); len(names) != 4 {
			t.Errorf("there are %d files, want 4: %q", len(names), names)
		}
		for _, copied := range w.names("") {
			if utf8.ValidString(name) && !utf8.ValidString(copied) {
				t.Errorf("%q was cut within a character: %q", name, copied)
			}
		}
	}
}

// A mount with Theirs drops what an earlier one could not send.
func TestFailedConflictIsSentByAnotherPolicy(t *testing.T) {
	w, h := conflicted(t, cache.Fail)
	h.Release()
	w.close()
	w.o.Conflict = cache.Theirs
	w.open()
	w.wantLogged(0)
	w.want("f", "foreign")
	w.wantNames("", "f")
}

// TestConflictEndsByItself: a file that the policy Fail kept here is no conflict any
// more when it was stored after all.
func TestConflictEndsByItself(t *testing.T) {
	w := newWorld(t, func(o *cache.Options) { o.Conflict = cache.Fail })
	w.put("f", "old")
	h := w.openFile("f", os.O_RDWR)
	defer h.Release()
	w.write(h, "ours", 0)
	w.make(os.Rename(w.path("f"), w.path("g")))
	w.put("f", "theirs")
	wantErr(t, "a close in conflict", h.Flush(t.Context()), syscall.ESTALE)
	if all := w.Conflicts(); len(all) != 1 {
		t.Errorf("the conflicts are %v", all)
	}
	w.make(os.Rename(w.path("g"), w.path("f")))
	w.flush(h)
	w.wantThere("f", "ours")
	w.write(h, "later", 0)
	if all := w.Conflicts(); len(all) != 0 {
		t.Errorf("the conflicts are %v", all)
	}
}
