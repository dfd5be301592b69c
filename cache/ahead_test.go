package cache_test

import (
	"fmt"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scpfs/scpfs/cache"
	"github.com/scpfs/scpfs/cache/cachetest"
)

// looksAhead is for a world whose cache does.
func looksAhead(o *cache.Options) { o.Ahead = cache.AheadLimits{Bytes: 64 << 20, Entries: 1000} }

// library makes directories with files.
func (w *world) library(dirs, files int) {
	w.t.Helper()
	w.mkdir("lib")
	for d := range dirs {
		dir := fmt.Sprint("lib/", d)
		w.mkdir(dir)
		for f := range files {
			w.put(fmt.Sprint(dir, "/", f), fmt.Sprintf("text of %d-%d", d, f))
		}
	}
}

// browse lists the directories of the library one after the other. What it
// took to list those is counted.
func (w *world) browse(dirs, files int) {
	w.t.Helper()
	w.fake.Reset()
	for d := range dirs {
		if got := w.entries(fmt.Sprint("lib/", d)); len(got) != files {
			w.t.Errorf("directory %d has %v", d, got)
		}
	}
}

// leaf reads files of the library one after the other.
func (w *world) leaf(dirs, files int) {
	w.t.Helper()
	w.fake.Reset()
	for d := range dirs {
		for f := range files {
			w.want(fmt.Sprint("lib/", d, "/", f), fmt.Sprintf("text of %d-%d", d, f))
		}
	}
}

// The second directory that is read brings the others, by one command; so does the
// first, if that is right after the one that it is in.
func TestWalkAhead(t *testing.T) {
	for pause, want := range map[time.Duration]string{0: "List 1, ListTree 1", time.Second: "List 2, ListTree 1"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, looksAhead)
			w.library(20, 3)
			w.entries("lib")
			time.Sleep(pause)
			w.browse(20, 3)
			w.wantCalls("20 directories", want)
		})
	}
}

// What the mount has asked for to see whether the directory is there need not be
// asked for again. But what an earlier mount has left may have changed it since, and
// an empty directory is asked for again.
func TestFirstListing(t *testing.T) {
	w := closedWorld(t, looksAhead, writeBack)
	w.put("file", "text")
	w.open()
	w.fake.Reset()
	if got := w.entries(""); len(got) != 1 {
		t.Errorf("there are %v", got)
	}
	w.lookup("file")
	w.wantVacant("none")
	w.wantCalls("to look at the root", "")

	empty := newWorld(t, looksAhead)
	empty.put("file", "text")
	if got := empty.entries(""); len(got) != 1 {
		t.Errorf("what came into an empty directory after the mount is not there: %v", got)
	}

	w.away()
	w.save("more", "text")
	w.remount()
	if got := w.entries(""); len(got) != 2 {
		t.Errorf("there are %v after the mount that had something to send", got)
	}
	w.wantThere("more", "text")
}

// Who only looks for names further and further down does not walk.
func TestDescentToOneName(t *testing.T) {
	w := newWorld(t, looksAhead)
	w.library(20, 3)
	w.entries("")
	w.fake.Reset()
	w.lookup("lib/3")
	w.lookup("lib/3/2")
	w.wantCalls("a file further down", "List 2")
}

// A listing ahead that fails or is wrong does no harm, and is not repeated for
// every directory.
func TestWalkAheadFails(t *testing.T) {
	w := newWorld(t, looksAhead)
	w.library(20, 3)
	w.host.Fail("ListTree", cachetest.ErrTorn)
	w.browse(20, 3)
	w.wantCalls("20 directories", "List 20")
}

// A subtree that is too large is listed as far as it goes.
func TestWalkAheadIsBounded(t *testing.T) {
	w := newWorld(t, func(o *cache.Options) { o.Ahead.Entries = 10 })
	w.library(20, 3)
	w.browse(20, 3)
	if n := w.fake.Calls()["List"]; n < 15 {
		t.Errorf("%d listings of directories, though no more than 10 entries may come ahead", n)
	}
}

