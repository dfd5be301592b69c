package cache

import (
	"maps"
	"slices"
	"strings"
	"time"
	"unique"
)

// node is one name of the tree. There may be a million of them: so what most
// files have in common is shared, and what most do not have is apart.
type node struct {
	at     moment // when the attributes were true; 0: known to be old
	stamp  uint64 // our last change in the directory
	ino    uint64 // 0: nothing but what is below is known
	size   int64
	block  int64
	atime  int64
	mtime  int64
	ctime  int64
	common unique.Handle[common]
	more   *more // nil: nothing of it
}

// common are the attributes that a few values of serve all files.
type common struct {
	mode, nlink, uid, gid, rdev uint32
	dev                         uint64
}

// more is what a directory has whose names are known, and a symbolic link.
type more struct {
	target string
	kids   map[string]*node // in no order
	order  []string         // their names sorted; nil: not known
	full   moment           // when kids held all names; 0: they may not
	named  uint64           // of tree.named: changes with the names and inodes in kids
}

// nothing is common of a node of which nothing is known.
var nothing = unique.Make(common{})

func newNode(stamp uint64) *node { return &node{stamp: stamp, common: nothing} }

func (n *node) attr() Attr {
	c := n.common.Value()
	return Attr{
		Mode: c.mode, Nlink: c.nlink, UID: c.uid, GID: c.gid, Rdev: c.rdev, Dev: c.dev,
		Ino: n.ino, Size: n.size, Block: n.block, Atime: n.atime, Mtime: n.mtime, Ctime: n.ctime,
	}
}

func (n *node) setAttr(a Attr) {
	n.ino, n.size, n.block, n.atime, n.mtime, n.ctime = a.Ino, a.Size, a.Block, a.Atime, a.Mtime, a.Ctime
	c := common{mode: a.Mode, nlink: a.Nlink, uid: a.UID, gid: a.GID, rdev: a.Rdev, dev: a.Dev}
	if n.common.Value() != c {
		n.common = unique.Make(c)
	}
}

// set makes the node what an entry says. What is below it stays.
func (n *node) set(e Entry, at moment) {
	n.setAttr(e.Attr)
	n.at = at
	if e.Target != n.target() {
		n.needMore().target = strings.Clone(e.Target) // which may be a piece of more
	}
}

func (n *node) id() fileID { return fileID{n.common.Value().dev, n.ino} }

// is tells whether an entry is what the node stands for. Of a node that was
// made for what is below it nothing else is known.
func (n *node) is(e Entry) bool { return n.ino == 0 || n.id() == idOf(e.Attr) }

func (n *node) target() string {
	if n.more == nil {
		return ""
	}
	return n.more.target
}

// kids are the names known in a directory. The map is for reading.
func (n *node) kids() map[string]*node {
	if n.more == nil {
		return nil
	}
	return n.more.kids
}

// names are those of the kids, sorted. They are kept until there is another:
// who reads a large directory by and by needs them for each piece of it.
func (n *node) names() []string {
	if n.more == nil {
		return nil
	}
	if n.more.order == nil {
		n.more.order = slices.Sorted(maps.Keys(n.more.kids))
	}
	return n.more.order
}

// remove takes a name away, if it is there.
func (n *node) remove(name string) {
	if n.more != nil {
		delete(n.more.kids, name)
		n.more.order = nil
	}
}

// full is when kids held all names; 0: they may not.
func (n *node) full() moment {
	if n.more == nil {
		return 0
	}
	return n.more.full
}

// partly says that kids may not hold all names.
func (n *node) partly() {
	if n.more != nil {
		n.more.full = 0
	}
}

func (n *node) needMore() *more {
	if n.more == nil {
		n.more = &more{}
	}
	return n.more
}

// walk calls f for everything below n until it returns false.
func (n *node) walk(path string, f func(path string, n *node) bool) bool {
	for name, k := range n.kids() {
		p := join(path, name)
		if !f(p, k) || !k.walk(p, f) {
			return false
		}
	}
	return true
}

// moment is a time in nanoseconds, by a clock that nobody sets. It takes a
// third of a time.Time.
type moment int64

// before is so long before anything happens here that no timeout reaches
// further back.
var before = time.Now().Add(-1 << 61)

// momentOf is 0 for the zero time alone.
func momentOf(t time.Time) moment {
	if t.IsZero() {
		return 0
	}
	return moment(max(t.Sub(before), 1))
}

// time is what momentOf was of.
func (m moment) time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return before.Add(time.Duration(m))
}
