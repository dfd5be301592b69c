package cache

import (
	"slices"
	"strings"
	"sync"

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
	mu       sync.Mutex // guards everything below
	root     *node
	count    int // nodes
	limit    int
	now      uint64                          // counts our own changes
	lists    uint64                          // counts listings
	moved    uint64                          // the last that gave directories another path
	lost     uint64                          // the last in a directory that has no node
	named    uint64                          // counts changes of the names known of directories
	swapping bool                            // two names are being swapped: see exchange
	listed   *simplelru.LRU[*node, struct{}] // directories with children, by use

	// What was learned of any name of a file with several links before
	// its moment here is old: one of the names was changed by us. The
	// same holds for all such files and the moment allLinks.
	links    map[fileID]moment
	allLinks moment

	above  map[string]above // by the path of what was changed
	untold moment           // the last change that was recorded without one
}

// maxLinks bounds tree.links.
const maxLinks = 1 << 16

func newTree(limit int) *tree {
	t := &tree{root: newNode(0), count: 1, limit: limit, links: map[fileID]moment{}, above: map[string]above{}}
	t.listed, _ = simplelru.NewLRU[*node, struct{}](1<<31-1, nil)
	return t
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
	k := n.kids()[name]
	return k != nil && !t.currentLocked(k, stamp)
}

// currentLocked tells whether an answer is newer than our changes in the
// directory.
func (t *tree) currentLocked(n *node, stamp uint64) bool {
	return n.stamp <= stamp && t.moved <= stamp && !t.swapping
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
		n = dir.kids()[name]
	}
	return dir, n, name
}

// placeLocked is the node of a directory, made if need be: of the ones above
// it nothing more is known then.
func (t *tree) placeLocked(path string) *node {
	n := t.root
	for path != "" {
		var name string
		name, path, _ = strings.Cut(path, "/")
		k := n.kids()[name]
		if k == nil {
			k = t.addLocked(n, name)
			n.partly() // it did not tell of this one
		}
		n = k
	}
	return n
}

// addLocked makes a node. Changes in it that it missed are before lost, and
// the name may have been another file's before the last change beside it.
func (t *tree) addLocked(dir *node, name string) *node {
	n := newNode(max(t.lost, dir.stamp))
	t.enterLocked(dir, name, n)
	t.count++
	return n
}

// enterLocked gives a node a name.
func (t *tree) enterLocked(dir *node, name string, n *node) {
	m := dir.needMore()
	if m.kids == nil {
		m.kids = map[string]*node{}
		t.listed.Add(dir, struct{}{})
	}
	m.order = nil
	t.namedLocked(dir)
	m.kids[strings.Clone(name)] = n // which may be a piece of more
}

func (t *tree) setLocked(dir *node, name string, e Entry, at moment) {
	n := dir.kids()[name]
	if n == nil {
		n = t.addLocked(dir, name)
	} else if !n.is(e) {
		t.emptyLocked(n)
		t.namedLocked(dir)
	}
	n.set(e, at)
}

// dropLocked takes a node that is no longer in the tree off the books, with
// everything below it.
func (t *tree) dropLocked(n *node) {
	t.count--
	t.lost = max(t.lost, n.stamp)
	t.emptyLocked(n)
}

func (t *tree) emptyLocked(n *node) {
	t.listed.Remove(n)
	for _, k := range n.kids() {
		t.dropLocked(k)
	}
	if n.more != nil {
		n.more.kids, n.more.order, n.more.full = nil, nil, 0
	}
}

// shrinkLocked forgets the listings used longest ago while there are too many
// nodes, but not those on the way to a directory, nor its own: who has just
// listed it wants to know of its names, however many there are.
func (t *tree) shrinkLocked(dir string) {
	if t.count <= t.limit {
		return
	}
	keep := t.wayLocked(dir)
	for met := 0; t.count > t.limit && met <= len(keep); {
		n, _, ok := t.listed.GetOldest()
		switch {
		case !ok:
			return
		case slices.Contains(keep, n):
			t.listed.Get(n)
			met++
		default:
			t.emptyLocked(n)
		}
	}
}

// wayLocked are the nodes on the way to a path, as far as there are any.
func (t *tree) wayLocked(path string) []*node {
	way := []*node{t.root}
	for n := t.root; path != ""; way = append(way, n) {
		var name string
		name, path, _ = strings.Cut(path, "/")
		if n = n.kids()[name]; n == nil {
			break
		}
	}
	return way
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
