package fusefs

import (
	"context"
	"path"
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"

	"github.com/scpfs/scpfs/cache"
)

// numbers are the nodes of files that the kernel has, by their inode numbers. A
// host gives the number of a file that is gone to the next one that is made, while
// the kernel may believe for a while that the first is there. Then one inode would
// have the names of two files, and who opens one of them could get the other.
type numbers struct {
	mu    sync.Mutex       // guards the field below
	nodes map[uint64]*Node // the first with each number that has a name
}

// enter takes in what was found under a name, and gives the node that go-fuse
// keeps of it: the one that it has for the number already, perhaps under this name.
func (t *numbers) enter(found *Node, at *fs.Inode) *Node {
	t.mu.Lock()
	defer t.mu.Unlock()
	if old := t.nodes[found.ino()]; named(old) {
		return old
	}
	if at != nil && at.StableAttr() == found.StableAttr() {
		found = at.Operations().(*Node)
	}
	if t.nodes == nil {
		t.nodes = map[uint64]*Node{}
	}
	t.nodes[found.ino()] = found
	return found
}

// forget says that the kernel no longer knows a node.
func (t *numbers) forget(n *Node) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if at := t.nodes[n.ino()]; at == n || !named(at) {
		delete(t.nodes, n.ino())
	}
}

// has is the node that has a number and a name, or nil.
func (t *numbers) has(ino uint64) *Node {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := t.nodes[ino]; named(n) {
		return n
	}
	return nil
}

func named(n *Node) bool {
	if n == nil {
		return false
	}
	_, dir := n.Parent()
	return dir != nil
}

// distinct sees to it that the number of what was found under a name is not that
// of another file to the kernel. A file that has a single link and that the
// kernel knows by another name was renamed on the host; or it is a new one, if it
// has not the contents that the kernel was told of.
func (n *Node) distinct(ctx context.Context, name string, a cache.Attr) (cache.Attr, error) {
	if a.Mode&syscall.S_IFMT == syscall.S_IFDIR || a.Nlink > 1 {
		return a, nil // the kernel itself sees to directories
	}
	old := n.fs.numbers.has(a.Ino)
	if old == nil {
		return a, nil
	}
	was, dir := old.Parent()
	if dir == nil || was == name && dir == n.EmbeddedInode() {
		return a, nil
	}
	mine, ok1 := n.path()
	other, ok2 := dir.Operations().(*Node).path()
	shown := old.shown.Load()
	switch {
	case !ok1 || !ok2 || shown == nil:
		return a, nil
	case *shown == shownOf(a):
		n.fs.cache.Doubt(path.Join(other, was))
		return a, nil
	}
	return n.fs.cache.Separate(ctx, path.Join(mine, name), path.Join(other, was), a.Ino)
}
