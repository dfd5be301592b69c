package cache

import "time"

// above is what the host told of a directory with its answer to a change in it.
type above struct {
	attr Attr
	at   moment
}

// Such an answer is of use for the change that it is the answer to, which is
// recorded at once.
const (
	maxAbove  = 1 << 10
	aboveTime = moment(100 * time.Millisecond)
)

// OnAbove takes in what the host told, with its answer to a change of ours, of the
// directory in which it was made. It is called before the method of the [Remote]
// that makes the change returns.
func (c *Cache) OnAbove(path string, dir Attr) {
	in, _ := split(path)
	c.tree.tell(path, c.backlog.without(in, dir))
}

// tell keeps what the host told of the directory of a path until the change there
// is recorded.
func (t *tree) tell(path string, dir Attr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.above) >= maxAbove {
		clear(t.above)
	}
	t.above[path] = above{dir, momentOf(time.Now())}
}

// alteredLocked says that a change of ours, which is recorded just now, has made the
// attributes of its directory other ones: those that the host told, or none that are
// known. Of several changes in a directory at the same time the answers come in any
// order; only what is certainly newer than what there is, is taken.
func (t *tree) alteredLocked(dir *node, path string) {
	told := t.above[path]
	delete(t.above, path)
	if dir == nil {
		return
	}
	now := momentOf(time.Now())
	if dir.id() != idOf(told.attr) || told.attr.Ctime <= dir.ctime || now-told.at > aboveTime {
		dir.at = 0
		return
	}
	dir.setAttr(told.attr)
	dir.at = now
}
