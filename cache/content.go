package cache

import (
	"context"
	"errors"
	"slices"
	"sync"
	"syscall"
)

// content is one version of a large file's contents that is on its way from
// the host: what of it is here, what is being fetched, and who waits for it.
//
// What is read is fetched and, the longer somebody reads in sequence, the
// more in front of it, in parallel parts. A read far from there fetches its
// own part. Bytes can be read as they arrive.
type content struct {
	c       *Cache
	f       *File
	obj     *object
	attr    Attr  // the version
	settled int64 // the host's clock when the first transfer began

	most int64 // bytes that may be here at a time

	ctx    context.Context // of the transfers
	cancel context.CancelFunc
	slots  chan struct{} // of parallel parts

	mu      sync.Mutex // guards the fields below
	have    ranges
	order   []span        // of have, as it came
	whole   bool          // somebody needs everything: nothing is given up
	flights []flight      // under way or queued
	begun   int           // how many there were
	failed  flight        // the last that did
	stream  int64         // up to where the sequential reader is provided for
	ahead   int64         // how far in front of it
	moved   chan struct{} // closed when have, flights or failed change
	coming  []*arrival    // see arrival.go
	wanted  []span        // by readers that wait
}

// flight is one transfer.
type flight struct {
	span
	number int
	err    error
}

const (
	smallFile  = 256 << 10 // files up to this size come whole when they are opened
	farSize    = 128 << 10 // the least that a read out of sequence fetches
	firstAhead = 1 << 20
	mostAhead  = 64 << 20
	partSize   = 4 << 20
	parts      = 4 // at a time, for one file: one channel gives 2 MiB per round trip
	// cheapEnd is the size up to which a transfer that nobody wants any more goes on
	// to its end: stopping one ends its shell, and a new one takes round trips.
	cheapEnd = 2 << 20
)

func (c *Cache) newContent(f *File, o *object, a Attr, have ranges) *content {
	t := &content{c: c, f: f, obj: o, attr: a, settled: c.remote.Clock(), have: have, order: slices.Clone(have),
		slots: make(chan struct{}, parts), moved: make(chan struct{})}
	t.most = c.disk.share(a.Size)
	t.ctx, t.cancel = context.WithCancel(c.ctx)
	return t
}

// need waits until the bytes of a span are here, having them fetched if
// nobody does yet.
func (t *content) need(ctx context.Context, s span) error {
	if err := t.keepAll(s); err != nil {
		return err
	}
	began := t.count()
	defer t.want(s)()
	for {
		moved, err := t.ask(s, began)
		if moved == nil {
			return err
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return interrupted(ctx)
		}
	}
}

// count is how many transfers have begun.
func (t *content) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.begun
}

// ask has the missing bytes of a span fetched. It returns what to wait for,
// or nil when they are here, or when a transfer of some of them has failed that
// was not among the first.
func (t *content) ask(s span, first int) (<-chan struct{}, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.End = min(s.End, t.attr.Size)
	if t.have.has(s) {
		t.readAheadLocked(s)
		return nil, nil
	}
	if err := t.ctx.Err(); err != nil {
		return nil, err
	}
	if f := t.failed; f.err != nil && f.number > first && f.Off < s.End && s.Off < f.End {
		return nil, f.err
	}
	t.fetchLocked(s)
	return t.moved, nil
}

// fetchLocked has the missing bytes of a span fetched, and what is likely to
// be read after them.
func (t *content) fetchLocked(s span) {
	if s.Off <= t.stream && s.Off >= t.stream-t.ahead-mostAhead {
		t.readAheadLocked(s)
	} else {
		s.Off -= s.Off % farSize
		s.End = min(max(s.End, s.Off+farSize), t.attr.Size)
		t.stream, t.ahead = s.End, farSize/2
	}
	t.flyLocked(s)
}

// readAheadLocked keeps the stream in front of a sequential reader: when the
// reader has come half the way, it goes twice as far.
func (t *content) readAheadLocked(s span) {
	if s.End+t.ahead/2 < t.stream || s.Off > t.stream || t.stream >= t.attr.Size {
		return
	}
	t.ahead = min(max(2*t.ahead, firstAhead), mostAhead, t.most/4)
	if to := min(s.End+t.ahead, t.attr.Size); to > t.stream {
		t.flyLocked(span{t.stream, to})
		t.stream = to
	}
}

// flyLocked starts transfers of what of a span is neither here nor on its
// way.
func (t *content) flyLocked(s span) {
	coming := slices.Clone(t.have)
	for _, f := range t.flights {
		coming.add(f.span)
	}
	for _, gap := range coming.missing(s) {
		for gap.Off < gap.End {
			t.begun++
			part := flight{span: span{gap.Off, min(gap.Off+partSize, gap.End)}, number: t.begun}
			t.flights = append(t.flights, part)
			t.c.loops.Go(func() { t.fly(part) })
			gap.Off = part.End
		}
	}
}

// fly makes a transfer.
func (t *content) fly(f flight) {
	select {
	case t.slots <- struct{}{}:
		f.err = t.transfer(f.span)
		<-t.slots
	case <-t.ctx.Done():
		f.err = t.ctx.Err()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.flights = slices.DeleteFunc(t.flights, func(o flight) bool { return o.number == f.number })
	if f.err != nil {
		t.failed = f
	}
	t.movedLocked()
}

func (t *content) movedLocked() {
	close(t.moved)
	t.moved = make(chan struct{})
}

func (t *content) transfer(s span) error {
	if err := t.ctx.Err(); err != nil {
		return err
	}
	path := t.f.path()
	if path == "" {
		return syscall.ESTALE // removed before it was here
	}
	if err := t.c.disk.reserve(s.End - s.Off); err != nil {
		return err
	}
	ctx := t.ctx
	if s.End-s.Off <= cheapEnd {
		ctx = t.c.ctx
	}
	w := t.arriving(s.Off)
	defer t.arrived(w)
	err := t.c.remote.FetchRange(ctx, path, t.attr, s.Off, s.End-s.Off, w)
	err = errors.Join(err, w.flush())
	t.trim()
	if err != nil && (!hasErrno(err) || errors.Is(err, syscall.ESTALE)) {
		return errors.Join(errAgain, err)
	}
	return err
}

func (t *content) came(s span) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.have.add(s)
	if last := len(t.order) - 1; last >= 0 && t.order[last].End == s.Off {
		t.order[last].End = s.End
	} else {
		t.order = append(t.order, s)
	}
	t.movedLocked()
}

// here tells whether the bytes of a span are here.
func (t *content) here(s span) bool {
	s.End = min(s.End, t.attr.Size)
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.have.has(s)
}

// stop ends the transfers, and tells what came. Nothing is put into its place
// any more when it returns.
func (t *content) stop() ranges {
	t.bring(span{0, t.attr.Size})
	t.cancel()
	for _, w := range t.arrivals() {
		w.end()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.have)
}
