package cache_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scpfs/scpfs/cache"
)

// distrusting believes nothing for longer than a moment, so that everything has to
// be asked for.
func distrusting(o *cache.Options) { o.Timeouts = cache.SameTimeouts(time.Nanosecond) }

// known is a world whose tree has been looked at: d/file and d/link, file.
func known(t *testing.T, adjust ...func(*cache.Options)) *world {
	t.Helper()
	w := newWorld(t, adjust...)
	w.mkdir("d/empty")
	w.put("file", "old")
	w.put("d/file", "below")
	w.make(os.Symlink("file", w.path("d/link")))
	for _, dir := range []string{"", "d", "d/empty"} {
		w.entries(dir)
	}
	w.want("file", "old")
	w.want("d/file", "below")
	return w
}

// offline opens the cache again, without a host.
func (w *world) offline() {
	w.t.Helper()
	w.close()
	w.o.Offline = true
	w.open()
	w.o.Offline = false
	w.host.Leave()
}

func (w *world) online() {
	w.t.Helper()
	w.host.Clear()
	w.make(w.Online(context.Background()))
}

// wantKnown checks what known has looked at.
func (w *world) wantKnown() {
	w.t.Helper()
	w.want("file", "old")
	w.want("d/file", "below")
	for dir, want := range map[string]int{"": 2, "d": 3, "d/empty": 0} {
		if got := w.entries(dir); len(got) != want {
			w.t.Errorf("%q has %v, want %d names", dir, got, want)
		}
	}
	target, err := w.Readlink(context.Background(), "d/link")
	if err != nil || target != "file" {
		w.t.Errorf("the link says %q, %v", target, err)
	}
	_, err = w.Lookup(context.Background(), "d/none")
	wantErr(w.t, "a name that did not exist", err, syscall.ENOENT)
}

// TestPartlyKnown: of a directory of which not every name is known any more, a
// mount without the host shows what an earlier one knew, but for what is newer.
func TestPartlyKnown(t *testing.T) {
	w := known(t)
	w.remount()
	w.save("file", "newer")
	w.save("gone", "text")
	w.unanswered("Remove")
	wantErr(t, "a removal without an answer", w.Unlink(context.Background(), "gone"), syscall.ENOTCONN)
	w.offline()
	w.want("file", "newer")
	w.want("d/file", "below")
}

// TestHostAway: what is here can be read while the host cannot be reached,
// whatever its age, and what is not fails.
func TestHostAway(t *testing.T) {
	w := known(t, distrusting)
	w.mkdir("later")
	w.host.Leave()
	w.wantKnown()
	_, err := w.Lookup(context.Background(), "later/x")
	wantErr(t, "what nobody has looked at", err, syscall.EHOSTUNREACH)
	w.host.Clear()
	w.put("file", "new")
	w.want("file", "new")
}

// TestHostAwayAfterRemount: so can what only an earlier mount has seen.
func TestHostAwayAfterRemount(t *testing.T) {
	w := known(t, distrusting)
	w.remount()
	w.host.Leave()
	w.wantKnown()
}

// TestOffline: a mount without a host shows what is known; changes wait and reach
// the host when it is back, in the same mount.
func TestOffline(t *testing.T) {
	for _, back := range []string{"in the mount", "in the next"} {
		t.Run(back, func(t *testing.T) {
			w := known(t)
			w.offline()
			w.wantKnown()
			w.save("file", "changed")
			w.save("new", "new")
			_, err := w.Mkdir(context.Background(), "made", 0o755)
			w.make(err)
			w.save("made/file", "in it")
			w.make(w.Unlink(context.Background(), "d/file"))
			w.want("file", "changed")
			w.want("made/file", "in it")
			h := w.openFile("new", os.O_WRONLY)
			w.write(h, "NEW", 0)
			if err := h.Fsync(context.Background()); err != nil {
				t.Errorf("fsync without a host: %v", err)
			}
			h.Release()
			w.wantThere("file", "old")
			if back == "in the mount" {
				w.online()
			} else {
				w.offline() // and once more in vain
				w.want("file", "changed")
				w.want("made/file", "in it")
				w.remount()
			}
			w.sent()
			w.wantThere("file", "changed")
			w.wantThere("new", "NEW")
			w.wantThere("made/file", "in it")
			w.wantNames("d", "empty", "link")
			w.save("file", "and on") // written through again
			w.wantThere("file", "and on")
		})
	}
}

// TestOfflineConflict: what somebody else has changed meanwhile is not lost.
func TestOfflineConflict(t *testing.T) {
	w := known(t)
	w.offline()
	w.save("file", "ours")
	w.make(w.Unlink(context.Background(), "d/file"))
	w.replace("file", "theirs")
	w.replace("d/file", "theirs, too")
	w.online()
	w.sent()
	w.wantThere("file", "theirs")
	w.wantThere("d/file", "theirs, too")
	w.wantThere(w.only("file.conflict-"), "ours")
}

