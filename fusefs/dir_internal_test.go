package fusefs

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"

	"github.com/scpfs/scpfs/cache"
	"github.com/scpfs/scpfs/cache/cachetest"
)

// TestSeekdirBeforeReading: the kernel may have read the first entries from its
// copy of what another handle gave it, and go on with this one.
func TestSeekdirBeforeReading(t *testing.T) {
	dir := t.TempDir()
	for i := range 5 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint("file", i)), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c, err := cache.Open(t.Context(), cachetest.NewDir(dir), cache.Options{Dir: t.TempDir(), Timeouts: cache.SameTimeouts(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	f := New(c, Options{})
	t.Cleanup(func() {
		f.Close()
		if err := c.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	fs.NewNodeFS(f.Root(), &fs.Options{RootStableAttr: f.Options().RootStableAttr})
	for off, want := range map[uint64]string{0: ".", 2: "file0", 5: "file3", 7: "", 1 << 62: ""} {
		d := &dirHandle{n: f.root}
		if errno := d.Seekdir(t.Context(), off); errno != 0 {
			t.Fatal(errno)
		}
		e, errno := d.Readdirent(t.Context())
		got := ""
		if e != nil {
			got = e.Name
		}
		if errno != 0 || got != want {
			t.Errorf("at %d there is %q, %v, want %q", off, got, errno, want)
		}
	}
}
