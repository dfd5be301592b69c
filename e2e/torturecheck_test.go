package e2e_test

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// settle has everything sent that is not yet: an fsync of each file, which
// must succeed soon after the link is good again.
func (l *lane) settle() {
	for _, w := range l.writers {
		var err error
		ok := await(func() bool {
			err = syncAll(l.m.path(w.name))
			return err == nil
		})
		if !ok {
			l.t.Fatalf("with a good link and server, syncing the files of %s: %v", w.name, err)
		}
		w.worlds.settle()
	}
	l.did.note("settled")
	l.sum.add(func(f *figures) { f.settled++ })
}

func syncAll(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		return f.Sync()
	})
}

// verify compares what the host has with what it must have, and takes what is
// there for promised from then on.
func (l *lane) verify() {
	if !await(func() bool { return len(unsentRecords(l.m.Cache)) == 0 }) {
		l.t.Errorf("unsent changes left in the cache: %q", unsentRecords(l.m.Cache))
	}
	for _, w := range l.writers {
		l.verifyWriter(w)
	}
}

func (l *lane) verifyWriter(w *crashedWriter) {
	there := l.contentsThere(w.name)
	if wrong := w.worlds.check(there); wrong != "" {
		w.fail(fmt.Sprintf("on the host:\n%s", wrong))
	}
	for name, b := range there {
		w.legit[sum(b)] = true
		if strings.Contains(name, ".conflict-") {
			w.fail(fmt.Sprintf("%s is left, but nobody else writes: %s", name, short(b)))
		}
	}
	// A change whose answer was cut off may be made on the host after that.
	var shown map[string][]byte
	same := func(a, b []byte) bool { return string(a) == string(b) }
	if !await(func() bool { shown = contents(l.t, l.m.path(w.name)); return maps.EqualFunc(shown, there, same) }) {
		w.fail(fmt.Sprintf("the mount does not show what the host has: %q, %q", summary(shown), summary(there)))
	}
	seen := l.reader.take(w.name)
	l.sum.add(func(f *figures) { f.seen += len(seen) })
	for _, wrong := range strange(seen, w.legit) {
		w.fail("seen on the host, and never saved: " + wrong)
	}
	for name := range there {
		if strings.Contains(name, ".recovered-") {
			if err := os.Remove(l.m.path(w.name, name)); err != nil {
				l.t.Error(err)
			}
			delete(there, name)
		}
	}
	m := crashModel{}
	for name, b := range there {
		m[name] = crashFile{durable: b, now: b}
	}
	w.worlds = crashWorlds{models: []crashModel{m}}
}

// contentsThere are the contents of a directory of the host, where temporary files
// may be seen for a moment: the end of a connection that was cut comes late to a
// busy host.
func (l *lane) contentsThere(name string) map[string][]byte {
	var there map[string][]byte
	temp := func(name string) bool { return strings.HasPrefix(filepath.Base(name), ".scpfs-") }
	if !await(func() bool {
		if len(tempFiles(l.m.there(name))) > 0 {
			return false
		}
		there = contents(l.t, l.m.there(name))
		return !slices.ContainsFunc(slices.Collect(maps.Keys(there)), temp)
	}) {
		l.t.Errorf("temporary files are left on the host: %q", tempFiles(l.m.there(name)))
	}
	return there
}

// contents reads a directory. Those below have names that end with a slash.
func contents(t testing.TB, dir string) map[string][]byte {
	there := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name := path[len(dir)+1:]
		if d.IsDir() {
			there[name+"/"] = []byte{}
			return nil
		}
		there[name], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return there
}

func summary(dir map[string][]byte) []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(dir)) {
		all = append(all, name+" "+short(dir[name]))
	}
	return all
}