// TestOfflineAfterCrash: what was being written over another file when the mount
// died becomes a copy, also without a host.
func TestOfflineAfterCrash(t *testing.T) {
	w := newWorld(t)
	w.put("f", "old")
	w.entries("")
	w.close()
	w.kill("modified")
	w.offline()
	copied := ""
	for name := range w.entries("") {
		if strings.HasPrefix(name, "f.recovered-") {
			copied = name
		}
	}
	w.want(copied, "new")
	w.lookup("f")
	w.online()
	w.sent()
	w.want("f", "old")
	w.wantThere("f", "old")
	w.wantThere(w.only("f.recovered-"), "new")
}

// TestOfflineUnknown: nobody can be shown what nobody has seen.
func TestOfflineUnknown(t *testing.T) {
	w := closedWorld(t)
	w.o.Offline = true
	_, err := cache.Open(context.Background(), nil, w.o)
	if !errors.Is(err, cache.ErrUnknown) {
		t.Errorf("open: %v", err)
	}
}

// TestSavedTreeIsCarriedOver: directories that a mount did not look at stay known,
// unless they are gone.
func TestSavedTreeIsCarriedOver(t *testing.T) {
	w := known(t)
	w.mkdir("gone")
	w.put("gone/file", "x")
	w.entries("gone")
	w.close()
	w.make(os.RemoveAll(w.path("gone")))
	w.open()
	w.entries("") // and not d
	w.offline()
	w.wantKnown()
	_, err := w.Lookup(context.Background(), "gone")
	wantErr(t, "a directory that is gone", err, syscall.ENOENT)
}

// TestSavedTreeOfACrash: what was known some minutes before a mount died is
// known to the next.
func TestSavedTreeOfACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := known(t)
		if len(w.savedTrees()) > 0 {
			t.Fatal("a tree was written at once")
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		saved := w.savedTrees()
		if len(saved) != 1 {
			t.Fatalf("there are %d trees, want 1", len(saved))
		}
		b, err := os.ReadFile(saved[0])
		w.make(err)
		w.put("d/later", "not known when it was written")
		w.make(os.Remove(w.path("file")))
		time.Sleep(2 * time.Hour)
		w.entries("d")
		w.entries("")
		w.close()
		w.make(os.WriteFile(saved[0], b, 0o600)) // as if it had not come to the end
		w.offline()
		w.wantKnown()
	})
}

// savedTrees are the files that the names of the host are written to.
func (w *world) savedTrees() []string {
	w.t.Helper()
	files, err := filepath.Glob(filepath.Join(w.o.Dir, "*", "tree"))
	w.make(err)
	return files
}

// TestSavedTreeOfAnotherView: what was shown in another way is not shown.
func TestSavedTreeOfAnotherView(t *testing.T) {
	w := known(t)
	w.close()
	w.o.Offline, w.o.View = true, "another"
	if _, err := cache.Open(context.Background(), nil, w.o); !errors.Is(err, cache.ErrUnknown) {
		t.Errorf("open: %v", err)
	}
}

// TestSavedTreeDamaged: a damaged file is as good as none.
func TestSavedTreeDamaged(t *testing.T) {
	w := known(t)
	w.close()
	files := w.savedTrees()
	b, err := os.ReadFile(files[0])
	w.make(err)
	for i := 0; i < len(b); i += 1 + len(b)/50 {
		b[i] ^= 1
		w.make(os.WriteFile(files[0], b, 0o600))
		b[i] ^= 1
		w.o.Offline = true
		if _, err := cache.Open(context.Background(), nil, w.o); !errors.Is(err, cache.ErrUnknown) {
			t.Fatalf("byte %d of %d damaged: %v", i, len(b), err)
		}
	}
	w.o.Offline = false
	w.open()
	w.entries("")
}

// TestEmptyHost: a host that lists nothing any more, or is gone, costs nothing of
// what is here.
func TestEmptyHost(t *testing.T) {
	w := known(t, distrusting)
	for _, how := range []string{"empty", "gone"} {
		w.make(os.Rename(w.dir, w.dir+".away"))
		if how == "empty" {
			w.make(os.Mkdir(w.dir, 0o755))
			if got := w.entries(""); len(got) != 0 {
				t.Errorf("an empty directory has %v", got)
			}
		} else if _, err := w.Readdir(context.Background(), ""); err == nil {
			t.Error("a directory that is gone can be listed")
		}
		w.make(os.RemoveAll(w.dir))
		w.make(os.Rename(w.dir+".away", w.dir))
		w.fake.Reset()
		w.wantKnown()
		if n := w.fake.Calls()["Fetch"]; n != 0 {
			t.Errorf("%s: %d files were fetched again", how, n)
		}
	}
}

