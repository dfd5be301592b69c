package cache_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/scpfs/scpfs/cache"
	"github.com/scpfs/scpfs/cache/cachetest"
)

// lostAnswer loses the answer to the next call of a method.
func lostAnswer(method string) cachetest.Hook {
	return cachetest.Hook{Method: method, Path: "*", Times: 1, After: func(error) error { return syscall.ENOTCONN }}
}

// copied is a world with a conflict whose copy is on the host, and its name.
func copiedConflict(t *testing.T) (*world, string) {
	t.Helper()
	w, h := conflicted(t, cache.KeepBoth)
	wantErr(t, "flush", h.Flush(t.Context()), syscall.ESTALE)
	h.Release()
	return w, w.only("f.conflict-")
}

// TestConflictsAreRemembered: by the next mount, also if it gets another
// directory of the cache, until the copy is gone.
func TestConflictsAreRemembered(t *testing.T) {
	w, name := copiedConflict(t)
	check := func(when string) {
		t.Helper()
		all := w.Conflicts()
		if len(all) != 1 || all[0].Kind != "conflict" || all[0].Path != "f" || all[0].Copy != name || all[0].Time.IsZero() {
			t.Errorf("%s: %+v", when, all)
		}
	}
	check("at once")
	w.remount()
	check("after a remount")
	dir := w.CacheDir()
	w.close()
	other, err := cache.Open(context.Background(), cachetest.NewDir(w.dir), w.o)
	if err != nil {
		t.Fatal(err)
	}
	w.open()
	if w.CacheDir() == dir {
		t.Error("both have one directory")
	}
	if err := other.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	w.remount()
	check("of a mount that has ended")
	if err := w.Unlink(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	if all := w.Conflicts(); len(all) != 0 {
		t.Errorf("the copy was removed: %+v", all)
	}
}

// TestDamagedConflicts: a damaged list costs the list alone.
func TestDamagedConflicts(t *testing.T) {
	w, name := copiedConflict(t)
	w.close()
	path := filepath.Join(w.o.Dir, "0", "conflicts")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)/2] ^= 1
	w.make(os.WriteFile(path, text, 0o600))
	w.open()
	if all := w.Conflicts(); len(all) != 0 {
		t.Errorf("got %+v", all)
	}
	w.want(name, "ours")
	w.want("f", "foreign")
	if !strings.Contains(w.said.String(), "list of conflicts is damaged") {
		t.Error("it was not said")
	}
}

func TestResolve(t *testing.T) {
	for keep, want := range map[cache.Keep]struct{ f, copied string }{
		cache.KeepOurs:   {"ours", ""},
		cache.KeepTheirs: {"foreign", ""},
		cache.KeepCopies: {"foreign", "ours"},
	} {
		w, name := copiedConflict(t)
		if saved, err := w.Resolve(t.Context(), "f", keep); err != nil || saved != "" {
			t.Errorf("keep %d: %q, %v", keep, saved, err)
		}
		w.want("f", want.f)
		w.wantThere("f", want.f)
		if want.copied == "" {
			w.wantNames("", "f")
		} else {
			w.wantThere(name, want.copied)
		}
		if all := w.Conflicts(); len(all) != 0 {
			t.Errorf("keep %d: %+v", keep, all)
		}
		_, err := w.Resolve(t.Context(), "f", keep)
		if !errors.Is(err, cache.ErrNoConflict) {
			t.Errorf("again: %v", err)
		}
	}
}

// TestResolveComparesVersions: ours takes the place of the version that was
// shown here, and of no other.
func TestResolveComparesVersions(t *testing.T) {
	w, name := copiedConflict(t)
	w.want("f", "foreign")
	w.put("f", "newer")
	_, err := w.Resolve(t.Context(), "f", cache.KeepOurs)
	if !errors.Is(err, cache.ErrChanged) {
		t.Errorf("got %v", err)
	}
	w.wantThere("f", "newer")
	w.wantThere(name, "ours")
	w.want("f", "newer")
	if _, err := w.Resolve(t.Context(), name, cache.KeepOurs); err != nil {
		t.Errorf("after it was shown: %v", err)
	}
	w.wantThere("f", "ours")
	w.wantNames("", "f")
}

