package cache

import (
	"bytes"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// openJournal opens the log of a directory, and gives what it has by object.
func openJournal(t *testing.T, dir string) (*journal, map[string]record) {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	j := newJournal(root, slog.New(slog.NewTextHandler(t.Output(), nil)))
	t.Cleanup(func() { j.close(); root.Close() })
	all, err := j.load()
	if err != nil {
		t.Fatal(err)
	}
	has := map[string]record{}
	for i, r := range all {
		has[r.Object] = r
		if i > 0 && r.Seq < all[i-1].Seq {
			t.Errorf("record %d is of change %d, and comes after %d", i, r.Seq, all[i-1].Seq)
		}
	}
	return j, has
}

func same(a, b map[string]record) bool {
	return maps.EqualFunc(a, b, func(a, b record) bool { return a.Object == b.Object && a.Seq == b.Seq && bytes.Equal(a.Path, b.Path) })
}

// TestJournal notes and ends records at random, with names that make the file
// large enough to be written anew, and opens it now and then.
func TestJournal(t *testing.T) {
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(1, 1))
	j, has := openJournal(t, dir)
	for i := range 20_000 {
		object := fmt.Sprint("o", r.IntN(100))
		if r.IntN(3) == 0 {
			j.drop(object)
			delete(has, object)
		} else {
			rec := record{Object: object, Seq: uint64(i), Path: []byte(strings.Repeat("p", 1+r.IntN(1000)))}
			if err := j.note(rec); err != nil {
				t.Fatal(err)
			}
			has[object] = rec
		}
		if i%1000 == 999 {
			again, got := openJournal(t, dir)
			if !same(got, has) {
				t.Fatalf("after %d changes there are %d records, want %d", i, len(got), len(has))
			}
			j = again
		}
	}
	st, err := os.Stat(filepath.Join(dir, journalName))
	if err != nil || st.Size() > 2*leastRewritten {
		t.Errorf("the file has %d bytes, %v", st.Size(), err)
	}
	for object := range has {
		j.drop(object)
	}
	if st, err := os.Stat(filepath.Join(dir, journalName)); err != nil || st.Size() > 0 {
		t.Errorf("with nothing of use it has %d bytes, %v", st.Size(), err)
	}
}

// TestJournalOfMany writes and syncs from several goroutines, while the file is
// written anew.
func TestJournalOfMany(t *testing.T) {
	dir := t.TempDir()
	j, _ := openJournal(t, dir)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 200 {
				object := fmt.Sprintf("o%d", g)
				if err := j.note(record{Object: object, Seq: uint64(i), Path: []byte(strings.Repeat("p", 4000))}); err != nil {
					t.Error(err)
				}
				if err := j.sync(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if j.synced != j.lines || j.doubt {
		t.Errorf("%d of %d lines are on the disk, doubt %v", j.synced, j.lines, j.doubt)
	}
	if _, got := openJournal(t, dir); len(got) != 8 {
		t.Errorf("it has %d records, want 8", len(got))
	}
}

// TestJournalFull: what could not be written to its end is not there, and is in
// nobody's way.
func TestJournalFull(t *testing.T) {
	dir := t.TempDir()
	j, _ := openJournal(t, dir)
	note := func(object string) error {
		return j.note(record{Object: object, Path: []byte("p")})
	}
	if err := note("a"); err != nil {
		t.Fatal(err)
	}
	whole := j.f
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	j.f = full
	if err := note("b"); err == nil {
		t.Error("noted on a full disk")
	}
	j.f = whole
	if err := note("c"); err != nil {
		t.Fatal(err)
	}
	if _, has := openJournal(t, dir); len(has) != 2 || has["b"].Object != "" {
		t.Errorf("it has %v", has)
	}
}

// Whatever a log holds, its lines are read or called damaged, and places are in
// the file.
func FuzzReadJournal(f *testing.F) {
	good, err := record{Object: "abc", Path: []byte("f")}.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(nil))
	f.Add(good)
	f.Add(append(bytes.Clone(good[:20]), good...))
	f.Fuzz(func(t *testing.T, b []byte) {
		found := false
		b = append(append(bytes.Clone(b), '\n'), good...)
		damaged := readJournal(bytes.NewReader(b), func(r record, at place) {
			if at.off < 0 || at.off+at.size > int64(len(b)) || b[at.off+at.size-1] != '\n' {
				t.Fatalf("a record at %+v of %d bytes", at, len(b))
			}
			found = found || at.off+at.size == int64(len(b))
		})
		if !found {
			t.Errorf("the whole line at the end was lost; damaged: %q", damaged)
		}
	})
}
