package cache

import (
	"cmp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// tree holds what is known of the names on the host: attributes, link
// targets and listings, each with the moment when it was learned.
//
// Learning takes a round trip, during which changes of our own can happen.
// They are counted. So who asks the host takes the count first (stamp) and
// hands it in with the answer: an answer older than a change of what it tells
// about is not kept.
type tree struct {
	mu     sync.Mutex // guards everything below
	root   *node
	count  int // nodes
	limit  int
	now    uint64                          // counts our own changes
	moved  uint64                          // the last that gave directories another path
	lost   uint64                          // the last in a directory that has no node
	listed *simplelru.LRU[*node, struct{}] // directories with children, by use

	// What was learned of any name of a file with several links before
	// its moment here is old: one of the names was changed by us. The
	// same holds for all such files and the moment allLinks.
	links    map[fileID]time.Time
	allLinks time.Time
}

// maxLinks bounds tree.links.
const maxLinks = 1 << 16

// node is one name. Its children are kept in no order.
type node struct {
	attr   Attr
	target string
	at     time.Time // when attr was true; zero: known to be old
	kids   map[string]*node
	full   time.Time // when kids held all names; zero: they may not
	stamp  uint64    // our last change in the directory
}

func newTree(limit int) *tree {
	t := &tree{root: &node{}, count: 1, limit: limit, links: map[fileID]time.Time{}}
	t.listed, _ = simplelru.NewLRU[*node, struct{}](1<<31-1, nil)
	return t
}

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
	case n != nil && n.at.After(since) && !t.linkChangedLocked(n):
		return Entry{Name: name, Target: n.target, Attr: n.attr}, known
	case dir == nil || !dir.full.After(gone):
		return Entry{}, unknown
	case n == nil:
		return Entry{}, absent
	}
	return Entry{}, stale
}

// last is what was last learned of a path, however old.
func (t *tree) last(path string) (Attr, knowledge) {
	t.mu.Lock()
	defer t.mu.Unlock()
	dir, n, _ := t.findLocked(path)
	switch {
	case n != nil && n.attr.Ino != 0:
		return n.attr, known
	case n == nil && dir != nil && !dir.full.IsZero():
		return Attr{}, absent
	}
	return Attr{}, unknown
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
	return linked(n.attr) &&
		(t.allLinks.After(n.at) || t.links[idOf(n.attr)].After(n.at))
}

// findLocked walks to a path: its directory, itself if known, its name.
func (t *tree) findLocked(path string) (dir, n *node, name string) {
	n = t.root
	for path != "" {
		if n == nil {
			return nil, nil, ""
		}
		dir = n
		t.listed.Get(dir)
		name, path, _ = strings.Cut(path, "/")
		n = dir.kids[name]
	}
	return dir, n, name
}

// list gives the entries of a directory, if the names were learned since the
// moment gone and the attributes since the other.
func (t *tree) list(path string, since, gone time.Time) ([]Entry, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, n, _ := t.findLocked(path)
	if n == nil || !n.full.After(gone) {
		return nil, false
	}
	t.listed.Get(n)
	all := make([]Entry, 0, len(n.kids))
	for name, k := range n.kids {
		if !k.at.After(since) || t.linkChangedLocked(k) {
			return nil, false
		}
		all = append(all, Entry{Name: name, Target: k.target, Attr: k.attr})
	}
	return all, true
}

// stamp is the count of our changes, to be taken before the host is asked.
func (t *tree) stamp() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.now
}

// movedAt is the stamp of the last change after which a path may mean
// another directory than before.
func (t *tree) movedAt() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.moved
}

// changed tells whether there was a change of ours, since the stamp, in a
// directory or below the directory that has a name in it.
func (t *tree) changed(dir, name string, stamp uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, n, _ := t.findLocked(dir)
	if n == nil || !t.currentLocked(n, stamp) {
		return true
	}
	k := n.kids[name]
	return k != nil && !t.currentLocked(k, stamp)
}

// changeLocked counts a change of ours in a directory, if it has a node.
func (t *tree) changeLocked(dir *node) {
	t.now++
	if dir == nil {
		t.lost = t.now
		return
	}
	dir.stamp = t.now
}

// currentLocked tells whether an answer is newer than our changes in the
// directory.
func (t *tree) currentLocked(n *node, stamp uint64) bool {
	return n.stamp <= stamp && t.moved <= stamp
}

