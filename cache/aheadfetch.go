package cache

import (
	"context"
	"io"
	"slices"
	"sync"
	"time"
)

// fetchAhead fetches the small files of a region that are not here, in the
// order of their names from a path on, and then those before it.
func (c *Cache) fetchAhead(where region, path string, budget int64) {
	all := c.candidates(where, path, budget)
	a := &c.ahead
	a.mu.Lock()
	if a.coming == nil {
		a.coming = map[string]chan struct{}{}
	}
	for _, f := range all {
		a.coming[f.path] = make(chan struct{})
	}
	close(a.busy)
	a.mu.Unlock()
	var streams sync.WaitGroup
	slots := make(chan struct{}, 2)
	for len(all) > 0 {
		n := min(len(all), aheadStream)
		part := all[:n]
		all = all[n:]
		slots <- struct{}{}
		streams.Go(func() {
			c.stream(part)
			<-slots
		})
	}
	streams.Wait()
	a.mu.Lock()
	a.busy = nil
	a.mu.Unlock()
}

func (c *Cache) candidates(where region, path string, budget int64) []candidate {
	var picked []candidate
	pick := func(f candidate) bool {
		if !c.disk.holds(f.attr) {
			picked = append(picked, f)
			budget -= f.attr.Size
		}
		return len(picked) < c.o.Ahead.Entries && budget > 0
	}
	c.tree.small(where, path, time.Now().Add(-c.o.Timeouts.Dir), pick)
	return slices.DeleteFunc(picked, func(f candidate) bool { return c.liveAt(f.path) != nil })
}

// stream fetches files by one command, and puts them into the books.
func (c *Cache) stream(files []candidate) {
	paths := make([]string, len(files))
	for i, f := range files {
		paths[i] = f.path
	}
	settled := c.remote.Clock()
	objects := make([]*object, len(files))
	err := c.remote.FetchMany(c.ctx, paths,
		func(i int, a Attr) (io.Writer, error) {
			if a.Size > smallFile {
				return io.Discard, errAgain
			}
			o, err := c.disk.create()
			if err != nil {
				return io.Discard, err
			}
			if objects[i] != nil { // the connection was lost, and it begins again
				c.disk.discard(objects[i])
			}
			objects[i] = o
			return o.f, nil
		},
		func(i int, a Attr, err error) {
			c.arrived(files[i].path, objects[i], a, a.Mtime >= settled, err)
			objects[i] = nil
		})
	for i, f := range files {
		if objects[i] != nil {
			c.disk.discard(objects[i])
		}
		c.ahead.end(f.path) // where the stream did not get to it
	}
	if err != nil {
		c.log.Debug("a stream ended early", "err", err)
	}
}

// arrived takes a file in that was fetched ahead.
func (c *Cache) arrived(path string, o *object, a Attr, racy bool, err error) {
	defer c.ahead.end(path)
	switch {
	case o == nil:
	case err != nil || racy || c.disk.room() < 0:
		c.disk.discard(o)
	default:
		c.disk.keepAhead(o, a)
		c.ahead.count(a.Size, 0)
	}
}

func (a *ahead) count(fetched, used int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fetched += fetched
	a.used += used
	a.total.Fetched += fetched
	a.total.Read += used
}

// Ahead counts what was fetched ahead since the cache was opened.
func (c *Cache) Ahead() Ahead {
	c.ahead.mu.Lock()
	defer c.ahead.mu.Unlock()
	return c.ahead.total
}

// end tells who waits for a file that it is here, or will not be.
func (a *ahead) end(path string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if done, ok := a.coming[path]; ok {
		close(done)
		delete(a.coming, path)
	}
}

// awaited waits for a file that is being fetched ahead. It reports whether it
// was.
func (c *Cache) awaited(ctx context.Context, path string) (bool, error) {
	a := &c.ahead
	a.mu.Lock()
	busy := a.busy
	a.mu.Unlock()
	if busy == nil {
		return false, nil
	}
	select {
	case <-busy:
	case <-ctx.Done():
		return false, interrupted(ctx)
	}
	a.mu.Lock()
	done, ok := a.coming[path]
	a.mu.Unlock()
	if !ok {
		return false, nil
	}
	select {
	case <-done:
		return true, nil
	case <-ctx.Done():
		return false, interrupted(ctx)
	}
}
