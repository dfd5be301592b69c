package cache_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/scpfs/scpfs/cache"
	"github.com/scpfs/scpfs/cache/cachetest"
)

// halves are changes of names that take several lines of the log: what is saved
// before, on a host that does not answer, of which it is told only the first; what
// is done, and what the host may have in the end if the mount dies meanwhile. It
// has f from the beginning.
var halves = map[string]struct {
	before        []saved
	do            func(w *world) error
	undone, whole map[string]string
	partly        map[string]string // of two changes, the first
}{
	"a new file is renamed": {
		[]saved{{"new", "text"}},
		func(w *world) error { return w.Rename(w.t.Context(), "new", "g", 0) },
		map[string]string{"f": old, "new": "text"}, map[string]string{"f": old, "g": "text"}, nil,
	},
	"a new file over another": {
		[]saved{{"g", "older"}, {"new", "text"}},
		func(w *world) error { return w.Rename(w.t.Context(), "new", "g", 0) },
		map[string]string{"f": old, "g": "older", "new": "text"}, map[string]string{"f": old, "g": "text"}, nil,
	},
	"a new file over another, of which the host was told": {
		[]saved{{"new", "text"}, {"g", "older"}},
		func(w *world) error { return w.Rename(w.t.Context(), "new", "g", 0) },
		map[string]string{"f": old, "g": "older", "new": "text"}, map[string]string{"f": old, "g": "text"}, nil,
	},
	"a new file over one of the host's": {
		[]saved{{"new", "text"}},
		func(w *world) error { return w.Rename(w.t.Context(), "new", "f", 0) },
		map[string]string{"f": old, "new": "text"}, map[string]string{"f": "text"}, nil,
	},
	"a new file over one that was changed": {
		[]saved{{"f", "changed"}, {"new", "text"}},
		func(w *world) error { return w.Rename(w.t.Context(), "new", "f", 0) },
		map[string]string{"f": "changed", "new": "text"}, map[string]string{"f": "text"}, nil,
	},
	"a new file, of which the host was told, over one that was changed": {
		[]saved{{"new", "text"}, {"f", "changed"}},
		func(w *world) error { return w.Rename(w.t.Context(), "new", "f", 0) },
		map[string]string{"f": "changed", "new": "text"}, map[string]string{"f": "text"}, nil,
	},
	"the host's": {
		[]saved{{"new", "text"}},
		func(w *world) error { return w.Rename(w.t.Context(), "f", "g", 0) },
		map[string]string{"f": old, "new": "text"}, map[string]string{"g": old, "new": "text"}, nil,
	},
	"the host's over a new one": {
		[]saved{{"g", "older"}},
		func(w *world) error { return w.Rename(w.t.Context(), "f", "g", 0) },
		map[string]string{"f": old, "g": "older"}, map[string]string{"g": old}, nil,
	},
	"the host's over a new one that waits": {
		[]saved{{"new", "text"}, {"g", "older"}},
		func(w *world) error { return w.Rename(w.t.Context(), "f", "g", 0) },
		map[string]string{"f": old, "g": "older", "new": "text"}, map[string]string{"g": old, "new": "text"}, nil,
	},
	"a new file, saved twice": {
		[]saved{{"new", "text"}, {"new", "longer"}},
		func(w *world) error { return w.Rename(w.t.Context(), "new", "g", 0) },
		map[string]string{"f": old, "new": "longer"}, map[string]string{"f": old, "g": "longer"}, nil,
	},
	"one over another, and on": {
		[]saved{{"new", "text"}, {"g", "older"}},
		func(w *world) error {
			if err := w.Rename(w.t.Context(), "new", "g", 0); err != nil {
				return err
			}
			return w.Rename(w.t.Context(), "g", "f", 0)
		},
		map[string]string{"f": old, "g": "older", "new": "text"}, map[string]string{"f": "text"},
		map[string]string{"f": old, "g": "text"},
	},
	"one that was changed": {
		[]saved{{"f", "changed"}},
		func(w *world) error { return w.Rename(w.t.Context(), "f", "g", 0) },
		map[string]string{"f": "changed"}, map[string]string{"g": "changed"}, nil,
	},
	"a new file is removed": {
		[]saved{{"new", "text"}},
		func(w *world) error { return w.Unlink(w.t.Context(), "new") },
		map[string]string{"f": old, "new": "text"}, map[string]string{"f": old}, nil,
	},
	"one that was changed is removed": {
		[]saved{{"f", "changed"}},
		func(w *world) error { return w.Unlink(w.t.Context(), "f") },
		map[string]string{"f": "changed"}, map[string]string{}, nil,
	},
}

