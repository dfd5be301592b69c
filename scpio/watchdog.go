package scpio

import (
	"context"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// watchdog ends a context when nothing has happened for a while. There is one
// for each operation, from its first moment of waiting to its end.
type watchdog struct {
	limit time.Duration
	end   context.CancelCauseFunc

	mu    sync.Mutex // guards the fields below
	timer *time.Timer
	due   time.Time
	life  *life // while others are waited for: what they do is something, too
}

// life is when a byte of any shell came last.
type life struct{ at atomic.Int64 }

func (l *life) mark() { l.expect(0) }

// expect says that nothing may come for a while, and that this is no sign of a
// dead peer: the host copies a large file.
func (l *life) expect(silence time.Duration) {
	at := time.Now().Add(silence).UnixNano()
	for old := l.at.Load(); old < at && !l.at.CompareAndSwap(old, at); old = l.at.Load() {
	}
}

// quiet is how long nothing has come.
func (l *life) quiet() time.Duration { return time.Duration(time.Now().UnixNano() - l.at.Load()) }

type watchKey struct{}

// watched derives a context that ends as ETIMEDOUT when its watchdog has not
// been reset for the time limit. The parts of an operation share one.
func (c *Client) watched(ctx context.Context) (context.Context, *watchdog, context.CancelFunc) {
	return watchedFor(ctx, c.timeout)
}

func watchedFor(ctx context.Context, limit time.Duration) (context.Context, *watchdog, context.CancelFunc) {
	if w, ok := ctx.Value(watchKey{}).(*watchdog); ok {
		return ctx, w, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	w := &watchdog{limit: limit, end: cancel}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.due = time.Now().Add(w.limit)
	w.timer = time.AfterFunc(w.limit, w.fire)
	return context.WithValue(ctx, watchKey{}, w), w, func() {
		w.timer.Stop()
		cancel(nil)
	}
}

// late is the delay of a timer from which on this process is taken to have
// been stopped (SIGSTOP, a debugger, a machine without memory).
const late = 500 * time.Millisecond

// fire ends the context, unless something has happened. When the process was
// stopped, the answer may be waiting to be read: time that it could not use
// does not count.
func (w *watchdog) fire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	left := time.Until(w.due)
	switch {
	case left > 0:
	case left < -late:
		left = w.limit
	case w.life != nil:
		left = w.limit - w.life.quiet()
	}
	if left > 0 {
		w.againLocked(left)
		return
	}
	w.end(syscall.ETIMEDOUT)
}

func (w *watchdog) againLocked(left time.Duration) {
	w.due = time.Now().Add(left)
	w.timer.Reset(left)
}

// wait says whose life counts while others are waited for: none with nil.
func (w *watchdog) wait(l *life) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.life = l
}

// extend gives what is under way more time, once.
func (w *watchdog) extend(by time.Duration) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.againLocked(w.limit + by)
}

func (w *watchdog) reset() { w.extend(0) }
