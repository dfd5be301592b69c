package scpio_test

import (
	"maps"
	"slices"
	"syscall"
	"testing"

	"github.com/scpfs/scpfs/scpio"
)

// testListTree compares the listing of a subtree with those of its
// directories one by one.
func testListTree(t *testing.T, r *remote) {
	r.mkdir(t, "a")
	r.mkdir(t, "a/deep")
	r.mkdir(t, "a/deep/empty")
	r.mkdir(t, "b\nc")
	for _, name := range []string{"f", "a/one", "a/two", "a/deep/x", "b\nc/=y", "a/zz"} {
		r.write(t, name, name)
	}
	r.symlink(t, "../f", "a/link")

	tree, more := listTree(t, r, 1000)
	if more {
		t.Error("a limit was found that was not reached")
	}
	got := byDir(tree)
	want := []string{"", "a", "a/deep", "a/deep/empty", "b\nc"}
	if dirs := slices.Sorted(maps.Keys(got)); !slices.Equal(dirs, want) {
		t.Fatalf("listed %q, want %q", dirs, want)
	}
	for dir, l := range got {
		self, entries, err := r.List(t.Context(), dir)
		check(t, err)
		l.Self.Attr.Atime, self.Attr.Atime = 0, 0 // listing is reading
		if l.Self.Attr != self.Attr || !slices.Equal(sorted(l.Entries), sorted(entries)) {
			t.Errorf("%q: got %v %v, want %v %v", dir, l.Self, l.Entries, self, entries)
		}
	}

	few, more := listTree(t, r, 4)
	for dir, l := range byDir(few) {
		if !slices.Equal(sorted(l.Entries), sorted(got[dir].Entries)) {
			t.Errorf("with a limit, %q: got %v, want %v", dir, l.Entries, got[dir].Entries)
		}
	}
	if len(few) == len(tree) || !more {
		t.Error("the limit was not kept")
	}
	if _, err := r.Stat(t.Context(), "f"); err != nil {
		t.Errorf("after a listing that was cut short: %v", err)
	}
	for range 3 {
		_, err := r.ListTree(t.Context(), "a/one", 1000, func(l scpio.Listing) { t.Errorf("listed %v", l) })
		wantErrno(t, "a file", err, syscall.ENOTDIR)
		if e, err := r.Stat(t.Context(), "f"); err != nil || e.Attr != r.stat(t, "f") {
			t.Errorf("after a listing of a file: %v, %v", e, err)
		}
	}
}

func listTree(t *testing.T, r *remote, limit int) (all []scpio.Listing, more bool) {
	t.Helper()
	more, err := r.ListTree(t.Context(), "", limit, func(l scpio.Listing) { all = append(all, l) })
	check(t, err)
	return all, more
}

func byDir(all []scpio.Listing) map[string]scpio.Listing {
	m := map[string]scpio.Listing{}
	for _, l := range all {
		m[l.Path] = l
	}
	return m
}

func sorted(entries []scpio.Entry) []scpio.Entry {
	for i := range entries {
		entries[i].Attr.Atime = 0
	}
	slices.SortFunc(entries, func(a, b scpio.Entry) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return entries
}
