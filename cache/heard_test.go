package cache_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"

	"github.com/scpfs/scpfs/cache"
)

// notices gathers what is told to the kernel.
type notices struct {
	mu  sync.Mutex // guards the field below
	all []cache.Notice
}

// watched opens a world that is watched, whose notices are gathered.
func watched(t *testing.T) (*world, *notices) {
	t.Helper()
	w := newWorld(t, func(o *cache.Options) { o.Watched = true })
	n := &notices{}
	w.OnNotice(func(told cache.Notice) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.all = append(n.all, told)
	})
	return w, n
}

// wantPaths checks which paths the kernel was told of since it was asked last.
func (n *notices) wantPaths(t *testing.T, want ...string) {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	var got []string
	for _, told := range n.all {
		if told.Path != "" && !slices.Contains(got, told.Path) {
			got = append(got, told.Path)
		}
	}
	n.all = nil
	slices.Sort(got)
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the kernel was told of %q, want %q", got, want)
	}
}

func (w *world) heard(dir string, names ...string) {
	var events []cache.Event
	for _, name := range names {
		events = append(events, cache.Event{Dir: dir, Name: name})
	}
	w.Heard(w.t.Context(), events)
}

// TestHeard: what is said to have changed is asked for once, and the kernel is
// told of what is another than before.
func TestHeard(t *testing.T) {
	w, n := watched(t)
	w.mkdir("d")
	w.put("d/same", "one")
	w.put("d/changed", "one")
	w.put("d/gone", "one")
	w.entries("d")
	w.fake.Reset()
	for _, tt := range []struct {
		name  string
		do    func()
		told  []string
		calls string
	}{
		{"same", func() {}, nil, "Stat 1"},
		{"changed", func() { w.put("d/changed", "another") }, []string{"d/changed"}, "Stat 1"},
		{"changed", func() {}, nil, "Stat 1"},
		{"gone", func() { w.make(os.Remove(w.path("d/gone"))) }, []string{"d/gone"}, "Stat 1"},
		{"gone", func() {}, nil, "Stat 1"},
		{"new", func() { w.put("d/new", "one") }, []string{"d/new"}, "Stat 1"},
	} {
		tt.do()
		w.heard("d", tt.name)
		w.wantCalls(tt.name, tt.calls)
		n.wantPaths(t, tt.told...)
	}
	_, err := w.Lookup(t.Context(), "d/gone")
	wantErr(t, "lookup", err, syscall.ENOENT)
	if e := w.lookup("d/new"); e.Attr.Size != 3 {
		t.Errorf("%+v", e)
	}
	if all := w.entries("d"); len(all) != 3 || all["changed"].Size != 7 {
		t.Errorf("listed: %v", all)
	}
	w.fake.Reset()
	w.want("d/changed", "another")
	w.wantCalls("reading", "Fetch 1")
}

// TestHeardOfOurOwn: what we did ourselves costs one question, and tells the
// kernel nothing; uploads on their way cost none.
func TestHeardOfOurOwn(t *testing.T) {
	w, n := watched(t)
	w.entries("")
	w.save("file", "ours")
	n.wantPaths(t, "file") // of the store itself
	w.fake.Reset()
	w.heard("", "file")
	w.wantCalls("an echo", "Stat 1")
	n.wantPaths(t)

	h := w.openFile("file", os.O_WRONLY)
	defer h.Release()
	w.write(h, "x", 0)
	n.wantPaths(t)
	w.fake.Reset()
	w.heard("", "file")
	w.wantCalls("an event for a file with changes", "")
}

// TestHeardRightAfterOurOwn: a foreign change that follows ours at once is not
// taken for it.
func TestHeardRightAfterOurOwn(t *testing.T) {
	w, n := watched(t)
	w.entries("")
	w.save("file", "ours")
	n.wantPaths(t, "file")
	w.replace("file", "theirs")
	w.heard("", "file", "file")
	n.wantPaths(t, "file")
	w.want("file", "theirs")
}

// TestHeardDuringOurOwn: an answer that our own change has overtaken is not
// believed.
func TestHeardDuringOurOwn(t *testing.T) {
	w, _ := watched(t)
	w.put("file", "one")
	w.entries("")
	there, release := w.host.Block("Stat", "file")
	done := make(chan bool)
	go func() {
		w.heard("", "file")
		close(done)
	}()
	<-there
	w.make(w.Unlink(t.Context(), "file"))
	release()
	<-done
	_, err := w.Lookup(t.Context(), "file")
	wantErr(t, "lookup", err, syscall.ENOENT)
}

// TestHeardOfManyNames: a directory of which much has changed is listed, once.
func TestHeardOfManyNames(t *testing.T) {
	w, n := watched(t)
	for i := range 20 {
		w.put(fmt.Sprint("file", i), "one")
	}
	w.entries("")
	w.put("file3", "another")
	w.make(os.Remove(w.path("file5")))
	w.put("new", "one")
	w.fake.Reset()
	w.heard("", "file1", "file2", "file3", "file4", "file5", "new")
	w.wantCalls("many names", "List 1")
	n.wantPaths(t, "file3", "file5", "new")
	w.heard("", "")
	w.wantCalls("any name", "List 1")
	n.wantPaths(t)
}

// TestHeardOfGap: after a time in which nobody has told anything, all that was
// known is asked for again, when somebody needs it, and open logs at once.
func TestHeardOfGap(t *testing.T) {
	for _, event := range []cache.Event{{All: true}, {Dir: "d", New: true}} {
		w, _ := watched(t)
		w.mkdir("d")
		w.put("d/file", "one")
		w.put("d/log", "one\n")
		h := w.openFile("d/log", os.O_RDONLY)
		w.entries("d")
		w.put("d/file", "another")
		w.put("d/new", "one")
		w.appendThere("d/log", "two\n")
		w.Heard(t.Context(), []cache.Event{event})
		w.waitFor("the log is extended", func() bool { return contents(h) == "one\ntwo\n" || readAll(h, 8) == "one\ntwo\n" })
		w.want("d/file", "another")
		w.want("d/new", "one")
		h.Release()
	}
}

// readAll is what can be read, whatever the size is said to be.
func readAll(h *cache.Handle, most int) string {
	b := make([]byte, most)
	n, _ := h.ReadAt(context.Background(), b, 0)
	return string(b[:n])
}

// TestInUse: directories that are used are watched, those of open files first.
func TestInUse(t *testing.T) {
	w, _ := watched(t)
	for _, dir := range []string{"a", "b", "c"} {
		w.mkdir(dir)
		w.put(dir+"/file", "one")
	}
	h := w.openFile("a/file", os.O_RDONLY)
	defer h.Release()
	w.entries("b")
	w.entries("c")
	if got := w.InUse(); fmt.Sprint(got) != "[a c b]" {
		t.Errorf("in use: %q", got)
	}
}