// What is changed here while the listing ahead is on its way is right
// afterwards.
func TestWalkAheadAndChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, looksAhead)
		w.library(20, 3)
		arrived, release := w.host.Block("ListTree", "lib")
		w.entries("lib")
		w.entries("lib/0")
		<-arrived
		w.make(w.Unlink(t.Context(), "lib/0/1"))
		w.make(w.Rename(t.Context(), "lib/1", "lib/renamed", 0))
		release()
		if got := w.entries("lib/5"); len(got) != 3 {
			t.Errorf("a directory behind it has %v", got)
		}
		if got := w.entries("lib/0"); len(got) != 2 {
			t.Errorf("a removed file is back: %v", got)
		}
		if got := w.entries("lib/renamed"); len(got) != 3 {
			t.Errorf("a renamed directory has %v", got)
		}
	})
}

// makeHere makes a directory by way of the cache.
func (w *world) makeHere(i int) string {
	w.t.Helper()
	dir := fmt.Sprint(i)
	_, err := w.Mkdir(w.t.Context(), dir, 0o755)
	w.make(err)
	return dir
}

// wantVacant checks that there is no such name.
func (w *world) wantVacant(path string) {
	w.t.Helper()
	_, err := w.Lookup(w.t.Context(), path)
	wantErr(w.t, path, err, syscall.ENOENT)
}

// What was made here is not listed: it is empty until somebody says otherwise.
func TestMadeDirectoryIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, looksAhead, timeouts(time.Minute))
		w.entries("")
		w.fake.Reset()
		for i := range 20 {
			dir := w.makeHere(i)
			w.wantVacant(dir + "/f")
			h := w.create(dir + "/f")
			w.make(h.Flush(t.Context()))
			h.Release()
			if got := w.entries(dir); len(got) != 1 {
				t.Errorf("a new directory has %v", got)
			}
		}
		w.wantCalls("20 directories with a file", "Mkdir 20, Store 20")
		w.put("0/theirs", "")
		w.mkdir("0/dir")
		time.Sleep(2 * time.Minute)
		if got := w.entries("0"); len(got) != 3 {
			t.Errorf("there is %v, later", got)
		}
	})
}

// The same of one that waited for the host, whoever got there first. But one that
// somebody else has made meanwhile is listed.
func TestMadeDirectoryOfTheBacklogIsKnown(t *testing.T) {
	w := newWorld(t, looksAhead, writeBack)
	w.entries("")
	w.fake.Reset()
	for i := range 20 {
		dir := w.makeHere(i)
		if i%2 == 0 {
			w.sent()
		}
		for _, name := range []string{"/f", "/g"} {
			w.wantVacant(dir + name)
			w.save(dir+name, "text")
		}
	}
	w.sent()
	for i := range 20 {
		if got := w.entries(fmt.Sprint(i)); len(got) != 2 {
			t.Errorf("a new directory has %v", got)
		}
	}
	calls := w.fake.Calls()
	if n := calls["List"] + calls["ListTree"]; n > 0 {
		t.Errorf("the calls were %v", calls)
	}

	arrived, release := w.host.Block("Mkdir", "other")
	_, err := w.Mkdir(t.Context(), "other", 0o755)
	w.make(err)
	_, err = w.Mkdir(t.Context(), "after", 0o755)
	w.make(err)
	<-arrived
	w.mkdir("other")
	w.put("other/theirs", "")
	release()
	w.sent()
	if got := w.entries("other"); len(got) != 1 {
		t.Errorf("the directory of somebody else has %v", got)
	}
}

// The second small file that is opened brings the others, in one stream.
func TestFetchAhead(t *testing.T) {
	w := newWorld(t, looksAhead)
	w.library(1, 100)
	w.entries("lib/0")
	w.leaf(1, 100)
	if calls := w.fake.Calls(); calls["FetchMany"] != 1 || calls["Fetch"] > 3 {
		t.Errorf("the calls were %v", calls)
	}
	if n := w.Ahead(); n.Fetched == 0 || n.Read < n.Fetched*9/10 {
		t.Errorf("counted %+v", n)
	}
}

