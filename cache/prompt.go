package cache

import (
	"context"
	"errors"
	"sync"
	"syscall"
	"time"
)

// away tells an error of the link from an answer of the host.
func away(err error) bool {
	return errors.Is(err, syscall.ENOTCONN) || errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ETIMEDOUT)
}

// prompt asks the host what others ask who do not mean it: df(1) for all
// mounts, ls(1) in the directory above, a shell that completes a name. They are
// not to wait for a host that is away as long as there is an older answer. Who
// comes while the host is being asked shares the question, and its age.
type prompt[T any] struct {
	mu    sync.Mutex    // guards the fields below
	asked chan struct{} // closed when the host has answered; nil when nobody asks
	since time.Time
	last  T
	err   error
}

const (
	shortly = time.Second     // for a newer answer than the one there is
	firstly = 5 * time.Second // for the first
)

// ask waits for an answer of the host, not longer than limit from when it was
// asked; then it is ETIMEDOUT. The question goes on by itself.
func (p *prompt[T]) ask(ctx context.Context, limit time.Duration, start func(func()), ask func() (T, error)) (T, error) {
	asked, left := p.begin(limit, start, ask)
	timer := time.NewTimer(left)
	defer timer.Stop()
	var none T
	select {
	case <-asked:
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.last, p.err
	case <-timer.C:
		return none, syscall.ETIMEDOUT
	case <-ctx.Done():
		return none, interrupted(ctx)
	}
}

// begin asks, unless somebody does.
func (p *prompt[T]) begin(limit time.Duration, start func(func()), ask func() (T, error)) (<-chan struct{}, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.asked == nil {
		asked := make(chan struct{})
		p.asked, p.since = asked, time.Now()
		start(func() {
			got, err := ask()
			p.mu.Lock()
			defer p.mu.Unlock()
			p.last, p.err, p.asked = got, err, nil
			close(asked)
		})
	}
	return p.asked, limit - time.Since(p.since)
}

// self is the directory itself: as the host has it now, or as it was when the
// host was last heard of.
func (c *Cache) self(ctx context.Context) (Entry, error) {
	if e, k := c.known(""); k == known {
		return e, nil
	}
	e, err := c.root.ask(ctx, shortly, c.loops.Go, func() (Entry, error) { return c.stat(c.ctx, "") })
	return c.orRemembered("", e, err)
}
