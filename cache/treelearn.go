package cache

import (
	"strings"
	"time"
)

// learnList takes a listing in, unless the directory has been changed by us
// since the stamp.
func (t *tree) learnList(dir string, stamp uint64, self Entry, entries []Entry, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.placeLocked(dir)
	if !t.currentLocked(n, stamp) {
		return
	}
	m := n.needMore()
	if above, _, _ := t.findLocked(dir); above == nil || t.currentLocked(above, stamp) {
		n.set(self, momentOf(at))
	}
	if !sameNames(n, entries) {
		t.namedLocked(n)
	}
	old := m.kids
	m.kids, m.order = make(map[string]*node, len(entries)), nil
	for _, e := range entries {
		m.kids[strings.Clone(e.Name)] = t.renewLocked(n, old[e.Name], e, stamp, momentOf(at))
	}
	t.count += len(m.kids)
	for _, was := range old {
		t.dropLocked(was)
	}
	t.completeLocked(n, at)
	t.shrinkLocked(dir)
}

// completeLocked says that all names in a directory are known, since a time.
func (t *tree) completeLocked(n *node, at time.Time) {
	n.needMore().full = momentOf(at)
	t.lists++
	t.listed.Add(n, struct{}{})
}

// renewLocked is the node of an entry of a listing, in the place of an older
// one. What is known below a directory stays.
func (t *tree) renewLocked(dir, was *node, e Entry, stamp uint64, at moment) *node {
	k := newNode(max(t.lost, dir.stamp))
	k.set(e, at)
	if !isDir(e.Attr) {
		return k
	}
	same := was != nil && was.is(e)
	if same {
		k.stamp = was.stamp
	}
	if !t.currentLocked(k, stamp) {
		k.at = 0 // something in it has changed since
	}
	if same {
		k.more, was.more = was.more, nil
		k.set(e, k.at)
		if t.listed.Remove(was) {
			t.listed.Add(k, struct{}{})
		}
	}
	return k
}

// learn takes in what was asked about one name, unless its directory has
// been changed by us since the stamp.
func (t *tree) learn(path string, stamp uint64, e Entry, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if path == "" {
		if t.currentLocked(t.root, stamp) {
			t.root.set(e, momentOf(at))
		}
		return
	}
	above, name := split(path)
	dir := t.placeLocked(above)
	n := dir.kids()[name]
	if n == nil {
		n = newNode(t.lost)
	}
	if !t.currentLocked(dir, stamp) || isDir(e.Attr) && !t.currentLocked(n, stamp) {
		return
	}
	t.setLocked(dir, name, e, momentOf(at))
	t.shrinkLocked(above)
}
