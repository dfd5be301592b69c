package cache

import (
	"context"
	"slices"
)

// A conflict that is found in the background is told to nobody: the program has
// closed its file long since, and the copy beside the host's version has another
// name. Who saves the file once more does so over a version that no program here has
// seen. So the next change that would replace or remove that is refused, once,
// as those are that are based on contents, see expect.go. It is not if a program
// has been told meanwhile, by the error of a close, or has opened the host's version.

// untoldOf has nobody know of a conflict about a file yet.
func (l *conflictList) untoldOf(path string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.untold) >= maxConflicts {
		clear(l.untold)
	}
	l.untold[path] = true
}

func (l *conflictList) isUntold(path string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.untold[path]
}

// seen takes in that a program knows what the host has under a name, and tells
// whether that was in a conflict of which nobody knew.
func (l *conflictList) seen(path string) (news bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	news = l.untold[path]
	delete(l.untold, path)
	return news
}

// told takes in that a program was told of a conflict, by the name of its copy.
func (l *conflictList) told(copied string) {
	all := l.list()
	if i := slices.IndexFunc(all, func(c Conflict) bool { return c.Copy == copied }); i >= 0 {
		l.seen(all[i].Path)
	}
}

// untoldMovedLocked takes in that names were changed here.
func (l *conflictList) untoldMovedLocked(from, to string) {
	for path := range l.untold {
		if p, ok := moved(path, from, to); ok {
			delete(l.untold, path)
			l.untold[p] = true
		}
	}
}

// unaware refuses a change that would replace or remove the host's version of a
// file in a conflict that was told to nobody. The file is locked.
func (c *Cache) unaware(ctx context.Context, op, path string) error {
	if !c.conflicts.seen(path) {
		return nil
	}
	if _, err := c.entry(ctx, path); isGone(err) {
		return nil // there is nothing to lose
	}
	c.log.Warn("a file was not replaced or removed: it had been changed here and on the host, and nobody was told", "path", path)
	return changedThere(op, path)
}
