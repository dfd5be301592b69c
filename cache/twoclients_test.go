package cache_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/scpfs/scpfs/cache"
	"github.com/scpfs/scpfs/cache/cachetest"
)

// TestTwoClients: while files are written, moved and removed here, somebody else
// does the same on the host, at any moment but in the middle of a change of ours;
// the connection breaks now and then, and the mount is killed. What each of them
// has written is there in the end, be it under another name, unless somebody who
// could know of it has written something else in its place, or removed it.
func TestTwoClients(t *testing.T) {
	first, count := stories(t, "SCPFS_DUELS", 25)
	for n := first; n < first+count && !t.Failed(); n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) { fight(t, n) })
	}
}

// duel is what two clients do to the same files.
type duel struct {
	w    *world
	r    *rand.Rand // of what we do
	line line

	calls sync.RWMutex // a change of ours shares it, one of the other's excludes it

	mu     sync.Mutex // guards the fields below
	theirs *rand.Rand
	texts  map[string]*text
	size   int             // of the longest text
	taken  map[string]bool // names that we have removed or replaced
	said   []string
}

// text is what somebody has written to a file. No two are equal.
type text struct {
	by       string
	promised bool     // close has said that it is there to stay
	at       []string // its name, or what may be
	seen     bool     // by who asked for the names, or for a program: it is known then
	// over is what took its place, as far as who wrote that knew. It need not be
	// there if that is.
	over []*text
	gone bool // was removed, or what took its place was
}

func fight(t *testing.T, number uint64) {
	r := rand.New(rand.NewPCG(number, 1))
	back := r.IntN(3) > 0
	w := newWorld(t, func(o *cache.Options) { o.WriteBack = back })
	d := &duel{w: w, r: r, theirs: rand.New(rand.NewPCG(number, 2)), texts: map[string]*text{}, taken: map[string]bool{}}
	d.note("write-back: %v", back)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(strings.Join(d.said, "; "))
		}
	})
	for range 3 {
		d.other()
	}
	w.onOpen = d.connect
	w.remount()
	w.entries("")
	for range 1 + r.IntN(3) {
		d.goOn(r.IntN(8))
		d.line.dieAfter(1+r.IntN(6), r.IntN(2) == 0)
		d.note("silence soon")
		d.goOn(r.IntN(6))
		if r.IntN(3) == 0 {
			d.killed(r.IntN(2) == 0)
			d.goOn(r.IntN(4))
		}
		d.note("it answers again")
		d.line.live()
		w.make(w.Online(t.Context()))
		w.Retry()
	}
	w.onOpen = nil // the other client has gone
	w.remount()
	w.eventually("nothing is tried any more", func() bool { return len(w.logged()) == len(w.Unsent()) })
	d.check()
	w.close()
}

// killed kills the mount, and begins another.
func (d *duel) killed(offline bool) {
	d.note("killed; the next mount does not ask the host: %v", offline)
	w := d.w
	d.line.die()
	w.Save() // which is done every minute
	dir := w.snapshot()
	w.close()
	if !offline {
		d.line.live()
	}
	w.o.Dir, w.o.Offline = dir, offline
	w.open()
	w.o.Offline = false
}

func (d *duel) note(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.said = append(d.said, fmt.Sprintf(format, args...))
}

// connect puts the line, and the other client, between us and the host.
func (d *duel) connect() {
	d.w.host.Remote = &atOnce{d.w.host.Remote, d}
	d.w.host.On(cachetest.Hook{
		Method: "*", Path: "*",
		Before: func(ctx context.Context) error { d.perhaps(); return d.line.before(ctx) },
		After:  func(err error) error { d.perhaps(); return d.line.after(err) },
	})
}

func (d *duel) perhaps() {
	if rand.IntN(6) == 0 {
		d.other()
	}
}

// text makes up one that is longer than all before, out of an older one.
func (d *duel) text(by, name, begin string) (string, *text) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.size++
	s := begin + strings.Repeat(string(rune('a'+d.size%26)), d.size-len(begin))
	d.texts[s] = &text{by: by, at: []string{name}}
	return s, d.texts[s]
}

// program is what marks the questions that are asked for a program of ours.
type program struct{}

// saw takes in that the host has told of files: a text is known by its size.
func (d *duel) saw(entries ...cache.Entry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for s, x := range d.texts {
		x.seen = x.seen || slices.ContainsFunc(entries, func(e cache.Entry) bool { return e.Attr.Size == int64(len(s)) })
	}
}

