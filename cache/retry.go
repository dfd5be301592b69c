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
			if err := f.retry(c.ctx); err != nil {
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

// retry is storeAgain of a file that a program may have open.
func (f *File) retry(ctx context.Context) error {
	if queued, err := f.queueEnded(); queued || err != nil {
		return err
	}
	return f.storeAgain(ctx)
}

// queueEnded has a file wait for the host as it was closed or synced, if it was: a
// program may be about to write on, and what it has written by halves is nobody
// else's to see.
func (f *File) queueEnded() (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case !f.leftBehindLocked(), f.refs > 0 && f.lent > 0:
		return true, nil // written to, or stored, or lent to the kernel, since just now
	case !f.ended || f.writers > 0:
		return false, nil
	}
	f.place = 0
	if err := f.noteLocked(true); err != nil {
		return false, err
	}
	f.queued = true
	f.c.backlog.addStore(f, f.pathLocked())
	return true, nil
}

// leftBehind tells whether a file has changes that no handle will store, or not
// soon: who has it open may only read it, or not close it for long, as a lock or a
// log, and the host is to have what was closed or synced, see FlushLater and
// awaitedLocked.
func (f *File) leftBehind() bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.leftBehindLocked()
}

func (f *File) leftBehindLocked() bool {
	return f.dirty && !f.queued && !f.stuck && len(f.paths) > 0 && (f.refs == 0 || f.ended && !f.underway && (f.writers == 0 || f.attr.Size == 0))
}
