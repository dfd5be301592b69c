package e2e_test

import (
	"crypto/rand"
	"os"
	"testing"
	"time"

	"github.com/scpfs/scpfs/scpio/scptest"
)

const mib = 1 << 20

// TestCopyOnHost: a copy inside the mount is made by the host. Neither way
// carries the contents, even when they are not here yet.
func TestCopyOnHost(t *testing.T) {
	srv := scptest.Start(t)
	link := scptest.NewLink(t, srv.Addr, scptest.LinkOptions{})
	m := mountAt(t, srv.Via(t, link), mountOptions{})
	data := make([]byte, 8*mib)
	rand.Read(data)
	writeFile(t, m.path("big"), string(data))
	for _, tt := range []struct{ name, script string }{
		{"cp", "cp big copy1"},
		{"cp reflink", "cp --reflink=auto --sparse=never big copy2"},
		{"cp -a", "cp -a big copy3"},
	} {
		up, down := link.BytesUp(), link.BytesDown()
		shell(t, m.Point, tt.script)
		if up, down = link.BytesUp()-up, link.BytesDown()-down; up > mib || down > mib {
			t.Errorf("%s: %d bytes up and %d down for a file of %d", tt.name, up, down, len(data))
		}
	}
	for _, name := range []string{"copy1", "copy2", "copy3"} {
		wantFile(t, m.there(name), string(data))
	}
}

// writeAged writes a file whose last change is a while ago. One that was
// written in the tick of the clock in which it is fetched is fetched again.
func writeAged(t testing.TB, path, data string) {
	t.Helper()
	writeFile(t, path, data)
	past := time.Now().Add(-time.Minute)
	if err := os.Chtimes(path, past, past); err != nil {
		t.Fatal(err)
	}
}

// TestWarmReading: what has been read once is read again without the host,
// also when the host is gone.
func TestWarmReading(t *testing.T) {
	srv := scptest.Start(t)
	link := scptest.NewLink(t, srv.Addr, scptest.LinkOptions{})
	m := mountAt(t, srv.Via(t, link), mountOptions{words: []string{"cache_timeout=100"}})
	data := make([]byte, 2*mib)
	rand.Read(data)
	writeAged(t, m.there("file"), string(data))
	wantFile(t, m.path("file"), string(data))
	before := link.BytesDown()
	wantFile(t, m.path("file"), string(data))
	if got := link.BytesDown() - before; got > mib/4 {
		t.Errorf("%d bytes came for a file that was here", got)
	}
	srv.Stop()
	wantFile(t, m.path("file"), string(data))
	srv.Restart()
	writeFile(t, m.path("file"), "changed\n")
	wantFile(t, m.there("file"), "changed\n")
}

// TestKeptOverRemount: the cache serves the next mount.
func TestKeptOverRemount(t *testing.T) {
	srv := scptest.Start(t)
	link := scptest.NewLink(t, srv.Addr, scptest.LinkOptions{})
	m := mountAt(t, srv.Via(t, link), mountOptions{})
	data := make([]byte, 4*mib)
	rand.Read(data)
	writeAged(t, m.there("file"), string(data))
	wantFile(t, m.path("file"), string(data))
	m.Unmount()
	m.Mount()
	before := link.BytesDown()
	wantFile(t, m.path("file"), string(data))
	if got := link.BytesDown() - before; got > mib {
		t.Errorf("%d bytes came for a file of the last mount", got)
	}
}
