package cache

import (
	"slices"
	"sync"
)

// arrival puts what comes of a part into its place. The kernel keeps what is
// written in small pieces, or across their borders, in small pages, which take
// twice as long to read. So it is gathered up to the next border, unless
// somebody waits for it. What comes after the contents were given up is thrown
// away.
type arrival struct {
	t *content

	mu  sync.Mutex // guards the fields below; before that of t
	off int64      // of buf
	buf []byte
}

// border is what pieces end at a multiple of, in bytes.
const border = 256 << 10

func (t *content) arriving(off int64) *arrival {
	w := &arrival{t: t, off: off}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.coming = append(t.coming, w)
	return w
}

func (t *content) arrived(w *arrival) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.coming = slices.DeleteFunc(t.coming, func(o *arrival) bool { return o == w })
}

// bring has what came of a span already put into its place.
func (t *content) bring(s span) {
	for _, w := range t.arrivals() {
		if err := w.flushFor(s); err != nil {
			t.c.log.Debug("the cache cannot be written", "err", err) // the transfer fails by it
		}
	}
}

func (t *content) arrivals() []*arrival {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.coming)
}

// want says that somebody waits for a span.
func (t *content) want(s span) (done func()) {
	t.mu.Lock()
	t.wanted = append(t.wanted, s)
	t.mu.Unlock()
	t.bring(s)
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		i := slices.Index(t.wanted, s)
		t.wanted = slices.Delete(t.wanted, i, i+1)
	}
}

// isWanted tells whether somebody waits for a span that ends in s, or at its
// end.
func (t *content) isWanted(s span) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.ContainsFunc(t.wanted, func(w span) bool { return s.Off < w.End && w.End <= s.End })
}

func (w *arrival) Write(p []byte) (int, error) {
	if w.t.ctx.Err() != nil {
		return len(p), nil
	}
	defer w.t.trim()
	w.mu.Lock()
	defer w.mu.Unlock()
	for n := 0; n < len(p); {
		left := border - int(w.off+int64(len(w.buf)))%border
		part := p[n:min(n+left, len(p))]
		w.buf = append(w.buf, part...)
		n += len(part)
		here := span{w.off, w.off + int64(len(w.buf))}
		if len(part) == left || w.t.isWanted(here) {
			if err := w.flushLocked(); err != nil {
				return n, err
			}
		}
	}
	return len(p), nil
}

// flush puts everything that came into its place.
func (w *arrival) flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.flushLocked()
}

// flushFor is flush if there is something of a span.
func (w *arrival) flushFor(s span) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.Off >= w.off+int64(len(w.buf)) || s.End <= w.off {
		return nil
	}
	return w.flushLocked()
}

// end waits for what is just being put into its place, and throws away what came
// since. Called once the contents are given up, so that no more follows.
func (w *arrival) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buf = w.buf[:0]
}

func (w *arrival) flushLocked() error {
	if len(w.buf) == 0 || w.t.ctx.Err() != nil {
		return nil
	}
	if !(len(w.buf) >= holeSize && allZero(w.buf)) {
		if _, err := w.t.obj.f.WriteAt(w.buf, w.off); err != nil {
			return err
		}
	}
	n := int64(len(w.buf))
	w.t.came(span{w.off, w.off + n})
	w.off, w.buf = w.off+n, w.buf[:0]
	return nil
}
