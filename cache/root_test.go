package cache_test

import (
	"context"
	"os"
	"syscall"
	"testing"
)

// wantRoot checks that the directory itself has attributes, under the number that
// a kernel was given of it and never looks up.
func (w *world) wantRoot(ino uint64) {
	w.t.Helper()
	a, err := w.Getattr(context.Background(), "", true, ino)
	if err != nil || a.Ino != ino || a.Mode&syscall.S_IFMT != syscall.S_IFDIR {
		w.t.Errorf("the directory itself is %v, %v", a, err)
	}
}

// TestRootAfterRecovery: a mount that has begun by sending what another left in the
// directory itself has that directory.
func TestRootAfterRecovery(t *testing.T) {
	w := newWorld(t, writeBack)
	w.entries("")
	w.away()
	w.save("new", "text")
	_, err := w.Mkdir(context.Background(), "dir", 0o755)
	w.make(err)
	w.remount()
	w.wantRoot(w.Root())
	w.wantNames("", "dir", "new")
}

// TestRootReplaced: if somebody puts another directory in the place of the one that
// is mounted, that is what is shown.
func TestRootReplaced(t *testing.T) {
	w := newWorld(t, distrusting)
	w.put("old", "text")
	w.entries("")
	ino := w.Root()
	w.wantRoot(ino)
	w.make(os.Rename(w.dir, w.dir+".old"))
	w.mkdir("")
	w.put("new", "text")
	w.wantRoot(ino)
	if all := w.entries(""); len(all) != 1 || all["new"].Ino == 0 {
		t.Errorf("it has %v", all)
	}
}
