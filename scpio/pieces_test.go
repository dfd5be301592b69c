package scpio_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/scpfs/scpfs/scpio"
	"github.com/scpfs/scpfs/scpio/scptest"
)

// noise is contents of which no two pieces are alike.
func noise(size int) string {
	b := make([]byte, size)
	rand.NewChaCha8([32]byte{}).Read(b)
	return string(b)
}

// storeRest stores a file of which the host has the beginning.
func (r *remote) storeRest(t *testing.T, name, contents string, keep int, expect scpio.Attr) (scpio.Attr, error) {
	t.Helper()
	// What is kept must not be looked at.
	blind := strings.Repeat("\x00", keep) + contents[keep:]
	return r.Store(t.Context(), name, scpio.Upload{
		Contents: strings.NewReader(blind), Size: int64(len(contents)), Keep: int64(keep),
		Mode: 0o640, Mtime: 1700000000123456789, Atime: 1700000001e9, Expect: expect,
	})
}

// testStoreRest stores files that begin as they were.
func testStoreRest(t *testing.T, r *remote) {
	text := noise(10 << 20)
	for _, c := range []struct{ old, keep, size int }{
		{10, 10, 10}, {10, 10, 20}, {10, 5, 5}, {10, 5, 7}, {10, 1, 20},
		{1 << 20, 1 << 20, 1<<20 + 128<<10}, {1 << 20, 1 << 20, 1<<20 + 128<<10 + 1}, {100, 99, 10 << 20},
	} {
		r.write(t, "file", text[:c.old])
		a, err := r.storeRest(t, "file", text[:c.size], c.keep, r.stat(t, "file"))
		if err != nil || r.read(t, "file") != text[:c.size] {
			t.Errorf("%+v: %d bytes are there, %v", c, len(r.read(t, "file")), err)
			continue
		}
		if want := r.attrOf(t, "file"); !same(a, want) || a.Mtime != r.mtime(1700000000123456789) || a.Mode&07777 != 0o640 {
			t.Errorf("%+v: got %+v, want %+v", c, a, want)
		}
	}
	if names := r.names(t); names != "file" {
		t.Errorf("left behind: %s", names)
	}
}

// testStoreRestInPlace keeps what a rename would lose.
func testStoreRestInPlace(t *testing.T, r *remote) {
	r.write(t, "file", "old")
	check(t, os.Chmod(r.path("file"), 0o400))
	check(t, os.Link(r.path("file"), r.path("other")))
	a, err := r.storeRest(t, "file", "old and new", 3, r.stat(t, "file"))
	if err != nil || a.Nlink != 2 || r.read(t, "other") != "old and new" {
		t.Errorf("%+v, %v: the other name has %q", a, err, r.read(t, "other"))
	}
	if names := r.names(t); names != "file other" {
		t.Errorf("left behind: %s", names)
	}
}

// testStoreRestConflicts has files that are not what they were, and bounds
// that cannot be.
func testStoreRestConflicts(t *testing.T, r *remote) {
	r.write(t, "file", "ours")
	have := r.stat(t, "file")
	for _, keep := range []int64{-1, 5, 6} {
		u := scpio.Upload{Contents: strings.NewReader("ours!"), Size: 5, Keep: keep, Expect: have}
		_, err := r.Store(t.Context(), "file", u)
		wantErrno(t, "a strange Keep", err, syscall.EINVAL)
	}
	r.write(t, "file", "theirs")
	for _, size := range []int{10, 1 << 20, 10 << 20} {
		_, err := r.storeRest(t, "file", strings.Repeat("x", size), 4, have)
		wantErrno(t, "store over a changed file", err, syscall.ESTALE)
	}
	if got := r.read(t, "file"); got != "theirs" {
		t.Errorf("the file is now %.20q", got)
	}
	check(t, os.Remove(r.path("file")))
	_, err := r.storeRest(t, "file", "ours and more", 4, have)
	wantErrno(t, "store over a removed file", err, syscall.ESTALE)
	if names := r.names(t); names != "" {
		t.Errorf("left behind: %s", names)
	}
}

// testStorePieces stores what goes in pieces while others work.
func testStorePieces(t *testing.T, r *remote) {
	text := noise(24<<20 + 1)
	var have scpio.Attr
	for range 2 {
		busy := make(chan []error)
		go func() { busy <- concurrently(20, r.oneOfMany) }()
		a, err := r.store(t.Context(), "file", text, have)
		check(t, err)
		for _, err := range <-busy {
			check(t, err)
		}
		if want := r.attrOf(t, "file"); !same(a, want) || a.Mtime != r.mtime(1700000000123456789) || r.read(t, "file") != text {
			t.Errorf("got %+v, want %+v", a, want)
		}
		have = a
		for i := range 20 {
			check(t, r.Remove(t.Context(), fmt.Sprint(i)))
		}
	}
	if names := r.names(t); names != "file" {
		t.Errorf("left behind: %s", names)
	}
}

// TestPiecesAndSessions has hosts that allow few sessions.
func TestPiecesAndSessions(t *testing.T) {
	text := noise(16 << 20)
	for sessions := range 4 {
		scptest.LeakCheck(t)
		r := newRemote(t, scptest.Start(t, scptest.MaxSessions(sessions+1)), scpio.Options{})
		_, err := r.store(t.Context(), "file", text, scpio.Attr{})
		if err != nil || r.read(t, "file") != text {
			t.Errorf("%d sessions: %v", sessions+1, err)
		}
	}
}

// TestPiecesAtOnce counts what a large upload waits for, the least of some:
// less than the windows that it would fill of one channel.
func TestPiecesAtOnce(t *testing.T) {
	r, link := through(t, scptest.Start(t), scptest.LinkOptions{RTT: 100 * time.Millisecond}, scpio.Options{})
	text := noise(64 << 20)
	const windows = 64 / 2
	least := windows
	for i := 0; i < 5 && least > windows*3/4; i++ {
		link.Reset()
		_, err := r.store(t.Context(), fmt.Sprint(i), text, scpio.Attr{})
		check(t, err)
		least = min(least, link.RoundTrips())
	}
	if least > windows*3/4 {
		t.Errorf("%d round trips, want %d", least, windows*3/4)
	}
}

// TestRestAlone counts the bytes of an upload whose beginning the host has: the
// least of some, as a shell that is started meanwhile is told what it must know.
func TestRestAlone(t *testing.T) {
	r, link := through(t, scptest.Start(t), scptest.LinkOptions{}, scpio.Options{})
	text, least := noise(1<<20), int64(1<<62)
	r.write(t, "file", text)
	for range 10 {
		have, before := r.stat(t, "file"), link.BytesUp()
		_, err := r.storeRest(t, "file", text+"more", len(text), have)
		check(t, err)
		text += "more"
		least = min(least, link.BytesUp()-before)
	}
	if least > 4000 {
		t.Errorf("%d bytes went up for 4 new ones", least)
	}
}

// TestPiecesCut loses the connection within the pieces: nothing of them stays.
func TestPiecesCut(t *testing.T) {
	r, link := through(t, scptest.Start(t), scptest.LinkOptions{}, scpio.Options{})
	r.write(t, "file", "old")
	have := r.stat(t, "file")
	text := noise(30 << 20)
	for _, at := range []int64{1 << 20, 8 << 20, 20 << 20} {
		link.CutAfter(at, scptest.Up)
		_, err := r.store(t.Context(), "file", text, have)
		wantErrno(t, "store", err, syscall.ENOTCONN)
		r.awaitNames(t, "file")
	}
	if got := r.read(t, "file"); got != "old" {
		t.Errorf("the file is now %.20q", got)
	}
}
