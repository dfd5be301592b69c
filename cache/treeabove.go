package cache

import "time"

// above is what the host told of a directory with its answer to a change in it.
type above struct {
	attr  Attr
	asked moment // for the change
}

// maxAbove bounds tree.above: there is one for each change that was made on the
// host and is not recorded here yet.
const maxAbove = 1 << 10

// OnAbove takes in what the host told, with its answer to a change of ours that it
// was asked for at a time, of the directory in which it was made. It is called
// before the method of the [Remote] that makes the change returns. Where names wait
// for the host it is not known which of them the host has counted.
func (c *Cache) OnAbove(path string, dir Attr, asked time.Time) {
	if in, _ := split(path); !c.backlog.counts(in) {
		c.tree.tell(path, above{dir, momentOf(asked)})
	}
}

// tell keeps what the host told of the directory of a path until the change there
// is recorded.
func (t *tree) tell(path string, a above) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.above) >= maxAbove {
		clear(t.above)
	}
	t.above[path] = a
}

// alteredLocked says that a change of ours, which is recorded just now, has made the
// attributes of its directory other ones: those that the host told, or none that are
// known. Several changes may be made in a directory at the same time, their answers
// come in any order, and not all tell of it. So only what is certainly newer than
// what there is, is taken: by the host's time of the last change, and asked for
// after the last change that was recorded without being told of.
func (t *tree) alteredLocked(dir *node, path string) {
	told, ok := t.above[path]
	delete(t.above, path)
	if !ok {
		t.untold = momentOf(time.Now())
	}
	if dir == nil {
		return
	}
	newer := dir.id() == idOf(told.attr) && told.attr.Ctime > dir.ctime
	if newer {
		dir.setAttr(told.attr)
	}
	if dir.at = 0; newer && told.asked > t.untold {
		dir.at = told.asked
	}
}