func (d *duel) known(s string) *text {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.texts[s]
}

// written takes in that a text has taken the place of another, for who knew that.
func (d *duel) written(now *text, was string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if old := d.texts[was]; old != nil && old != now {
		old.over = append(old.over, now)
	}
}

func (d *duel) removed(was string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if old := d.texts[was]; old != nil {
		old.gone = true
	}
}

// other is a change that the other client makes.
func (d *duel) other() {
	d.calls.Lock()
	defer d.calls.Unlock()
	name := d.draw(d.theirs)
	at := d.w.path(name)
	was, err := os.ReadFile(at)
	isDir := errors.Is(err, syscall.EISDIR)
	switch n := d.theirs.IntN(10); {
	case n < 5 && !isDir:
		d.otherWrites(name, string(was), n)
	case n < 7 && !isDir && err == nil:
		d.note("they remove %s", name)
		d.removed(string(was))
		d.w.make(os.Remove(at))
	case n < 8 && err == nil && !isDir:
		to := d.draw(d.theirs)
		over, err := os.ReadFile(d.w.path(to))
		if errors.Is(err, syscall.EISDIR) || os.Rename(at, d.w.path(to)) != nil {
			return
		}
		d.note("they rename %s %s", name, to)
		if to != name {
			if x := d.known(string(was)); x != nil {
				x.at = []string{to}
			}
			d.written(d.known(string(was)), string(over))
		}
	case n < 9 && errors.Is(err, fs.ErrNotExist):
		if os.Mkdir(at, 0o755) == nil {
			d.note("they mkdir %s", name)
		}
	case isDir && n%2 == 0:
		if syscall.Rmdir(at) == nil {
			d.note("they rmdir %s", name)
		}
	case isDir:
		if to := d.draw(d.theirs); syscall.Rename(at, d.w.path(to)) == nil {
			d.note("they rename the directory %s %s", name, to)
			d.movedDir(name, to, true)
		}
	}
}

// movedDir takes in that a directory has another name, or may have.
func (d *duel) movedDir(from, to string, sure bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, x := range d.texts {
		for i, name := range x.at {
			if rest, ok := strings.CutPrefix(name, from+"/"); ok && sure {
				x.at[i] = path.Join(to, rest)
			} else if ok {
				x.at = append(x.at, path.Join(to, rest))
			}
		}
	}
}

func (d *duel) otherWrites(name, was string, how int) {
	begin := ""
	if how < 2 {
		begin = was
	}
	s, now := d.text("them", name, begin)
	var err error
	if how%2 == 0 {
		err = os.WriteFile(d.w.path(name), []byte(s), 0o644)
	} else {
		tmp := filepath.Join(d.w.t.TempDir(), "new")
		d.w.make(os.WriteFile(tmp, []byte(s), 0o644))
		err = os.Rename(tmp, d.w.path(name))
	}
	if err != nil {
		return
	}
	d.note("they write %d to %s, which had %d", len(s), name, len(was))
	now.promised = true
	d.written(now, was)
}

// draw makes up a name.
func (d *duel) draw(r *rand.Rand) string {
	name := string("abc"[r.IntN(3)])
	if r.IntN(3) == 0 {
		return path.Join(string("de"[r.IntN(2)]), name)
	}
	if r.IntN(6) == 0 {
		return string("de"[r.IntN(2)])
	}
	return name
}

// goOn goes on by so many steps of ours.
func (d *duel) goOn(steps int) {
	for range steps {
		d.step()
		if d.r.IntN(3) == 0 {
			d.other()
		}
	}
}

func (d *duel) program() context.Context { return context.WithValue(d.w.t.Context(), program{}, true) }

func (d *duel) step() {
	name := d.draw(d.r)
	var err error
	switch n := d.r.IntN(10); {
	case n < 5:
		err = d.write(name, n)
	case n < 7:
		err = d.rename(name, d.draw(d.r))
	case n < 8:
		err = d.remove(name)
	case n < 9:
		d.note("mkdir %s", name)
		_, err = d.w.Mkdir(context.Background(), name, 0o755)
	default:
		d.note("rmdir %s", name)
		err = d.w.Rmdir(context.Background(), name)
	}
	if err != nil {
		d.note("(%v)", err)
	}
}

