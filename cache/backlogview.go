package cache

import (
	"slices"
	"time"
)

// What the names of the backlog look like until the host has them. Files with
// contents show themselves, see overlay.

// shown is a name of the backlog.
type shown struct {
	entry Entry
	gone  bool    // the host has it, and it is to be removed
	fresh bool    // a directory that the host does not have
	less  bool    // the host has a directory of the name, which is to be removed
	last  *change // that the name is shown for
	since int64   // when the directory's names became others by it; 0: they are the same
}

// changedBy makes the attributes of a directory those that it will have when the
// host has the names of the backlog in it. The number of its links is counted
// from where it was before the first of them: the host may have some of them
// already, and not have said so.
func (b *backlog) changedBy(dir string, a Attr) Attr {
	b.mu.Lock()
	defer b.mu.Unlock()
	links, ok := b.links[dir]
	if !ok {
		return a
	}
	a.Nlink = links
	for _, s := range b.names[dir] {
		if s.fresh {
			a.Nlink++
		}
		if s.less {
			a.Nlink--
		}
		if s.since > a.Ctime { // else the time was set after it
			a.Mtime, a.Ctime = max(a.Mtime, s.since), s.since
		}
	}
	return a
}

// without makes what the host says of a directory what it would say if it had
// none of the names of the backlog yet. Which of them it has is not known.
func (b *backlog) without(dir string, a Attr) Attr {
	b.mu.Lock()
	defer b.mu.Unlock()
	if links, ok := b.links[dir]; ok && isDir(a) {
		a.Nlink = links
	}
	return a
}

// counts tells whether without has something to say of a directory.
func (b *backlog) counts(dir string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, ok := b.links[dir]
	return ok
}

// withoutAll is without for the directories of a listing.
func (b *backlog) withoutAll(dir string, entries []Entry) {
	b.mu.Lock()
	any := len(b.links) > 0
	b.mu.Unlock()
	for i := range entries {
		if any && isDir(entries[i].Attr) {
			entries[i].Attr = b.without(join(dir, entries[i].Name), entries[i].Attr)
		}
	}
}

// stage says that a batch has a directory of its own in a directory with so many
// links, which the host counts among them until the batch has ended. There is one
// batch at a time.
func (b *backlog) stage(dir string, links uint32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.links[dir]; !ok {
		b.links[dir] = links
	}
	b.staged[dir] = true
}

// unstage says that the batch has ended.
func (b *backlog) unstage() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for dir := range b.staged {
		if len(b.names[dir]) == 0 {
			delete(b.links, dir)
		}
	}
	clear(b.staged)
}

// relink takes in that a directory has other links than those that the backlog
// counts from: a directory has come to the names in it, by 1, or gone, by -1,
// without the backlog.
func (b *backlog) relink(dir string, by int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.links[dir]; ok {
		b.links[dir] += uint32(by)
	}
}

func (b *backlog) showLocked(ch *change) {
	switch ch.kind {
	case storing:
	case renaming:
		b.showAtLocked(ch, ch.path, ch.links)
		b.showAtLocked(ch, ch.to, ch.links2)
	default:
		b.showAtLocked(ch, ch.path, ch.links)
	}
}

func (b *backlog) showAtLocked(ch *change, path string, links uint32) {
	dir, name := split(path)
	was := b.names[dir][name]
	s := &shown{entry: ch.entry, last: ch, less: was != nil && was.less}
	switch {
	case ch.kind == removing, ch.kind == renaming && path == ch.path:
		s.gone = true
	case ch.kind == unmaking:
		s.gone, s.less = true, s.less || was == nil || !was.fresh
	case ch.kind == renaming:
	case ch.kind == making:
		s.fresh = true
	default:
		s.fresh = was != nil && was.fresh
	}
	if ch.kind != setting {
		s.since = time.Now().UnixNano()
	} else if was != nil {
		s.since = was.since
	}
	if b.names[dir] == nil {
		b.names[dir] = map[string]*shown{}
		if !b.staged[dir] {
			b.links[dir] = links
		}
	}
	s.entry.Name = name
	b.names[dir][name] = s
}

