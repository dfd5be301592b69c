package cache

import (
	"context"
	"sync"
	"time"
)

// space is what was last heard of the host's file system. find(1) asks for
// each directory that it reads, so an answer is believed for a while, and
// given while the next is on its way, or does not come.
type space struct {
	prompt prompt[Statfs]

	mu   sync.Mutex // guards the fields below
	last Statfs
	at   time.Time // zero: nothing was heard
}

const (
	spaceFresh = 2 * time.Second  // an answer is not asked for again
	spaceOld   = 30 * time.Second // a newer answer is waited for, shortly
)

// Statfs describes the file system that holds the directory, as it was at
// most 30 s ago, or when the host was last heard of.
func (c *Cache) Statfs(ctx context.Context) (Statfs, error) {
	s := &c.space
	s.mu.Lock()
	last, known, age := s.last, !s.at.IsZero(), time.Since(s.at)
	s.mu.Unlock()
	limit := firstly
	switch {
	case !known:
	case age < spaceFresh:
		return last, nil
	case age < spaceOld:
		s.prompt.begin(0, c.loops.Go, c.askSpace)
		return last, nil
	default:
		limit = shortly
	}
	st, err := s.prompt.ask(ctx, limit, c.loops.Go, c.askSpace)
	if known && err != nil && away(err) {
		return last, nil
	}
	return st, err
}

func (c *Cache) askSpace() (Statfs, error) {
	st, err := c.remote.Statfs(c.ctx, "")
	if err == nil {
		s := &c.space
		s.mu.Lock()
		defer s.mu.Unlock()
		s.last, s.at = st, time.Now()
	}
	return st, err
}
