package cache_test

import (
	"context"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/scpfs/scpfs/cache"
	"github.com/scpfs/scpfs/cache/cachetest"
)

// read has "old" of a file read here, and "foreign" written on the host.
func readThenChanged(t *testing.T, p cache.Policy) *world {
	t.Helper()
	w := newWorld(t, policy(p))
	w.put("f", "old")
	w.put("new", "ours")
	w.want("f", "old")
	w.want("new", "ours")
	w.put("f", "foreign")
	return w
}

// All policies but Local keep what nobody here has seen.
var keepers = []cache.Policy{cache.KeepBoth, cache.Theirs, cache.Fail}

// TestUnlinkOfWhatChanged: a file that was read here is removed as it was read;
// who has been told, and removes it again, means it.
func TestUnlinkOfWhatChanged(t *testing.T) {
	for _, p := range keepers {
		w := readThenChanged(t, p)
		w.fake.Reset()
		wantErr(t, "unlink", w.Unlink(t.Context(), "f"), syscall.EBUSY)
		w.wantThere("f", "foreign")
		if err := w.Unlink(t.Context(), "f"); err != nil {
			t.Errorf("again: %v", err)
		}
		w.wantNames("", "new")
	}
	w := readThenChanged(t, cache.Local)
	if err := w.Unlink(t.Context(), "f"); err != nil {
		t.Error(err)
	}
	w.wantNames("", "new")
}

// TestUnlinkOfWhatChangedIsOpen is the same for a file that is open here, clean
// or with changes.
func TestUnlinkOfWhatChangedIsOpen(t *testing.T) {
	w := newWorld(t)
	w.put("f", "old")
	h := w.openFile("f", os.O_RDWR)
	w.put("f", "foreign")
	wantErr(t, "unlink", w.Unlink(t.Context(), "f"), syscall.EBUSY)
	w.wantThere("f", "foreign")
	w.write(h, "ours", 0)
	wantErr(t, "unlink of what is changed here", w.Unlink(t.Context(), "f"), syscall.EBUSY)
	wantErr(t, "flush", h.Flush(t.Context()), syscall.ESTALE)
	h.Release()
	w.wantThere("f", "foreign")
	w.wantThere(w.only("f.conflict-"), "ours")
}