// hideLocked has the host speak for a name, unless more is to come.
func (b *backlog) hideLocked(ch *change) {
	b.hideAtLocked(ch, ch.path)
	if ch.kind == renaming {
		b.hideAtLocked(ch, ch.to)
	}
}

func (b *backlog) hideAtLocked(ch *change, path string) {
	dir, name := split(path)
	s := b.names[dir][name]
	switch {
	case s == nil:
	case s.last == ch:
		delete(b.names[dir], name)
	case ch.kind == making:
		s.fresh = false
	case ch.kind == unmaking:
		s.less = false
	}
	switch ch.kind {
	case making:
		b.links[dir]++
	case unmaking:
		b.links[dir]--
	}
	if len(b.names[dir]) == 0 {
		delete(b.names, dir)
		if !b.staged[dir] {
			delete(b.links, dir)
		}
	}
}

// look is what the backlog knows of a name. What is not there yet has no names
// but those of the backlog.
func (b *backlog) look(path string) (Entry, knowledge) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.names) == 0 {
		return Entry{}, unknown
	}
	dir, name := split(path)
	if s := b.names[dir][name]; s != nil {
		if s.gone {
			return Entry{}, absent
		}
		return s.entry, known
	}
	if path != "" && b.freshLocked(dir) {
		return Entry{}, absent
	}
	return Entry{}, unknown
}

// version is which version the host has of a file whose attributes are to be set,
// or that is to get its name: that is shown as it will be, and contents belong to
// what it is.
func (b *backlog) version(path string, shown Attr) Attr {
	b.mu.Lock()
	defer b.mu.Unlock()
	dir, name := split(path)
	s := b.names[dir][name]
	if s == nil || s.gone || s.last.kind != setting && s.last.kind != renaming {
		return shown
	}
	return s.last.base
}

// reversion takes in that the host has another version of a file by our own doing.
func (b *backlog) reversion(was, is Attr) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, ch := range b.waiting {
		if (ch.kind == setting || ch.kind == renaming) && sameVersion(ch.base, was) {
			ch.base = is
		}
	}
}

// isFresh tells whether the host does not have a directory yet.
func (b *backlog) isFresh(dir string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.names) > 0 && b.freshLocked(dir)
}

func (b *backlog) freshLocked(dir string) bool {
	for dir != "" {
		above, name := split(dir)
		if s := b.names[above][name]; s != nil && s.fresh {
			return true
		}
		dir = above
	}
	return false
}

// in are the names of the backlog in a directory.
func (b *backlog) in(dir string) map[string]shown {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.names[dir]) == 0 {
		return nil
	}
	m := make(map[string]shown, len(b.names[dir]))
	for name, s := range b.names[dir] {
		m[name] = *s
	}
	return m
}

// merge makes a listing of the host one with the names of the backlog, those
// that were there before it was asked for included: of these the tree knows
// what became of them.
func (c *Cache) merge(dir string, entries []Entry, before map[string]shown) []Entry {
	now := c.backlog.in(dir)
	if len(before) == 0 && len(now) == 0 {
		return entries
	}
	entries = slices.DeleteFunc(slices.Clone(entries), func(e Entry) bool {
		_, then := before[e.Name]
		_, still := now[e.Name]
		return then || still
	})
	for name, s := range now {
		if !s.gone {
			entries = append(entries, s.entry)
		}
		delete(before, name)
	}
	for name := range before {
		if e, k := c.tree.lastEntry(join(dir, name)); k == known {
			entries = append(entries, e)
		}
	}
	return entries
}

// peek is what was last learned of a path, or is to become of it.
func (c *Cache) peek(path string) (Attr, bool) {
	switch e, k := c.backlog.look(path); k {
	case known:
		return e.Attr, true
	case absent:
		return Attr{}, false
	}
	return c.tree.peek(path)
}
