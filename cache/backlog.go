package cache

import (
	"context"
	"slices"
	"sync"
	"time"
)

// backlog is the queue of changes that were made here and that the host has
// yet to hear of, in the order in which they were made. Each is in the log as
// well, before its caller gets an answer. One goroutine (drain) tells the host.
//
// Until the host has them they are shown from here (backlogview.go). A change
// that cannot wait, because the host has to decide on it, first waits for those
// that it could depend on (settle).
type backlog struct {
	mu      sync.Mutex // guards the fields below
	waiting []*change  // the first is next, or being sent
	names   map[string]map[string]*shown
	links   map[string]uint32 // of directories with names or in staged, see changedBy
	staged  map[string]bool   // directories in which a batch has one of its own
	seq     uint64
	stores  map[*File]*change // the last of each file, in waiting
	sending map[*change]bool  // stores under way
	lost    error             // why nothing can be sent now
	moved   chan struct{}     // closed and replaced when any of it changes
}

// A changeKind is what a change does, by the word that stands in the log.
type changeKind string

const (
	storing    changeKind = "" // the contents of a file
	making     changeKind = "mkdir"
	symlinking changeKind = "symlink"
	setting    changeKind = "setattr"
	removing   changeKind = "remove"
	renaming   changeKind = "rename" // of what the host has
	unmaking   changeKind = "rmdir"
)

// change is one of the backlog.
type change struct {
	kind   changeKind
	path   string
	to     string // of a rename
	record string // its name in the log
	entry  Entry  // what is made, and its number
	base   Attr   // the version that is changed or removed
	over   Attr   // the version that is replaced by a rename; Ino 0: there was none
	doubt  doubt  // what else may be there to be removed
	set    Change
	links  uint32 // of the directory before it
	links2 uint32 // of that of to
	since  time.Time
	asked  time.Time // when the host was asked to make it; zero if it had it already
	file   *File     // of a store, which has the rest
}

func newBacklog() *backlog {
	return &backlog{names: map[string]map[string]*shown{}, links: map[string]uint32{}, staged: map[string]bool{}, stores: map[*File]*change{}, sending: map[*change]bool{}, moved: make(chan struct{})}
}

func (b *backlog) movedLocked() {
	close(b.moved)
	b.moved = make(chan struct{})
}

// number is the place of one more change in the order of things. It grows over
// mounts as well.
func (b *backlog) number() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seq = max(b.seq+1, uint64(time.Now().UnixNano()))
	return b.seq
}

// add puts a change at the end.
func (b *backlog) add(ch *change) {
	b.mu.Lock()
	defer b.mu.Unlock()
	ch.since = time.Now()
	b.waiting = append(b.waiting, ch)
	b.showLocked(ch)
	b.movedLocked()
}

// addStore has a file stored after everything else; if it is to be anyway, and
// was not renamed since, it stays where it is.
func (b *backlog) addStore(f *File, path string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if ch := b.stores[f]; ch != nil && !b.sending[ch] {
		if ch.path == path {
			return
		}
		b.takeLocked(ch)
	}
	b.stores[f] = &change{kind: storing, path: path, file: f}
	b.waiting = append(b.waiting, b.stores[f])
	b.movedLocked()
}

// dropStore takes back that a file is to be stored: it is gone, or stored
// already.
func (b *backlog) dropStore(f *File) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if ch := b.stores[f]; ch != nil && !b.sending[ch] {
		b.takeLocked(ch)
	}
	b.movedLocked()
}

// takeLocked takes a change out of the queue. It is the first, most often.
func (b *backlog) takeLocked(ch *change) {
	switch i := slices.Index(b.waiting, ch); {
	case i == 0:
		b.waiting = b.waiting[1:]
	case i > 0:
		b.waiting = slices.Delete(b.waiting, i, i+1)
	}
	if b.stores[ch.file] == ch {
		delete(b.stores, ch.file)
	}
}

// done takes a change out, whatever became of it.
func (b *backlog) done(ch *change) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.takeLocked(ch)
	b.hideLocked(ch)
	b.movedLocked()
}

// waits tells whether a change is still to be sent.
func (b *backlog) waits(ch *change) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Contains(b.waiting, ch)
}

// next waits for a change to send and gives the first of those that wait.
func (b *backlog) next(ctx context.Context) ([]*change, bool) {
	for {
		b.mu.Lock()
		all, moved := slices.Clone(b.waiting[:min(len(b.waiting), batchSteps)]), b.moved
		b.mu.Unlock()
		if len(all) > 0 {
			return all, true
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return nil, false
		}
	}
}

// begin says that a store is under way: another one of the same file will come
// after it.
func (b *backlog) begin(ch *change) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sending[ch] = true
}

// end says that it is no longer. If another has come after it, that one brings all
// that this was to bring, and has its turn later.
func (b *backlog) end(ch *change) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.sending, ch)
	if next := b.stores[ch.file]; next != nil && next != ch {
		b.takeLocked(ch)
	}
}

// away says why nothing can be sent; nil, that it can again.
func (b *backlog) away(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lost = err
	b.movedLocked()
}

// settle waits until the host has heard of all changes of some paths, above
// and below them. It fails at once if nobody can tell the host.
func (b *backlog) settle(ctx context.Context, paths ...string) error {
	return b.wait(ctx, func(ch *change) bool {
		return slices.ContainsFunc(paths, ch.concerns)
	})
}

// now is the name that is shown of what the change is of.
func (ch *change) now() string {
	if ch.kind == renaming {
		return ch.to
	}
	return ch.path
}

// concerns tells whether a path is one of the change, above it or below it.
func (ch *change) concerns(path string) bool {
	near := func(p string) bool { return below(path, p) || below(p, path) }
	return near(ch.path) || ch.kind == renaming && near(ch.to)
}

// settleSet waits until the host has heard of the attributes that were set of a
// path.
func (b *backlog) settleSet(ctx context.Context, path string) error {
	dir, name := split(path)
	b.mu.Lock()
	s := b.names[dir][name]
	b.mu.Unlock()
	if s == nil || s.last.kind != setting {
		return nil
	}
	return b.wait(ctx, func(ch *change) bool { return ch.kind == setting && ch.path == path })
}

// wait waits until none of the changes is left that concern the caller.
func (b *backlog) wait(ctx context.Context, concerns func(*change) bool) error {
	for {
		b.mu.Lock()
		pending, lost, moved := slices.ContainsFunc(b.waiting, concerns), b.lost, b.moved
		b.mu.Unlock()
		switch {
		case !pending:
			return nil
		case lost != nil:
			return lost
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return interrupted(ctx)
		}
	}
}

// report lists the changes that are not of contents.
func (b *backlog) report() []Pending {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []Pending
	for _, ch := range b.waiting {
		if ch.kind != storing && !ch.restOnly() {
			all = append(all, Pending{Path: ch.path, Change: string(ch.kind), Since: ch.since, Err: b.lost})
		}
	}
	return all
}

// all are the changes that wait, in order.
func (b *backlog) all() []*change {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.waiting)
}