// TestUnlinkOfWhatWasListed: of a name that nobody here has read the contents
// are not known, and it goes as on the host itself. So does one whose
// attributes alone were changed there.
func TestUnlinkOfWhatWasListed(t *testing.T) {
	w := newWorld(t)
	w.put("f", "old")
	w.put("g", "old")
	w.lookup("f")
	w.want("g", "old")
	w.put("f", "foreign")
	w.make(os.Chmod(w.path("g"), 0o600))
	w.fake.Reset()
	for _, name := range []string{"f", "g"} {
		if err := w.Unlink(t.Context(), name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.wantNames("")
	if calls := w.fake.Calls(); calls["Remove"] != 2 || len(calls) != 1 {
		t.Errorf("calls: %v", calls)
	}
}

func TestUnlinkOfWhatIsGone(t *testing.T) {
	w := newWorld(t)
	w.put("f", "old")
	w.want("f", "old")
	w.make(os.Remove(w.path("f")))
	wantErr(t, "unlink", w.Unlink(t.Context(), "f"), syscall.ENOENT)
}

// TestInodeOfWhatWasReplaced: somebody else replaces a file that was read here, and the
// host gives its inode to the very file that is to replace it from here.
func TestInodeOfWhatWasReplaced(t *testing.T) {
	for range 20 { // not all file systems do it each time
		w := newWorld(t)
		w.put("f", "old")
		w.put("f.theirs", "theirs")
		w.entries("")
		w.want("f", "old")
		was := w.lstat("f").Ino
		w.make(os.Rename(w.path("f.theirs"), w.path("f")))
		w.save("new", "ours")
		reused := w.lstat("new").Ino == was
		wantErr(t, "rename", w.Rename(t.Context(), "new", "f", 0), syscall.EBUSY)
		w.wantThere("f", "theirs")
		w.close()
		if reused || t.Failed() {
			return
		}
	}
	t.Log("the file system of this machine gave no inode again")
}

// TestRenameToWhatIsGone: there was something of the name, of another kind even, until
// the host said that it is gone. What has come since is not replaced.
func TestRenameToWhatIsGone(t *testing.T) {
	w := newWorld(t, func(o *cache.Options) { o.Timeouts.Stat = time.Nanosecond })
	w.mkdir("to")
	w.put("from", "ours")
	w.entries("")
	w.make(os.Remove(w.path("to")))
	_, err := w.Lookup(t.Context(), "to")
	wantErr(t, "lookup", err, syscall.ENOENT)
	w.host.On(cachetest.Hook{Method: "Rename", Path: "from", Times: 1, Before: func(context.Context) error {
		w.put("to", "theirs")
		return nil
	}})
	wantErr(t, "rename", w.Rename(t.Context(), "from", "to", 0), syscall.EBUSY)
	w.wantThere("to", "theirs")
}

// TestRenameOfWhatWasADirectory: a file that has taken its place is not renamed over
// another, which is nothing that a program here can have meant.
func TestRenameOfWhatWasADirectory(t *testing.T) {
	w := newWorld(t)
	w.mkdir("from")
	w.mkdir("to")
	w.entries("")
	for _, name := range []string{"from", "to"} {
		w.make(os.Remove(w.path(name)))
		w.put(name, "theirs, "+name)
	}
	wantErr(t, "rename", w.Rename(t.Context(), "from", "to", 0), syscall.EBUSY)
	w.wantThere("from", "theirs, from")
	w.wantThere("to", "theirs, to")
}

// TestUnlinkOfWhatHasCome: nobody here can mean a file of a name that is believed not
// to exist, such as that of a conflict which was resolved by a copy just now, or of
// which the host has just said that it is gone.
func TestUnlinkOfWhatHasCome(t *testing.T) {
	w := newWorld(t)
	w.put("g", "text")
	w.entries("")
	w.put("f", "theirs")
	wantErr(t, "unlink", w.Unlink(t.Context(), "f"), syscall.ENOENT)
	w.wantThere("f", "theirs")

	w.make(os.Remove(w.path("g")))
	_, err := w.tryOpen("g", os.O_RDONLY)
	wantErr(t, "open", err, syscall.ENOENT)
	w.host.On(cachetest.Hook{Method: "Stat", Path: "g", Times: 1, After: func(err error) error {
		w.put("g", "theirs")
		return err
	}})
	wantErr(t, "unlink", w.Unlink(t.Context(), "g"), syscall.ENOENT)
	w.wantThere("g", "theirs")
}

// TestRenameOverWhatChanged: a save by renaming is a change of what was read
// before, and the host's version stays.
func TestRenameOverWhatChanged(t *testing.T) {
	for _, p := range keepers {
		w := readThenChanged(t, p)
		wantErr(t, "rename", w.Rename(t.Context(), "new", "f", 0), syscall.EBUSY)
		w.wantThere("f", "foreign")
		w.want("f", "foreign")
		if p != cache.KeepBoth {
			w.wantThere("new", "ours")
			continue
		}
		copied := w.only("f.conflict-here-")
		w.wantThere(copied, "ours")
		w.want(copied, "ours")
		w.wantNames("", "f", copied)
		if all := w.Conflicts(); len(all) != 1 || all[0].Path != "f" || all[0].Copy != copied {
			t.Errorf("conflicts: %+v", all)
		}
		if err := w.Rename(t.Context(), copied, "f", 0); err != nil {
			t.Errorf("by who has been told: %v", err)
		}
		w.wantThere("f", "ours")
		if all := w.Conflicts(); len(all) != 0 {
			t.Errorf("conflicts that were ended by a rename: %+v", all)
		}
	}
	w := readThenChanged(t, cache.Local)
	if err := w.Rename(t.Context(), "new", "f", 0); err != nil {
		t.Error(err)
	}
	w.wantThere("f", "ours")
}

// TestRenameOverWhatIsNew: a name that was not there is there now.
func TestRenameOverWhatIsNew(t *testing.T) {
	w := newWorld(t)
	w.put("new", "ours")
	w.lookup("new")
	w.put("f", "foreign")
	wantErr(t, "rename", w.Rename(t.Context(), "new", "f", 0), syscall.EBUSY)
	w.want("f", "foreign")
	w.wantThere(w.only("f.conflict-"), "ours")
}

// TestRenameOverWhatIsGone: there is nothing to lose.
func TestRenameOverWhatIsGone(t *testing.T) {
	w := newWorld(t)
	w.put("f", "old")
	w.put("new", "ours")
	w.want("f", "old")
	w.make(os.Remove(w.path("f")))
	if err := w.Rename(t.Context(), "new", "f", 0); err != nil {
		t.Error(err)
	}
	w.want("f", "ours")
	w.wantNames("", "f")
}

// TestRenameOfWhatChanged: an editor moves the old version away, writes the
// new one, and removes the old.
func TestRenameOfWhatChanged(t *testing.T) {
	for _, p := range keepers {
		w := readThenChanged(t, p)
		wantErr(t, "rename", w.Rename(t.Context(), "f", "f~", 0), syscall.EBUSY)
		w.wantThere("f", "foreign")
		if err := w.Rename(t.Context(), "f", "f~", 0); err != nil {
			t.Errorf("by who has been told: %v", err)
		}
		w.wantThere("f~", "foreign")
	}
	w := readThenChanged(t, cache.Local)
	if err := w.Rename(t.Context(), "f", "f~", 0); err != nil {
		t.Error(err)
	}
	w.wantThere("f~", "foreign")
}

// TestRenameWhileEdited: changes that are not sent go with the name, and meet
// the foreign version there.
func TestRenameWhileEdited(t *testing.T) {
	w := newWorld(t)
	w.put("f", "old")
	h := w.openFile("f", os.O_RDWR)
	w.write(h, "ours", 0)
	w.put("f", "foreign")
	if err := w.Rename(t.Context(), "f", "g", 0); err != nil {
		t.Fatal(err)
	}
	wantErr(t, "flush", h.Flush(t.Context()), syscall.ESTALE)
	h.Release()
	w.wantThere("g", "foreign")
	w.wantThere(w.only("g.conflict-"), "ours")
}

// TestForeignRename: a file that was renamed on the host while it is edited here
// is one that was removed there.
func TestForeignRename(t *testing.T) {
	w := newWorld(t)
	w.put("f", "old")
	h := w.openFile("f", os.O_RDWR)
	w.write(h, "ours", 0)
	w.make(os.Rename(w.path("f"), w.path("g")))
	wantErr(t, "flush", h.Flush(t.Context()), syscall.ESTALE)
	h.Release()
	w.wantThere("g", "old")
	w.wantThere(w.only("f.conflict-"), "ours")
}

// TestSetattrOfWhatChanged: a change of attributes is made on what the host
// has, whoever has written it, and takes nothing from it.
func TestSetattrOfWhatChanged(t *testing.T) {
	w := readThenChanged(t, cache.KeepBoth)
	mode := uint32(0o600)
	ino := w.lookup("f").Attr.Ino
	if _, err := w.Setattr(t.Context(), "f", ino, cache.Change{Mode: &mode}); err != nil {
		t.Fatal(err)
	}
	w.wantThere("f", "foreign")
	w.want("f", "foreign")
}

// TestTruncateOfWhatChanged is about truncate(2) of a file that nobody has open.
func TestTruncateOfWhatChanged(t *testing.T) {
	for p, want := range map[cache.Policy]string{cache.KeepBoth: "foreign", cache.Local: "fo"} {
		w := readThenChanged(t, p)
		_, err := w.Truncate(t.Context(), "f", w.lookup("f").Attr.Ino, 2)
		if p == cache.Local && err != nil || p != cache.Local && err == nil {
			t.Errorf("policy %d: %v", p, err)
		}
		w.wantThere("f", want)
	}
}

// TestLostAnswerIsNoConflict: what the host has is a store of ours.
func TestLostAnswerIsNoConflict(t *testing.T) {
	w := newWorld(t)
	w.put("f", "old")
	h := w.openFile("f", os.O_RDWR)
	w.write(h, "ours", 0)
	w.host.On(lostAnswer("Store"))
	if h.Flush(t.Context()) == nil {
		t.Error("the answer was not lost")
	}
	w.wantThere("f", "ours")
	if err := w.Unlink(t.Context(), "f"); err != nil {
		t.Errorf("unlink: %v", err)
	}
	h.Release()
	w.wantNames("")
}