// placeLocked is the node of a directory, made if need be: of the ones above
// it nothing more is known then.
func (t *tree) placeLocked(path string) *node {
	n := t.root
	for path != "" {
		var name string
		name, path, _ = strings.Cut(path, "/")
		k := n.kids[name]
		if k == nil {
			k = t.addLocked(n, name)
			n.full = time.Time{} // it did not tell of this one
		}
		n = k
	}
	return n
}

// addLocked makes a node. Changes in it that it missed are before lost, and
// the name may have been another file's before the last change beside it.
func (t *tree) addLocked(dir *node, name string) *node {
	if dir.kids == nil {
		dir.kids = map[string]*node{}
		t.listed.Add(dir, struct{}{})
	}
	n := &node{stamp: max(t.lost, dir.stamp)}
	dir.kids[name] = n
	t.count++
	return n
}

// learnList takes a listing in, unless the directory has been changed by us
// since the stamp.
func (t *tree) learnList(dir string, stamp uint64, self Entry, entries []Entry, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.placeLocked(dir)
	if !t.currentLocked(n, stamp) {
		return
	}
	if above, _, _ := t.findLocked(dir); above == nil || t.currentLocked(above, stamp) {
		n.attr, n.at = self.Attr, at
	}
	old := n.kids
	n.kids = make(map[string]*node, len(entries))
	for _, e := range entries {
		n.kids[e.Name] = t.renewLocked(n, old[e.Name], e, stamp, at)
	}
	t.count += len(n.kids)
	for _, was := range old {
		t.dropLocked(was)
	}
	n.full = at
	t.listed.Add(n, struct{}{})
	t.shrinkLocked(n)
}

// renewLocked is the node of an entry of a listing, in the place of an older
// one. What is known below a directory stays.
func (t *tree) renewLocked(dir, was *node, e Entry, stamp uint64, at time.Time) *node {
	k := &node{attr: e.Attr, target: e.Target, at: at, stamp: max(t.lost, dir.stamp)}
	if !isDir(e.Attr) {
		return k
	}
	same := was != nil && sameNode(was, e)
	if same {
		k.stamp = was.stamp
	}
	if !t.currentLocked(k, stamp) {
		k.at = time.Time{} // something in it has changed since
	}
	if !same {
		return k
	}
	k.kids, k.full = was.kids, was.full
	if t.listed.Remove(was) {
		t.listed.Add(k, struct{}{})
	}
	was.kids = nil
	return k
}

// sameNode tells whether an entry is what a node stands for. Of a node that
// was made for what is below it nothing else is known.
func sameNode(n *node, e Entry) bool { return n.attr.Ino == 0 || idOf(n.attr) == idOf(e.Attr) }

// dropLocked takes a node that is no longer in the tree off the books, with
// everything below it.
func (t *tree) dropLocked(n *node) {
	t.count--
	t.lost = max(t.lost, n.stamp)
	t.emptyLocked(n)
}

func (t *tree) emptyLocked(n *node) {
	t.listed.Remove(n)
	for _, k := range n.kids {
		t.dropLocked(k)
	}
	n.kids, n.full = nil, time.Time{}
}

// shrinkLocked forgets the listings used longest ago, other than keep's,
// while there are too many nodes.
func (t *tree) shrinkLocked(keep *node) {
	for t.count > t.limit {
		n, _, ok := t.listed.GetOldest()
		if !ok || t.listed.Len() == 1 {
			return
		}
		if n == keep {
			t.listed.Get(n)
			continue
		}
		t.emptyLocked(n)
	}
}

// learn takes in what was asked about one name, unless its directory has
// been changed by us since the stamp.
func (t *tree) learn(path string, stamp uint64, e Entry, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if path == "" {
		if t.currentLocked(t.root, stamp) {
			t.root.attr, t.root.at = e.Attr, at
		}
		return
	}
	above, name := split(path)
	dir := t.placeLocked(above)
	n := dir.kids[name]
	if n == nil {
		n = &node{stamp: t.lost}
	}
	if !t.currentLocked(dir, stamp) || isDir(e.Attr) && !t.currentLocked(n, stamp) {
		return
	}
	t.setLocked(dir, name, e, at)
	t.shrinkLocked(dir)
}

