package cache

import (
	"context"
	"sync"
	"time"
)

// space is what was last heard of the host's file system. find(1) asks for
// each directory that it reads, so an answer is believed for a while, and
// given while the next is on its way.
type space struct {
	mu     sync.Mutex // guards the fields below
	last   Statfs
	at     time.Time
	asking bool
}

const (
	spaceFresh = 2 * time.Second  // an answer is not asked for again
	spaceOld   = 30 * time.Second // an answer is no longer given
)

// Statfs describes the file system that holds the directory, as it was at
// most 30 s ago.
func (c *Cache) Statfs(ctx context.Context) (Statfs, error) {
	s := &c.space
	s.mu.Lock()
	last, age := s.last, time.Since(s.at)
	ask := age > spaceFresh && !s.asking
	if ask && age < spaceOld {
		s.asking = true
		c.loops.Go(func() { _, _ = c.askSpace(c.ctx) })
	}
	s.mu.Unlock()
	if age < spaceOld {
		return last, nil
	}
	return c.askSpace(ctx)
}

func (c *Cache) askSpace(ctx context.Context) (Statfs, error) {
	st, err := c.remote.Statfs(ctx, "")
	s := &c.space
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asking = false
	if err == nil {
		s.last, s.at = st, time.Now()
	}
	return st, err
}
