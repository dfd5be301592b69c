package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/scpfs/scpfs/scpio/scptest"
)

const gib = 1 << 30

// patch writes text into a file at an offset, and makes the file as long as
// it is to be.
func patch(t testing.TB, path, text string, off, size int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte(text), off); err != nil {
		t.Fatal(err)
	}
	past := time.Now().Add(-time.Minute)
	if err := os.Chtimes(path, past, past); err != nil {
		t.Fatal(err)
	}
}

// least measures what a step costs on the wire, as the least of some
// tries: what a machine that is busy adds is not the step's. Each try is of
// another file.
func least(tries int, link *scptest.Link, step func(try int)) (roundTrips int, bytes int64) {
	roundTrips, bytes = 1<<30, 1<<62
	for try := range tries {
		link.Reset()
		before := link.BytesDown()
		step(try)
		roundTrips = min(roundTrips, link.RoundTrips())
		bytes = min(bytes, link.BytesDown()-before)
	}
	return roundTrips, bytes
}

// TestEndsOfLargeFile: both ends of a file of a gigabyte are read without
// fetching the rest.
func TestEndsOfLargeFile(t *testing.T) {
	srv := scptest.Start(t)
	link := scptest.NewLink(t, srv.Addr, scptest.LinkOptions{RTT: 20 * time.Millisecond})
	m := mountAt(t, srv.Via(t, link), mountOptions{})
	const tries = 3
	for i := range tries {
		patch(t, m.there(fmt.Sprint("disk", i)), "tail", gib-4, gib)
		patch(t, m.there(fmt.Sprint("disk", i)), "head", 0, gib)
	}
	run(t, m.Point, "ls")
	for _, end := range []struct {
		name string
		off  int64
		want string
	}{{"first", 0, "head"}, {"last", gib - 4096, "tail"}} {
		rt, bytes := least(tries, link, func(try int) {
			f, err := os.Open(m.path(fmt.Sprint("disk", try)))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			b := make([]byte, 4096)
			if _, err := f.ReadAt(b, end.off); err != nil || !strings.Contains(string(b), end.want) {
				t.Errorf("the %s 4 KiB: %v", end.name, err)
			}
		})
		if rt > 3 || bytes > 8*mib {
			t.Errorf("the %s 4 KiB took %d round trips and %d bytes", end.name, rt, bytes)
		}
	}
	// What file(1) needs of many images, 7 MiB at most of each, does not fetch them.
	before := link.BytesDown()
	shell(t, m.Point, "file disk*")
	if n := link.BytesDown() - before; n > tries*32*mib {
		t.Errorf("file(1) fetched %d bytes of %d images", n, tries)
	}
}

// TestTreeInFewRoundTrips: a tree is listed, and its files are read, in a
// number of round trips that does not grow with it.
func TestTreeInFewRoundTrips(t *testing.T) {
	srv := scptest.Start(t)
	link := scptest.NewLink(t, srv.Addr, scptest.LinkOptions{RTT: 20 * time.Millisecond})
	m := mountAt(t, srv.Via(t, link), mountOptions{})
	const tries, dirs, files = 3, 40, 25
	for try := range tries {
		for d := range dirs {
			dir := m.there(fmt.Sprintf("t%d/d%02d", try, d))
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			for f := range files {
				writeAged(t, filepath.Join(dir, fmt.Sprintf("f%02d", f)), fmt.Sprintf("%d %d %d\n", try, d, f))
			}
		}
	}
	run(t, m.Point, "ls")
	rt, _ := least(tries, link, func(try int) {
		if out := run(t, m.Point, "ls", "-lR", fmt.Sprint("t", try)); strings.Count(out, " f") < dirs*files {
			t.Errorf("ls saw only %d files", strings.Count(out, " f"))
		}
	})
	if rt > 10 {
		t.Errorf("listing %d directories took %d round trips", dirs, rt)
	}
	rt, _ = least(tries, link, func(try int) {
		got := shell(t, m.Point, fmt.Sprintf("find t%d -type f | sort | xargs cat", try))
		if want := shell(t, m.Remote, fmt.Sprintf("find t%d -type f | sort | xargs cat", try)); got != want {
			t.Error("other contents")
		}
	})
	if rt > 25 {
		t.Errorf("reading %d files took %d round trips", dirs*files, rt)
	}
}