// TestResolveOfSeveral: with several copies of a file one has to be named.
func TestResolveOfSeveral(t *testing.T) {
	w, name := copiedConflict(t)
	h := w.openFile("f", os.O_RDWR|os.O_TRUNC)
	w.write(h, "ours again", 0)
	w.put("f", "foreign again")
	wantErr(t, "flush", h.Flush(t.Context()), syscall.ESTALE)
	h.Release()
	_, err := w.Resolve(t.Context(), "f", cache.KeepTheirs)
	if !errors.Is(err, cache.ErrSeveral) {
		t.Errorf("got %v", err)
	}
	if _, err := w.Resolve(t.Context(), name, cache.KeepTheirs); err != nil {
		t.Error(err)
	}
	if _, err := w.Resolve(t.Context(), "f", cache.KeepTheirs); err != nil {
		t.Error(err)
	}
	w.wantNames("", "f")
}

// TestResolveStuck is about what the policy Fail keeps here.
func TestResolveStuck(t *testing.T) {
	for keep, want := range map[cache.Keep]string{cache.KeepOurs: "ours", cache.KeepTheirs: "foreign", cache.KeepCopies: "foreign"} {
		w, h := conflicted(t, cache.Fail)
		wantErr(t, "flush", h.Flush(t.Context()), syscall.ESTALE)
		h.Release()
		all := w.Conflicts()
		if len(all) != 1 || all[0].Kind != "stuck" || all[0].Path != "f" {
			t.Errorf("conflicts: %+v", all)
		}
		saved, err := w.Resolve(t.Context(), "f", keep)
		if err != nil {
			t.Errorf("keep %d: %v", keep, err)
		}
		w.want("f", want)
		w.wantThere("f", want)
		w.wantLogged(0)
		switch keep {
		case cache.KeepTheirs:
			if text, err := os.ReadFile(saved); err != nil || string(text) != "ours" {
				t.Errorf("saved in %s: %q, %v", saved, text, err)
			}
		case cache.KeepCopies:
			w.wantThere(w.only("f.conflict-"), "ours")
		}
	}
}

// TestUnsent: what the host does not have, why, and where it is; a person can
// give it up, and nothing is dropped without that.
func TestUnsent(t *testing.T) {
	w := newWorld(t)
	w.put("f", "old")
	h := w.openFile("f", os.O_RDWR)
	if all := w.Unsent(); len(all) != 0 {
		t.Errorf("clean: %+v", all)
	}
	w.write(h, "ours", 0)
	if all := w.Unsent(); len(all) != 1 || all[0].Err != nil || !all[0].Open || all[0].Size != 4 {
		t.Errorf("dirty: %+v", all)
	}
	_, err := w.Resolve(t.Context(), "f", cache.KeepTheirs)
	if !errors.Is(err, cache.ErrBusy) {
		t.Errorf("what a program is writing was given up: %v", err)
	}
	w.host.Fail("Store", syscall.EROFS)
	wantErr(t, "flush", h.Flush(t.Context()), syscall.EROFS)
	all := w.Unsent()
	if len(all) != 1 || !errors.Is(all[0].Err, syscall.EROFS) || all[0].Path != "f" || all[0].Since.IsZero() {
		t.Fatalf("not stored: %+v", all)
	}
	if text, err := os.ReadFile(all[0].Local); err != nil || string(text) != "ours" {
		t.Errorf("contents: %q, %v", text, err)
	}
	h.Release()
	saved, err := w.Resolve(t.Context(), "f", cache.KeepTheirs)
	if text, rerr := os.ReadFile(saved); err != nil || rerr != nil || string(text) != "ours" {
		t.Errorf("given up: %q, %v, %v", text, err, rerr)
	}
	if all := w.Unsent(); len(all) != 0 {
		t.Errorf("given up: %+v", all)
	}
	w.wantLogged(0)
	w.want("f", "old")
	w.remount()
	if _, err := os.Stat(saved); err != nil {
		t.Errorf("the next mount: %v", err)
	}
}
