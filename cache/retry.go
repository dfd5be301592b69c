package cache

import (
	"context"
	"time"
)

// retryEvery is how long a file waits that could not be stored when it was
// closed or synced, or that is left to a close which does not come.
const retryEvery = 15 * time.Second

// retry stores again what could not be stored, until the cache is closed.
func (c *Cache) retry() {
	tick := time.NewTicker(retryEvery)
	defer tick.Stop()
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-tick.C:
		}
		c.retryAll()
	}
}

func (c *Cache) retryAll() {
	for _, f := range c.snapshot() {
		if f.leftBehind() {
			if err := f.storeAgain(c.ctx); err != nil {
				c.log.Debug("a file still cannot be stored", "path", f.path(), "err", err)
			}
			f.retire()
		}
	}
}

// storeAgain stores a file that no handle will store, or has it wait for a host
// that is away.
func (f *File) storeAgain(ctx context.Context) error {
	if f.c.apart() {
		return f.storeLater(ctx)
	}
	return f.store(ctx)
}

// leftBehind tells whether a file has changes that no handle will store, or not
// soon: who has it open may only read it, or not close it for long, as a lock or a
// log, and the host is to have what was closed or synced, see FlushLater and
// awaitedLocked.
func (f *File) leftBehind() bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.dirty && !f.queued && !f.stuck && len(f.paths) > 0 && (f.refs == 0 || f.ended && !f.underway && (f.writers == 0 || f.attr.Size == 0))
}