// Listings alone bring no contents, and neither does one file.
func TestNothingIsFetchedUnasked(t *testing.T) {
	w := newWorld(t, looksAhead)
	w.library(10, 10)
	for d := range 10 {
		w.entries(fmt.Sprint("lib/", d))
	}
	w.want("lib/3/3", "text of 3-3")
	w.want("lib/3/3", "text of 3-3")
	calls := w.fake.Calls()
	if calls["Fetch"] != 1 || calls["FetchMany"] != 0 {
		t.Errorf("the calls were %v", calls)
	}
}

// Who looks for one name in every directory does not read the others.
func TestOneNameEverywhere(t *testing.T) {
	w := newWorld(t, looksAhead)
	w.library(10, 10)
	for d := range 10 {
		w.entries(fmt.Sprint("lib/", d))
		w.want(fmt.Sprint("lib/", d, "/5"), fmt.Sprintf("text of %d-5", d))
	}
	if n := w.Ahead(); n.Fetched != 0 {
		t.Errorf("counted %+v", n)
	}
}

// Two files of which one is the next after the other in another directory may be so by
// chance: git opens a commit and its tree, whose names are hashes. Three are not.
func TestNeighboursByChance(t *testing.T) {
	w := newWorld(t, looksAhead)
	w.library(30, 1)
	w.browse(30, 1)
	w.fake.Reset()
	for _, d := range []int{23, 5, 6, 25, 2, 8} {
		w.want(fmt.Sprint("lib/", d, "/0"), fmt.Sprintf("text of %d-0", d))
	}
	w.wantCalls("to read six files", "Fetch 6")
	w.leaf(30, 1)
	if calls := w.fake.Calls(); calls["FetchMany"] == 0 || calls["Fetch"] > 10 {
		t.Errorf("the calls for those in turn were %v", calls)
	}
}

// Who reads one directory after the other gets what is in the next ones as
// well.
func TestFetchAheadInSubtree(t *testing.T) {
	w := newWorld(t, looksAhead)
	w.library(20, 20)
	w.browse(20, 20)
	w.leaf(20, 20)
	// On a busy machine a reader can be faster than what begins to fetch for it.
	if calls := w.fake.Calls(); calls["FetchMany"] > 10 || calls["Fetch"] > 40 {
		t.Errorf("the calls for 400 files were %v", calls)
	}
}

// The guessing stops where it is wrong: somebody opens two files of each of
// many directories that hold much more.
func TestWasteIsBounded(t *testing.T) {
	w := newWorld(t, looksAhead, func(o *cache.Options) { o.Timeouts = cache.SameTimeouts(time.Hour) })
	w.mkdir("lib")
	const dirs, files, size = 30, 40, 10_000
	for d := range dirs {
		w.mkdir(fmt.Sprint("lib/", d))
		for f := range files {
			w.put(fmt.Sprint("lib/", d, "/", f), pattern(size))
		}
	}
	for d := range dirs {
		w.entries(fmt.Sprint("lib/", d))
		w.want(fmt.Sprint("lib/", d, "/", 0), pattern(size))
		w.want(fmt.Sprint("lib/", d, "/", 1), pattern(size))
	}
	n := w.Ahead()
	if all := int64(dirs * files * size); n.Fetched-n.Read > all/2 {
		t.Errorf("%d of %d bytes were fetched in vain", n.Fetched-n.Read, all)
	}
}

// Files that change on the host after they were fetched ahead are fetched
// again.
func TestFetchedAheadAndChanged(t *testing.T) {
	w := newWorld(t, looksAhead, timeouts(0))
	w.library(1, 20)
	w.entries("lib/0")
	w.want("lib/0/0", "text of 0-0")
	w.want("lib/0/1", "text of 0-1")
	w.put("lib/0/7", "other")
	w.want("lib/0/7", "other")
	w.make(w.Unlink(t.Context(), "lib/0/8"))
	w.replace("lib/0/9", "another")
	w.want("lib/0/9", "another")
}
