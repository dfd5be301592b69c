package scpio_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scpfs/scpfs/scpio"
	"github.com/scpfs/scpfs/scpio/scptest"
)

// TestAbove: the answers to changes of names tell what has become of their
// directories, those to other requests tell nothing.
func TestAbove(t *testing.T) {
	scptest.Need(t, "perl")
	r := newRemote(t, scptest.Start(t), scpio.Options{Shells: 1})
	told := map[string]scpio.Attr{}
	r.OnAbove(func(name string, dir scpio.Attr, _ time.Time) { told[name] = dir })
	ctx := t.Context()
	for _, dir := range []string{"d", "e"} {
		_, err := r.Mkdir(ctx, dir, 0o755)
		check(t, err)
	}
	have := func(name string) *scpio.Attr { a := r.stat(t, name); return &a }
	attr := func(_ scpio.Attr, err error) error { return err }
	for _, c := range []struct {
		what string
		want string // the names whose directories are told of
		do   func() error
	}{
		{"create", "d/a", func() error { return attr(r.Create(ctx, "d/a", 0o644)) }},
		{"store", "d/a", func() error { return attr(r.store(ctx, "d/a", "text", *have("d/a"))) }},
		{"large store", "d/a", func() error { return attr(r.store(ctx, "d/a", noise(1<<20), *have("d/a"))) }},
		{"store of what is new", "new", func() error { return attr(r.store(ctx, "new", "text", scpio.Attr{})) }},
		{"append", "", func() error { return attr(r.storeRest(t, "new", "text and more", 4, *have("new"))) }},
		{"symlink", "d/s", func() error { return attr(r.Symlink(ctx, "a", "d/s")) }},
		{"link", "d/l", func() error { return attr(r.Link(ctx, "d/a", "d/l")) }},
		{"rename", "d/m", func() error { return attr(r.Rename(ctx, "d/l", "d/m", 0)) }},
		{"rename to another directory", "d/m e/m", func() error { return attr(r.Rename(ctx, "d/m", "e/m", 0)) }},
		{"rename if", "d/a e/b", func() error { return attr(r.RenameIf(ctx, "d/a", "e/b", have("d/a"), &scpio.Attr{})) }},
		{"remove", "e/m", func() error { return r.Remove(ctx, "e/m") }},
		{"remove if", "e/b", func() error { return r.RemoveIf(ctx, "e/b", *have("e/b")) }},
		{"mkdir", "e/dir", func() error { return attr(r.Mkdir(ctx, "e/dir", 0o755)) }},
		{"rmdir", "e/dir", func() error { return r.Rmdir(ctx, "e/dir") }},
		{"setattr", "", func() error { return attr(r.Setattr(ctx, "d", scpio.Change{Mode: new(uint32(0o700))})) }},
		{"list", "", func() error { _, _, err := r.List(ctx, "d"); return err }},
	} {
		clear(told)
		check(t, c.do())
		names := strings.Join(slices.Sorted(maps.Keys(told)), " ")
		if names != c.want {
			t.Errorf("%s tells of the directories of %q, want %q", c.what, names, c.want)
		}
		for name, a := range told {
			dir := name[:max(strings.LastIndexByte(name, '/'), 0)]
			if want := r.attrOf(t, dir); !same(a, want) || a.Nlink != want.Nlink {
				t.Errorf("%s tells %+v of the directory of %s, it is %+v", c.what, a, name, want)
			}
		}
	}
}
