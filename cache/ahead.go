package cache

import (
	"sync"
	"time"
)

// ahead looks ahead at contents: when a second small file of a directory is
// opened, the others are fetched in one stream; when directories are read one
// after the other, those of the subtree that is known. The request that sets
// this off is not delayed by it; those that come later wait for their file to
// come along, rather than ask for it once more.
//
// What is fetched so and not used is counted. Where it is most of it, less
// is fetched ahead, down to nothing; the budget grows again with use.
type ahead struct {
	mu      sync.Mutex // guards the fields below
	last    string     // the file opened last that was not here
	at      time.Time
	aligned bool                     // that one and the one before it seem to be one reader's
	busy    chan struct{}            // while a stream is under way; closed when it is known what comes
	coming  map[string]chan struct{} // paths under way; closed when the file is here or will not be
	budget  int64                    // bytes of the next stream
	judged  time.Time                // when the budget was set
	fetched int64                    // bytes fetched ahead, those of long ago counting less
	used    int64                    // of these, bytes of files opened
	total   Ahead
}

// Ahead counts what was fetched ahead, in bytes: what was never read was
// fetched in vain.
type Ahead struct{ Fetched, Read int64 }

const (
	aheadWithin = 10 * time.Second // between two opens that are one reader's
	aheadRest   = time.Minute      // after which one that guessed wrong tries again
	firstBudget = 8 << 20
	leastBudget = 256 << 10
	aheadStream = 256 // files in one command
)

// opened says that a small file was opened that is not here.
func (c *Cache) opened(path string) {
	a := &c.ahead
	a.mu.Lock()
	defer a.mu.Unlock()
	last, at := a.last, a.at
	a.last, a.at = path, time.Now()
	if last == "" || time.Since(at) > aheadWithin {
		a.aligned = false
		return
	}
	if a.busy != nil || last == path {
		return
	}
	where, ok := c.reading(last, path)
	aligned := a.aligned
	a.aligned = ok
	if !ok || where.deep && !aligned {
		return // names that are hashes are neighbours by chance, once
	}
	budget := a.judgeLocked(c.mostAhead())
	if budget < leastBudget {
		return
	}
	a.busy = make(chan struct{})
	c.loops.Go(func() { c.fetchAhead(where, path, budget) })
}

// region is what somebody seems to read: the files of a directory, or of all
// below it as well.
type region struct {
	root string
	deep bool
}

// reading is what somebody seems to read who has opened two files: their
// directory, or the directories below a common one if the second is what comes
// after the first there. Some programs look for one name everywhere, or for
// names that are hashes.
func (c *Cache) reading(last, path string) (region, bool) {
	from, _ := split(last)
	dir, _ := split(path)
	if from == dir {
		return region{root: dir}, true
	}
	root, ok := commonRoot(from, dir)
	r := region{root, true}
	return r, ok && c.follows(r, last, path)
}

// follows tells whether a file is the first after another that is not here.
func (c *Cache) follows(r region, last, path string) bool {
	next := ""
	c.tree.small(r, last, time.Now().Add(-c.o.Timeouts.Dir), func(f candidate) bool {
		if c.disk.holds(f.attr) && f.path != path {
			return true
		}
		next = f.path
		return false
	})
	return next == path
}

// mostAhead is how much may be fetched ahead at a time: no more than what the
// cache can hold beside other things.
func (c *Cache) mostAhead() int64 {
	if c.o.Size > 0 {
		return min(c.o.Ahead.Bytes, c.o.Size/4)
	}
	return c.o.Ahead.Bytes
}

// judgeLocked sets the budget by what became of the last streams.
func (a *ahead) judgeLocked(most int64) int64 {
	switch {
	case a.judged.IsZero():
		a.budget = firstBudget
	case a.used*2 > a.fetched:
		a.budget = max(a.budget, leastBudget) * 2
	case a.used*8 < a.fetched:
		a.budget /= 4
	case a.budget < leastBudget && time.Since(a.judged) > aheadRest:
		a.budget = leastBudget
	}
	if a.budget >= leastBudget {
		a.judged = time.Now()
	}
	a.budget = min(a.budget, most)
	a.fetched, a.used = a.fetched/2, a.used/2
	return a.budget
}
