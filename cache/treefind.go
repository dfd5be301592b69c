package cache

import "time"

// knowledge is what the tree can say of a name.
type knowledge int

const (
	unknown knowledge = iota
	absent            // there is no such name
	stale             // there is, but its attributes are old
	known
)

// lookup finds what was learned of a path since the moment; that it does not
// exist must have been learned since gone.
func (t *tree) lookup(path string, since, gone time.Time) (Entry, knowledge) {
	t.mu.Lock()
	defer t.mu.Unlock()
	dir, n, name := t.findLocked(path)
	switch {
	case n != nil && n.at > momentOf(since) && !t.linkChangedLocked(n):
		return Entry{Name: name, Target: n.target(), Attr: n.attr()}, known
	case dir == nil || dir.full() <= momentOf(gone):
		return Entry{}, unknown
	case n == nil:
		return Entry{}, absent
	}
	return Entry{}, stale
}

// last is what was last learned of a path, however old.
func (t *tree) last(path string) (Attr, knowledge) {
	e, k := t.lastEntry(path)
	return e.Attr, k
}

// lastEntry is last with the target of a link.
func (t *tree) lastEntry(path string) (Entry, knowledge) {
	t.mu.Lock()
	defer t.mu.Unlock()
	dir, n, name := t.findLocked(path)
	switch {
	case n != nil && n.ino != 0:
		return Entry{Name: name, Target: n.target(), Attr: n.attr()}, known
	case n == nil && dir != nil && dir.full() != 0:
		return Entry{}, absent
	}
	return Entry{}, unknown
}

// peek is the attributes that were last learned of a path.
func (t *tree) peek(path string) (Attr, bool) {
	a, k := t.last(path)
	return a, k == known
}

// sameFile tells whether two paths are names of one file that has several,
// as far as is known.
func (t *tree) sameFile(p, q string) bool {
	a, ok1 := t.peek(p)
	b, ok2 := t.peek(q)
	return ok1 && ok2 && !isDir(a) && idOf(a) == idOf(b)
}

func (t *tree) linkChangedLocked(n *node) bool {
	return linked(n.attr()) && (t.allLinks > n.at || t.links[n.id()] > n.at)
}

// list gives the entries of a directory, if the names were learned since the
// moment gone and the attributes since the other.
func (t *tree) list(path string, since, gone time.Time) ([]Entry, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, n, _ := t.findLocked(path)
	if n == nil || n.full() <= momentOf(gone) {
		return nil, false
	}
	t.listed.Get(n)
	all := make([]Entry, 0, len(n.kids()))
	for name, k := range n.kids() {
		if k.at <= momentOf(since) || t.linkChangedLocked(k) {
			return nil, false
		}
		all = append(all, Entry{Name: name, Target: k.target(), Attr: k.attr()})
	}
	return all, true
}

// farName bounds the search for another name of a file: a tree may have a
// million names.
const farName = 10_000

// otherName finds another known name of a file: beside one, or not far from
// the root.
func (t *tree) otherName(id fileID, not string) (found string, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	seen := 0
	match := func(path string, n *node) bool {
		seen++
		if n.id() == id && path != not && isRegular(n.attr()) {
			found, ok = path, true
		}
		return !ok && seen < farName
	}
	if dir, _, _ := t.findLocked(not); dir != nil {
		above, _ := split(not)
		dir.walk(above, match)
	}
	if seen = 0; !ok {
		t.root.walk("", match)
	}
	return found, ok
}