func (t *tree) setLocked(dir *node, name string, e Entry, at time.Time) {
	n := dir.kids[name]
	if n == nil {
		n = t.addLocked(dir, name)
	} else if !sameNode(n, e) {
		t.emptyLocked(n)
	}
	n.attr, n.target, n.at = e.Attr, e.Target, at
}

// put records a change of our own: the name exists now, with these
// attributes. The directory's own attributes are old then if the name is
// new.
func (t *tree) put(path string, e Entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if path == "" {
		t.changeLocked(t.root)
		t.root.attr, t.root.at = e.Attr, time.Now()
		return
	}
	dir, old, name := t.findLocked(path)
	t.changeLocked(dir)
	if dir == nil {
		return
	}
	if old == nil || idOf(old.attr) != idOf(e.Attr) {
		dir.at = time.Time{}
	}
	t.setLocked(dir, name, e, time.Now())
	t.shrinkLocked(dir)
}

// remove records that the name is gone by our own doing.
func (t *tree) remove(path string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	dir, n, name := t.findLocked(path)
	t.changeLocked(dir)
	if dir == nil {
		return
	}
	dir.at = time.Time{}
	if n != nil {
		delete(dir.kids, name)
		t.dropLocked(n)
	}
}

// move records a rename of our own; a is what is at the new name now.
func (t *tree) move(from, to string, a Attr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fromDir, n, fromName := t.findLocked(from)
	toDir, old, toName := t.findLocked(to)
	t.changeLocked(fromDir)
	t.changeLocked(toDir)
	if isDir(a) {
		t.moved = t.now
	}
	if fromDir != nil {
		fromDir.at = time.Time{}
		if n != nil {
			delete(fromDir.kids, fromName)
		}
	}
	if old != nil && old != n {
		delete(toDir.kids, toName)
		t.dropLocked(old)
	}
	if toDir == nil {
		if n != nil {
			t.dropLocked(n)
		}
		return
	}
	toDir.at = time.Time{}
	if n == nil {
		t.setLocked(toDir, toName, Entry{Attr: a}, time.Time{})
		return
	}
	n.attr, n.at = a, time.Now()
	if toDir.kids == nil {
		toDir.kids = map[string]*node{}
		t.listed.Add(toDir, struct{}{})
	}
	toDir.kids[toName] = n
}

// expire says that what is known of the name itself is old.
func (t *tree) expire(path string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	dir, n, _ := t.findLocked(path)
	t.changeLocked(cmp.Or(dir, n)) // the root is in no directory
	if n != nil {
		n.at = time.Time{}
	}
}

// forget says that it is not known whether a name exists.
func (t *tree) forget(path string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	dir, n, name := t.findLocked(path)
	t.changeLocked(dir)
	if dir == nil {
		return
	}
	dir.full, dir.at = time.Time{}, time.Time{}
	if n != nil {
		delete(dir.kids, name)
		t.dropLocked(n)
	}
}

// exchanged says that two names were swapped by us: nothing below them is
// known any more.
func (t *tree) exchanged(from, to string) {
	t.forget(from)
	t.forget(to)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.moved = t.now
}

// expireLinks says that what is known of all names of a file with several
// links is old.
func (t *tree) expireLinks(id fileID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.links) >= maxLinks {
		t.expireAllLinksLocked()
	}
	t.links[id] = time.Now()
}

// expireAllLinks says so of all such files.
func (t *tree) expireAllLinks() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expireAllLinksLocked()
}

func (t *tree) expireAllLinksLocked() {
	clear(t.links)
	t.allLinks = time.Now()
}

// otherName finds another known name of a file.
func (t *tree) otherName(id fileID, not string) (found string, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.root.walk("", func(path string, _, n *node) bool {
		if idOf(n.attr) == id && path != not && n.attr.Mode&syscall.S_IFMT == syscall.S_IFREG {
			found, ok = path, true
		}
		return !ok
	})
	return found, ok
}

// walk calls f for everything below n until it returns false.
func (n *node) walk(path string, f func(path string, dir, n *node) bool) bool {
	for name, k := range n.kids {
		p := join(path, name)
		if !f(p, n, k) || !k.walk(p, f) {
			return false
		}
	}
	return true
}

func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

// split is the directory and the name of a path.
func split(path string) (dir, name string) {
	i := strings.LastIndexByte(path, '/')
	return path[:max(i, 0)], path[i+1:]
}
