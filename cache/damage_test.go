package cache_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func init() {
	scenes["several flushes failed"] = func(a *actor) error {
		for name, text := range unsentTexts {
			h, err := a.create(name, text, 0)
			if err == nil {
				err = a.flushFails(h)
			}
			if err != nil {
				return err
			}
		}
		_, err := a.Readdir(context.Background(), "")
		return err
	}
}

// unsentTexts are what the scene of several failed flushes leaves unsent.
var unsentTexts = map[string]string{
	"one": "what the program has saved as one", "two": "what the program has saved as two", "three": "what the program has saved as three",
}

// damages are what can become of a file whose writing is cut short, whose disk
// fails, or that is written in place by something else.
var damages = map[string]func(b []byte, at int, r *rand.Rand) []byte{
	"cut off": func(b []byte, at int, _ *rand.Rand) []byte { return b[:at] },
	"one bit": func(b []byte, at int, r *rand.Rand) []byte { b[at] ^= 1 << r.IntN(8); return b },
	"zeros from here": func(b []byte, at int, _ *rand.Rand) []byte {
		clear(b[at:])
		return b
	},
	"other bytes": func(b []byte, at int, r *rand.Rand) []byte {
		for i := at; i < min(len(b), at+16); i++ {
			b[i] = byte(r.Uint32())
		}
		return b
	},
	"something in between": func(b []byte, at int, _ *rand.Rand) []byte {
		return append(append(bytes.Clone(b[:at]), "\n00000000 {}\n"...), b[at:]...)
	},
}

// TestDamageLosesNothing damages the index, and each file of the log, at many
// offsets, in a cache with unsent contents. These come to the host, or stay
// here and are named.
func TestDamageLosesNothing(t *testing.T) {
	w := closedWorld(t)
	w.kill("several flushes failed")
	whole := filepath.Join(t.TempDir(), "whole")
	w.make(os.CopyFS(whole, os.DirFS(w.o.Dir)))
	for _, file := range damageable(t, whole) {
		b, err := os.ReadFile(filepath.Join(whole, file))
		w.make(err)
		for what, damage := range damages {
			for at := 0; at < len(b); at += 1 + len(b)/5 {
				w.make(os.RemoveAll(w.o.Dir))
				w.make(os.CopyFS(w.o.Dir, os.DirFS(whole)))
				w.make(os.RemoveAll(w.dir))
				w.make(os.Mkdir(w.dir, 0o755))
				r := rand.New(rand.NewPCG(uint64(at), uint64(len(what))))
				w.make(os.WriteFile(filepath.Join(w.o.Dir, file), damage(bytes.Clone(b), at, r), 0o600))
				w.open()
				w.close()
				w.open() // once more: what was kept once is kept
				w.close()
				w.wantNothingLost(fmt.Sprintf("%s: %s at %d", filepath.Dir(file), what, at))
			}
		}
	}
}

// damageable are the files of a cache that say what its contents are.
func damageable(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && !strings.Contains(path, "objects/") && d.Name() != "lock" {
			all = append(all, path)
		}
		return err
	})
	if err != nil || len(all) < 2 {
		t.Fatalf("the cache has %q, %v", all, err)
	}
	return all
}

// wantNothingLost looks for what the scene has left unsent.
func (w *world) wantNothingLost(after string) {
	w.t.Helper()
	for name, text := range unsentTexts {
		if b, err := os.ReadFile(w.path(name)); err == nil && string(b) == text {
			continue
		}
		object := ""
		for _, o := range w.objects() {
			if b, err := os.ReadFile(o); err == nil && string(b) == text {
				object = filepath.Base(o)
			}
		}
		switch {
		case object == "":
			w.t.Errorf("%s: %s is lost; the host has %q", after, name, w.names(""))
		case !strings.Contains(w.said.String(), object):
			w.t.Errorf("%s: %s stays here, and is not named", after, name)
		}
	}
}