// rename is Rename of what can be renamed.
func (w *world) rename(from, to string) {
	w.t.Helper()
	if err := w.Rename(context.Background(), from, to, 0); err != nil {
		w.t.Fatalf("rename %s to %s: %v", from, to, err)
	}
}

// TestOfflineNames: what the host has is renamed, replaced and removed without it,
// open or not, and the host follows, in this mount or the next.
func TestOfflineNames(t *testing.T) {
	for _, back := range []string{"in the mount", "in the next"} {
		t.Run(back, func(t *testing.T) {
			w := known(t)
			w.put("over", "to be replaced")
			w.put("open", "open")
			w.remount()
			w.entries("")
			w.want("over", "to be replaced")
			w.want("open", "open")
			w.offline()
			ctx := context.Background()
			ino := w.lookup("d/file").Attr.Ino
			w.rename("d/file", "over") // over another
			w.want("over", "below")
			if n := w.lookup("over").Attr.Ino; n != ino {
				t.Errorf("the number of a renamed file was %d, is %d", ino, n)
			}
			w.rename("d/link", "link")
			h := w.openFile("open", os.O_RDWR)
			w.rename("open", "open.1") // open, and then written to
			w.rename("open.1", "open.2")
			w.write(h, "OPEN, more", 0)
			w.flush(h)
			w.save("open", "another")
			w.rename("file", "file~") // as vim saves
			w.save("file", "saved")
			w.make(w.Unlink(ctx, "file~"))
			w.make(w.Unlink(ctx, "open.2"))
			w.want("file", "saved")
			w.make(w.Rmdir(ctx, "d/empty"))
			wantErr(t, "rmdir of what is not there", w.Rmdir(ctx, "d/empty"), syscall.ENOENT)
			nlink := w.lookup("d").Attr.Nlink
			w.make(w.Rmdir(ctx, "d"))
			if nlink != 2 || w.lookup("").Attr.Nlink != 2 {
				t.Errorf("directories have %d and %d links", nlink, w.lookup("").Attr.Nlink)
			}
			_, err := w.Mkdir(ctx, "d", 0o755)
			w.make(err)
			w.save("d/new", "new")
			h.Release()
			check := func() {
				t.Helper()
				got := w.entries("")
				for _, name := range []string{"d", "file", "link", "open", "over"} {
					if _, ok := got[name]; !ok {
						t.Errorf("%s is not listed", name)
					}
				}
				if len(got) != 5 {
					t.Errorf("the names are %v", got)
				}
				w.want("over", "below")
				w.want("file", "saved")
				w.want("open", "another")
				w.want("d/new", "new")
			}
			check()
			if back == "in the mount" {
				w.online()
			} else {
				w.offline()
				check()
				w.remount()
			}
			w.sent()
			check()
			w.wantNames("", "d", "file", "link", "open", "over")
			w.wantNames("d", "new")
			w.wantThere("over", "below")
			w.wantThere("file", "saved")
			w.wantThere("open", "another")
		})
	}
}

// TestOfflineNamesConflict: names that others have changed meanwhile lose nothing.
func TestOfflineNamesConflict(t *testing.T) {
	w := known(t)
	w.put("over", "to be replaced")
	w.put("gone", "x")
	w.remount()
	w.entries("")
	w.want("over", "to be replaced")
	w.want("gone", "x")
	w.offline()
	w.rename("file", "over")
	w.rename("d/file", "free")
	w.rename("gone", "went")
	w.make(w.Rmdir(context.Background(), "d/empty"))
	w.replace("over", "theirs")
	w.replace("free", "theirs, too")
	w.put("d/empty/not", "empty")
	w.make(os.Remove(w.path("gone")))
	w.online()
	w.sent()
	w.wantThere("over", "theirs")
	w.wantThere("free", "theirs, too")
	w.wantThere(w.only("over.conflict-"), "old")
	w.wantThere(w.only("free.conflict-"), "below")
	w.wantThere("d/empty/not", "empty")
	w.want("over", "theirs")
	w.want(w.only("over.conflict-"), "old")
	if _, err := w.Lookup(context.Background(), "went"); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("what is gone on the host: %v", err)
	}
	w.want("d/empty/not", "empty")
}

// TestRecoveredInBatches: what an earlier mount has left goes to the host many at
// a time.
func TestRecoveredInBatches(t *testing.T) {
	w := known(t)
	w.offline()
	for i := range 100 {
		w.save(fmt.Sprint("d/new", i), "text")
	}
	w.remount()
	w.sent()
	// The first has to be looked for, as the mount without a host has tried to send
	// it. The fake counts the steps of batches.
	if calls := w.fake.Calls(); calls["Batch"] < 99 {
		t.Errorf("the calls were %v", calls)
	}
	for i := range 100 {
		w.wantThere(fmt.Sprint("d/new", i), "text")
	}
}
