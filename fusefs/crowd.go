package fusefs

import (
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
)

// crowd bounds the inodes that the kernel keeps, and we with it: each takes
// 400 bytes here. The kernel forgets them when it is short of memory itself,
// which is long after we are.
type crowd struct {
	f *FS

	mu     sync.Mutex // guards the fields below
	given  int        // since they were counted last
	busy   bool
	closed bool
	done   sync.WaitGroup
}

const (
	// maxInodes is where the kernel is asked to forget half of them: more
	// than programs work with at a time, in 40 MB.
	maxInodes = 100_000
	// countEvery is after how many answers that may have made an inode they
	// are counted.
	countEvery = maxInodes / 4
	pruneBatch = 500
)

// gave says that an entry was given to the kernel. The kernel must not be
// spoken to from within a request.
func (c *crowd) gave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.given++
	if c.given < countEvery || c.busy || c.closed {
		return
	}
	c.given, c.busy = 0, true
	c.done.Go(func() {
		c.thin()
		c.mu.Lock()
		c.busy = false
		c.mu.Unlock()
	})
}

// close ends it. The mount must have ended.
func (c *crowd) close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.done.Wait()
}

func (c *crowd) thin() {
	root := c.f.root.EmbeddedInode()
	if n := countBelow(root); n > maxInodes {
		excess := n - maxInodes/2
		c.thinBelow(root, &excess)
	}
}

func countBelow(dir *fs.Inode) int {
	n := 0
	for _, child := range dir.Children() {
		n++
		if child.IsDir() {
			n += countBelow(child)
		}
	}
	return n
}

// thinBelow has the kernel forget what nobody uses in a directory, what is
// furthest below first, until there is no excess.
func (c *crowd) thinBelow(dir *fs.Inode, excess *int) {
	var names []string
	var nodes []*fs.Inode
	for name, child := range dir.Children() {
		if child.IsDir() {
			c.thinBelow(child, excess)
		}
		if *excess <= 0 || c.f.ctx.Err() != nil {
			break
		}
		*excess--
		names, nodes = append(names, name), append(nodes, child)
		if len(nodes) == pruneBatch {
			c.prune(dir, names, nodes)
			names, nodes = names[:0], nodes[:0]
		}
	}
	c.prune(dir, names, nodes)
}

// prune has the kernel forget entries of a directory, if they are not in use.
// Kernels before 6.18 cannot tell: they lose what is not open here, and look it
// up again. Directories are left to them, as somebody may work there.
func (c *crowd) prune(dir *fs.Inode, names []string, nodes []*fs.Inode) {
	if len(nodes) == 0 || dir.NotifyPrune(nodes) != syscall.ENOSYS {
		return
	}
	for i, n := range nodes {
		if !n.IsDir() && !c.f.cache.IsOpen(n.StableAttr().Ino) {
			dir.NotifyEntry(names[i])
		}
	}
}