type saved struct{ name, text string }

// TestKilledBetweenLines: a mount that is killed between two lines of the log has
// made the change, or not. Nothing else comes of it, whether or not the host has
// what it did not answer to.
func TestKilledBetweenLines(t *testing.T) {
	for name, c := range halves {
		for _, stored := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", stored: ", stored), func(t *testing.T) {
				for lines, more := 0, true; more; lines++ {
					w := newWorld(t, func(o *cache.Options) { o.WriteBack = true })
					w.put("f", old)
					w.want("f", old)
					w.saveInVain(c.before, stored)
					more = w.killedAfter(lines, func() { w.make(c.do(w)) })
					w.open()
					w.sent()
					if got := w.files(); !maps.Equal(got, c.undone) && !maps.Equal(got, c.whole) && (c.partly == nil || !maps.Equal(got, c.partly)) {
						t.Errorf("after %d lines the host has %v", lines, got)
					}
					w.close()
				}
			})
		}
	}
}

// saveInVain saves files on a host that does not answer, be it that it stores the
// first of them or not.
func (w *world) saveInVain(files []saved, stored bool) {
	w.t.Helper()
	silent := func(context.Context) error { return syscall.ENOTCONN }
	told := make(chan struct{})
	for i, f := range files {
		if i == 0 {
			w.host.On(cachetest.Hook{Method: "Store", Path: f.name, Times: 1,
				Before: func(ctx context.Context) error {
					close(told)
					if stored {
						return nil
					}
					return silent(ctx)
				},
				After: func(error) error { return syscall.ENOTCONN },
			})
		}
		w.save(f.name, f.text)
		if i == 0 {
			<-told
			w.host.On(cachetest.Hook{Method: "*", Path: "*", Before: silent})
			w.eventually("the host is known to be away", w.IsAway)
		}
	}
}

// killedAfter makes a change, and leaves the cache as it was when the log had so
// many lines of it. It reports whether there were more.
func (w *world) killedAfter(lines int, change func(), open ...*cache.Handle) (more bool) {
	w.t.Helper()
	log := filepath.Join(w.o.Dir, "0", "changes")
	dir := w.snapshot()
	before, err := os.ReadFile(log)
	w.make(err)
	change()
	after, err := os.ReadFile(log)
	w.make(err)
	if lines > 0 { // the first is there before contents change
		w.copyObjects(dir)
	}
	for _, h := range open {
		h.Release()
	}
	w.close()
	rest, ok := bytes.CutPrefix(after, before)
	if !ok { // it was written anew, which is done at once
		before, rest, lines = nil, after, everything
	}
	all := bytes.SplitAfter(rest, []byte("\n"))
	all = all[:len(all)-1]
	w.make(os.WriteFile(filepath.Join(dir, "0", "changes"), append(before, bytes.Join(all[:min(lines, len(all))], nil)...), 0o600))
	w.o.Dir = dir
	return lines < len(all)
}

// snapshot is the cache as it would be found if the mount died now.
func (w *world) snapshot() string {
	w.t.Helper()
	dir := filepath.Join(memory(w.t), "killed")
	for {
		before := w.logText()
		err := os.CopyFS(dir, os.DirFS(w.o.Dir))
		if !errors.Is(err, os.ErrNotExist) {
			w.make(err)
			if w.logText() == before {
				return dir
			}
		}
		w.make(os.RemoveAll(dir)) // something has changed since
	}
}

// logText is what is in the log.
func (w *world) logText() string {
	w.t.Helper()
	b, err := os.ReadFile(filepath.Join(w.o.Dir, "0", "changes"))
	w.make(err)
	return string(b)
}

// copyObjects copies the contents that are here to another cache, in which those
// stay that are here no more.
func (w *world) copyObjects(dir string) {
	w.t.Helper()
	for _, name := range w.objects() {
		b, err := os.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) {
			continue // since just now
		}
		w.make(err)
		rel, err := filepath.Rel(w.o.Dir, name)
		w.make(err)
		w.make(os.WriteFile(filepath.Join(dir, rel), b, 0o600))
	}
}

// files are what the host has, by name, also in its directories.
func (w *world) files() map[string]string {
	w.t.Helper()
	all := map[string]string{}
	for _, name := range w.names("") {
		if w.lstat(name).Mode&syscall.S_IFMT != syscall.S_IFDIR {
			all[name] = w.there(name)
			continue
		}
		for _, inner := range w.names(name) {
			all[name+"/"+inner] = w.there(name + "/" + inner)
		}
	}
	return all
}
