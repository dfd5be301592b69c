package cache

import (
	"context"
	"slices"
	"sync"
)

// A conflict that is found in the background is told to nobody: the program has
// closed its file long since, and the copy beside the host's version has another
// name. Who saves the file once more does so over a version that no program here has
// seen. So the next change that would replace or remove that is refused, once,
// as those are that are based on contents, see expect.go. It is not if a program
// has been told meanwhile, by the error of a close, or has opened the host's version.

// news are the files that are in such a conflict.
type news struct {
	mu    sync.Mutex // guards the field below
	paths map[string]bool
}

func (u *news) add(path string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.paths == nil || len(u.paths) >= maxConflicts {
		u.paths = map[string]bool{}
	}
	u.paths[path] = true
}

func (u *news) has(path string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.paths[path]
}

// seen takes in that a program knows what the host has under a name, and tells
// whether that was news.
func (u *news) seen(path string) (news bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	news = u.paths[path]
	delete(u.paths, path)
	return news
}

// moved takes in that names were changed here.
func (u *news) moved(from, to string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for path := range u.paths {
		if p, ok := moved(path, from, to); ok {
			delete(u.paths, path)
			u.paths[p] = true
		}
	}
}

// told takes in that a program was told of a conflict, by the name of its copy.
func (l *conflictList) told(copied string) {
	all := l.list()
	if i := slices.IndexFunc(all, func(c Conflict) bool { return c.Copy == copied }); i >= 0 {
		l.untold.seen(all[i].Path)
	}
}

// unaware refuses a change that would replace or remove the host's version of a
// file in a conflict that was told to nobody. The file is locked.
func (c *Cache) unaware(ctx context.Context, op, path string) error {
	if !c.conflicts.untold.seen(path) {
		return nil
	}
	if _, err := c.entry(ctx, path); isGone(err) {
		return nil // there is nothing to lose
	}
	c.log.Warn("a file was not replaced or removed: it had been changed here and on the host, and nobody was told", "path", path)
	return changedThere(op, path)
}
