package sshdial

import (
	"context"
	"fmt"
	"io"
	"syscall"
	"time"
)

// guard bounds an attempt to connect: when its time is over, or the caller's
// context, the context ends, and what it protects is closed. Connections
// through a jump host know no deadlines, so closing is all that frees a reader.
type guard struct {
	ctx     context.Context // for the length of one Dial
	cancel  context.CancelCauseFunc
	timer   *time.Timer
	timeout time.Duration
	paused  int // how many want the clock to stand; the handshake's goroutines only, in turn
}

// timeoutError is the cause of a context that the guard ended.
type timeoutError struct{ after time.Duration }

func (e *timeoutError) Error() string { return fmt.Sprintf("no answer within %v", e.after) }

func (e *timeoutError) Unwrap() error { return syscall.ETIMEDOUT }

func newGuard(ctx context.Context, timeout time.Duration) *guard {
	ctx, cancel := context.WithCancelCause(ctx)
	g := &guard{ctx: ctx, cancel: cancel, timeout: timeout}
	g.timer = time.AfterFunc(timeout, func() { cancel(&timeoutError{timeout}) })
	return g
}

// protect closes c when the guard strikes. The function returned ends that; it
// is false if the guard has struck.
func (g *guard) protect(c io.Closer) (release func() bool) {
	return context.AfterFunc(g.ctx, func() { c.Close() })
}

// pause stops the clock for what is no fault of the network. Pauses nest.
func (g *guard) pause() {
	g.paused++
	g.timer.Stop()
}

// resume starts the clock anew at the end of the outermost pause.
func (g *guard) resume() {
	if g.paused--; g.paused == 0 {
		g.timer.Reset(g.timeout)
	}
}

func (g *guard) close() {
	g.timer.Stop()
	g.cancel(nil)
}