// write writes to a file, anew or at its end, and closes it.
func (d *duel) write(name string, how int) error {
	ctx := context.Background()
	if e, err := d.w.Lookup(ctx, name); err == nil && e.Attr.Mode&syscall.S_IFMT != syscall.S_IFREG {
		return syscall.EISDIR
	}
	h, err := d.w.tryOpen(name, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return err
	}
	defer h.Release()
	was := contents(h)
	if d.known(was) == nil && was != "" {
		return errors.New(was)
	}
	begin := ""
	if how < 2 {
		begin = was
	} else if err := h.Truncate(ctx, 0); err != nil {
		return err
	}
	s, now := d.text("us", name, begin)
	d.note("write %d to %s, which had %d", len(s), name, len(was))
	if _, err := h.WriteAt(ctx, []byte(s[len(begin):]), int64(len(begin))); err != nil {
		return err
	}
	d.written(now, was)
	err = h.Flush(ctx)
	now.promised = err == nil || errors.Is(err, syscall.ESTALE)
	return err
}

// rename moves a file. Both are read before: else the names are meant.
func (d *duel) rename(from, to string) error {
	if e, err := d.w.Lookup(d.program(), from); err == nil && e.Attr.Mode&syscall.S_IFMT == syscall.S_IFDIR {
		return d.renameDir(from, to)
	}
	was, err := d.w.textOf(from)
	if err != nil {
		return err
	}
	over, err := d.w.textOf(to)
	if err != nil && !errors.Is(err, syscall.ENOENT) {
		return err
	}
	if from == to {
		return nil
	}
	d.note("rename %s, which has %d, to %s, which has %d", from, len(was), to, len(over))
	if now := d.known(was); now != nil {
		d.written(now, over)
	}
	d.taken[to] = true
	return d.w.Rename(d.program(), from, to, 0)
}

func (d *duel) renameDir(from, to string) error {
	if e, err := d.w.Lookup(d.program(), to); err == nil && e.Attr.Mode&syscall.S_IFMT != syscall.S_IFDIR {
		return syscall.ENOTDIR // says the kernel
	}
	d.note("rename the directory %s %s", from, to)
	err := d.w.Rename(d.program(), from, to, 0)
	if err == nil || isAway(err) {
		d.movedDir(from, to, err == nil)
	}
	return err
}

func (d *duel) remove(name string) error {
	was, err := d.w.textOf(name)
	if err != nil {
		return err
	}
	d.note("remove %s, which has %d", name, len(was))
	d.taken[name] = true
	err = d.w.Unlink(d.program(), name)
	if err == nil || isAway(err) {
		d.removed(was)
	}
	return err
}

// check looks for all that was written.
func (d *duel) check() {
	found, where := map[*text]bool{}, []string{}
	look := func(name, s string) {
		if x := d.texts[s]; x != nil {
			found[x] = true
		} else if s != "" {
			d.w.t.Errorf("%s is torn: %q", name, s)
		}
		where = append(where, fmt.Sprintf("%s has %d", name, len(s)))
	}
	d.w.make(filepath.WalkDir(d.w.dir, func(name string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(d.w.dir, name)
		if strings.Contains(rel, ".scpfs-") {
			d.w.t.Errorf("%s is left over", rel)
		}
		look(rel, d.w.there(rel))
		return nil
	}))
	for _, p := range d.w.Unsent() {
		if p.Local != "" {
			b, err := os.ReadFile(p.Local)
			d.w.make(err)
			look("unsent "+p.Path, string(b))
		}
	}
	for s, x := range d.texts {
		if x.promised && !(x.seen && d.takes(x.at)) && !x.accounted(found, map[*text]bool{}) {
			d.w.t.Errorf("%d, written by %s, is lost: %q", len(s), x.by, where)
		}
	}
	d.agree()
}

// takes tells whether we have taken one of the names from what had it.
func (d *duel) takes(names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return d.taken[name] })
}

// accounted tells whether a text is there, or need not be.
func (x *text) accounted(found, asked map[*text]bool) bool {
	if found[x] || x.gone {
		return true
	}
	asked[x] = true
	return slices.ContainsFunc(x.over, func(o *text) bool { return !asked[o] && o.accounted(found, asked) })
}

// agree checks that we see what the host has.
func (d *duel) agree() {
	if len(d.w.Unsent()) > 0 {
		return
	}
	there := d.w.things()
	if seen, err := d.w.seen(); err != nil || fmt.Sprint(seen) != fmt.Sprint(there) {
		d.w.t.Errorf("the host has %v, seen are %v, %v", there, seen, err)
	}
}
