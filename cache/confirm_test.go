package cache_test

import (
	"context"
	"errors"
	"os"
	"syscall"
	"testing"

	"github.com/scpfs/scpfs/cache/cachetest"
)

// The host has moved a file elsewhere, or used its inode again, and put
// another one in its place. Who opens the old name, of which we do not know
// that yet, does not get the file that is open under the new one.
func TestNameOfInodeThatIsOpenElsewhere(t *testing.T) {
	for _, first := range []string{"f", "d/g"} {
		t.Run(first+" is open", func(t *testing.T) {
			w := newWorld(t)
			w.mkdir("d")
			w.put("f", "one")
			f := w.lookup("f").Attr.Ino
			if first == "f" {
				open(t, w, "f", f)
			}
			w.make(os.Rename(w.path("f"), w.path("d/g")))
			w.put("f", "two")
			g := w.lookup("d/g").Attr.Ino
			if g != f {
				t.Fatalf("the numbers are %d and %d: nothing to confuse", f, g)
			}
			second := map[string]string{"f": "d/g", "d/g": "f"}[first]
			if first == "d/g" {
				open(t, w, "d/g", g)
			}
			if h, err := w.Open(context.Background(), second, f, os.O_RDWR); !errors.Is(err, syscall.ESTALE) {
				t.Errorf("opened %s: %v", second, err)
				if err == nil {
					h.Release()
				}
			}
			w.save(second, "saved")
			w.wantThere(second, "saved")
			if first == "d/g" {
				w.wantThere("d/g", "one")
			} else {
				w.wantThere("f", "two")
			}
		})
	}
}

// open opens a file until the test ends.
func open(t *testing.T, w *world, path string, ino uint64) {
	t.Helper()
	h, err := w.Open(context.Background(), path, ino, os.O_RDWR)
	w.make(err)
	t.Cleanup(h.Release)
}

// TestInodeMovesBetweenQuestions: the host gives the inode of one name to the
// other just between the two questions that are to tell them apart.
func TestInodeMovesBetweenQuestions(t *testing.T) {
	w := newWorld(t)
	w.put("f", "one")
	f := w.lookup("f").Attr.Ino
	open(t, w, "f", f)
	w.make(os.Rename(w.path("f"), w.path("g")))
	w.host.On(cachetest.Hook{Method: "Stat", Path: "g", Times: 1, After: func(err error) error {
		w.make(os.Rename(w.path("g"), w.path("f")))
		w.put("g", "two")
		return err
	}})
	if h, err := w.Open(context.Background(), "g", f, os.O_RDWR); !errors.Is(err, syscall.ESTALE) {
		t.Errorf("opened g: %v", err)
		if err == nil {
			h.Release()
		}
	}
	w.save("g", "saved")
	w.wantThere("g", "saved")
	w.wantThere("f", "one")
}
