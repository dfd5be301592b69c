package cache_test

import (
	"os"
	"testing"
	"time"
)

// TestDirectoryAfterChange: what has become of a directory by our own change in it is
// known from the answer to that.
func TestDirectoryAfterChange(t *testing.T) {
	w := newWorld(t)
	w.mkdir("d")
	w.mkdir("e")
	w.put("d/f", "text")
	w.put("e/h", "text")
	w.entries("d")
	w.entries("e")
	ctx := t.Context()
	for _, c := range []struct {
		what string
		do   func() error
	}{
		{"store", func() error { w.save("d/f", "more"); return nil }},
		{"exclusive create", func() error {
			h, err := w.Create(ctx, "d/new", os.O_EXCL|os.O_RDWR, 0o644)
			if err == nil {
				h.Release()
			}
			return err
		}},
		{"unlink", func() error { return w.Unlink(ctx, "d/new") }},
		{"mkdir", func() error { _, err := w.Mkdir(ctx, "d/dir", 0o755); return err }},
		{"rmdir", func() error { return w.Rmdir(ctx, "d/dir") }},
		{"symlink", func() error { _, err := w.Symlink(ctx, "f", "d/s"); return err }},
		{"link", func() error { _, err := w.Link(ctx, "d/f", w.lookup("d/f").Attr.Ino, "d/l"); return err }},
		{"rename", func() error { return w.Rename(ctx, "d/s", "d/t", 0) }},
		{"rename to another", func() error { return w.Rename(ctx, "d/f", "e/f", 0) }},
		{"rename over another", func() error { return w.Rename(ctx, "e/h", "d/t", 0) }},
	} {
		time.Sleep(20 * time.Millisecond) // or the host's clock gives it the same time
		w.make(c.do())
		w.fake.Reset()
		for _, dir := range []string{"d", "e"} {
			got, want := w.lookup(dir).Attr, w.lstat(dir)
			if got.Mtime != want.Mtim.Nano() || got.Ctime != want.Ctim.Nano() || got.Nlink != uint32(want.Nlink) {
				t.Errorf("after %s: %s is %+v, the host has %+v", c.what, dir, got, want)
			}
		}
		w.wantCalls("the directories after "+c.what, "")
	}
}
