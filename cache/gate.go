package cache

import (
	"context"
	"math"
	"syscall"

	"golang.org/x/sync/semaphore"
)

// gate is a read-write lock that may be held over the network: waiting for
// it ends with the context.
type gate struct{ sem *semaphore.Weighted }

func newGate() gate { return gate{semaphore.NewWeighted(math.MaxInt32)} }

// share lets others in who share, exclude nobody. Both return how to leave.
func (g gate) share(ctx context.Context) (func(), error)   { return g.enter(ctx, 1) }
func (g gate) exclude(ctx context.Context) (func(), error) { return g.enter(ctx, math.MaxInt32) }

// tryExclude is exclude for who cannot wait.
func (g gate) tryExclude() (func(), bool) {
	if !g.sem.TryAcquire(math.MaxInt32) {
		return nil, false
	}
	return func() { g.sem.Release(math.MaxInt32) }, true
}

func (g gate) enter(ctx context.Context, n int64) (func(), error) {
	if err := g.sem.Acquire(ctx, n); err != nil {
		return nil, interrupted(ctx)
	}
	return func() { g.sem.Release(n) }, nil
}

// interrupted is the errno of a wait that ended with its context.
func interrupted(ctx context.Context) error {
	if context.Cause(ctx) == context.DeadlineExceeded {
		return syscall.ETIMEDOUT
	}
	return syscall.EINTR
}
