package cache_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/scpfs/scpfs/cache"
	"github.com/scpfs/scpfs/cache/cachetest"
	"github.com/scpfs/scpfs/scpio/scptest"
)

// world is a cache of a directory that the test can also get at directly.
type world struct {
	*cache.Cache
	t    *testing.T
	fake *cachetest.Dir
	host *cachetest.Faulty // around fake
	dir  string            // the host's
	o    cache.Options
	said *journal

	onOpen func() // is called with host before a cache is opened; or nil
}

// journal is what was logged.
type journal struct {
	mu   sync.Mutex // guards the field below
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// newWorld opens a cache that believes what it knows for an hour.
func newWorld(t *testing.T, adjust ...func(*cache.Options)) *world {
	t.Helper()
	w := closedWorld(t, adjust...)
	w.open()
	return w
}

// closedWorld is a world whose cache is still to be opened.
func closedWorld(t *testing.T, adjust ...func(*cache.Options)) *world {
	t.Helper()
	scptest.LeakCheck(t)
	w := &world{t: t, dir: t.TempDir(), said: &journal{}}
	w.o = cache.Options{
		Dir: filepath.Join(memory(t), "cache"), Timeouts: cache.SameTimeouts(time.Hour), Hostname: "here",
		Logger: slog.New(slog.NewTextHandler(w.said, nil)),
	}
	for _, f := range adjust {
		f(&w.o)
	}
	t.Cleanup(func() {
		w.close()
		if t.Failed() {
			t.Log(w.said)
		}
	})
	return w
}

// memory is a directory in memory, where there is one: bringing a cache to a
// disk that others use too takes its time.
func memory(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "cache")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// open opens the cache, with a new connection to the host, so to speak.
func (w *world) open() {
	w.t.Helper()
	w.fake = cachetest.NewDir(w.dir)
	w.host = cachetest.NewFaulty(w.fake)
	if w.onOpen != nil {
		w.onOpen()
	}
	c, err := cache.Open(context.Background(), w.host, w.o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Cache = c
	w.fake.OnAbove(c.OnAbove)
}

// close closes the cache, if it is open; what cannot be sent stays.
func (w *world) close() {
	w.t.Helper()
	if w.Cache == nil {
		return
	}
	err := w.Close(context.Background())
	w.Cache = nil
	if _, ok := errors.AsType[*cache.Unsent](err); err != nil && !ok {
		w.t.Error(err)
	}
}

func (w *world) remount() {
	w.t.Helper()
	w.close()
	w.open()
}

// path is a path of the host on this machine.
func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

// put makes a file on the host behind the cache's back. Each is older than
// the tick of the clock in which a change could go unnoticed, and no two have
// the same time.
func (w *world) put(name, contents string) {
	w.t.Helper()
	w.make(os.WriteFile(w.path(name), []byte(contents), 0o644))
	w.age(name)
}

// replace does what put does, but under a new inode, as editors do.
func (w *world) replace(name, contents string) {
	w.t.Helper()
	w.put(name+".tmp", contents)
	w.make(os.Rename(w.path(name+".tmp"), w.path(name)))
}

var clock = struct {
	sync.Mutex
	now time.Time
}{now: time.Now().Add(-24 * time.Hour).Truncate(time.Microsecond)}

func (w *world) age(name string) {
	w.t.Helper()
	clock.Lock()
	defer clock.Unlock()
	clock.now = clock.now.Add(time.Second)
	w.make(os.Chtimes(w.path(name), clock.now, clock.now))
}

// make fails the test at an error of the test's own doing.
func (w *world) make(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) mkdir(name string) {
	w.t.Helper()
	w.make(os.MkdirAll(w.path(name), 0o755))
}

// lstat is what the host has of a name.
func (w *world) lstat(name string) (st syscall.Stat_t) {
	w.t.Helper()
	w.make(syscall.Lstat(w.path(name), &st))
	return st
}

// there is what the host has in a file.
func (w *world) there(name string) string {
	w.t.Helper()
	b, err := os.ReadFile(w.path(name))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(b)
}

func (w *world) wantThere(name, want string) {
	w.t.Helper()
	if got := w.there(name); got != want {
		w.t.Errorf("the host has %q in %s, want %q", got, name, want)
	}
}

// names are the names in a directory of the host.
func (w *world) names(dir string) []string {
	w.t.Helper()
	found, err := os.ReadDir(w.path(dir))
	if err != nil {
		w.t.Fatal(err)
	}
	var names []string
	for _, f := range found {
		names = append(names, f.Name())
	}
	return names
}

func (w *world) wantNames(dir string, want ...string) {
	w.t.Helper()
	sort.Strings(want)
	if got := w.names(dir); fmt.Sprint(got) != fmt.Sprint(want) {
		w.t.Errorf("the host has %q in %q, want %q", got, dir, want)
	}
}

// only is the one name on the host that begins with a prefix.
func (w *world) only(prefix string) string {
	w.t.Helper()
	var found []string
	for _, name := range w.names("") {
		if strings.HasPrefix(name, prefix) {
			found = append(found, name)
		}
	}
	if len(found) != 1 {
		w.t.Fatalf("%d names begin with %q on the host: %q, want one", len(found), prefix, w.names(""))
	}
	return found[0]
}

// lookup is Lookup of what exists.
func (w *world) lookup(path string) cache.Entry {
	w.t.Helper()
	e, err := w.Lookup(context.Background(), path)
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

// tryOpen opens a file as a kernel does: it looks up the name, and creates it
// if it is asked to and there is none.
func (w *world) tryOpen(path string, flags int) (*cache.Handle, error) {
	ctx := context.Background()
	e, err := w.Lookup(ctx, path)
	if errors.Is(err, syscall.ENOENT) && flags&os.O_CREATE != 0 {
		return w.Create(ctx, path, flags, 0o644)
	}
	if err != nil {
		return nil, err
	}
	return w.Open(ctx, path, e.Attr.Ino, flags&^os.O_CREATE)
}

func (w *world) openFile(path string, flags int) *cache.Handle {
	w.t.Helper()
	h, err := w.tryOpen(path, flags)
	if err != nil {
		w.t.Fatal(err)
	}
	return h
}

func (w *world) create(path string) *cache.Handle {
	w.t.Helper()
	return w.openFile(path, os.O_RDWR|os.O_CREATE)
}

// write puts text into an open file.
func (w *world) write(h *cache.Handle, text string, off int64) {
	w.t.Helper()
	if n, err := h.WriteAt(context.Background(), []byte(text), off); err != nil || n != len(text) {
		w.t.Fatalf("WriteAt: %d, %v", n, err)
	}
}

func (w *world) flush(h *cache.Handle) {
	w.t.Helper()
	if err := h.Flush(context.Background()); err != nil {
		w.t.Fatalf("Flush: %v", err)
	}
}

// save writes a file anew and closes it.
func (w *world) save(path, text string) {
	w.t.Helper()
	h := w.openFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	defer h.Release()
	w.write(h, text, 0)
	w.flush(h)
}

// contents is all of an open file.
func contents(h *cache.Handle) string {
	b := make([]byte, h.Attr().Size)
	n, err := h.ReadAt(context.Background(), b, 0)
	if err != nil {
		return err.Error()
	}
	return string(b[:n])
}

// read opens, reads and closes a file.
func (w *world) read(path string) string {
	w.t.Helper()
	h := w.openFile(path, os.O_RDONLY)
	defer h.Release()
	return contents(h)
}

func (w *world) want(path, want string) {
	w.t.Helper()
	if got := w.read(path); got != want {
		w.t.Errorf("%s has %q, want %q", path, got, want)
	}
}

// wantErr checks an error's errno.
func wantErr(t *testing.T, what string, err error, want syscall.Errno) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// wantCalls checks how often the host has been asked since the counts were
// set to 0: "List 1, Stat 2".
func (w *world) wantCalls(what, want string) {
	w.t.Helper()
	calls := w.fake.Calls()
	var got []string
	for method, n := range calls {
		got = append(got, fmt.Sprint(method, " ", n))
	}
	sort.Strings(got)
	if s := strings.Join(got, ", "); s != want {
		w.t.Errorf("%s: the calls were %q, want %q", what, s, want)
	}
	w.fake.Reset()
}

// logged are the objects, or other changes, that have a record in a log. The
// last line may just be being written.
func (w *world) logged() []string {
	w.t.Helper()
	logs, err := filepath.Glob(filepath.Join(w.o.Dir, "*", "changes"))
	w.make(err)
	live := map[string]bool{}
	for _, name := range logs {
		text, err := os.ReadFile(name)
		w.make(err)
		for line := range strings.Lines(string(text)) {
			var r struct {
				Object string
				Ended  bool
			}
			if len(line) > 9 && json.Unmarshal([]byte(line[9:]), &r) == nil {
				if delete(live, r.Object); !r.Ended {
					live[r.Object] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(live))
}

func (w *world) wantLogged(want int) {
	w.t.Helper()
	if got := w.logged(); len(got) != want {
		w.t.Errorf("the log has %q, want %d records", got, want)
	}
}

// objects are the contents kept here.
func (w *world) objects() []string {
	w.t.Helper()
	found, err := filepath.Glob(filepath.Join(w.o.Dir, "*", "objects", "*"))
	w.make(err)
	return found
}

// entries is a listing by name.
func (w *world) entries(dir string) map[string]cache.Attr {
	w.t.Helper()
	all, err := w.Readdir(context.Background(), dir)
	if err != nil {
		w.t.Fatal(err)
	}
	m := map[string]cache.Attr{}
	for _, e := range all {
		if _, twice := m[e.Name]; twice {
			w.t.Errorf("%s is listed twice", e.Name)
		}
		m[e.Name] = e.Attr
	}
	return m
}
