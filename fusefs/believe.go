package fusefs

import (
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/scpfs/scpfs/cache"
)

// Believe is for how long the kernel believes what it is told. What is nil
// is left to the cache: the kernel asks again when the cache would ask the
// host again, and is told before if something changes here in a way that it
// cannot see.
type Believe struct{ Entry, Attr, Negative *time.Duration }

// present answers with an entry.
func (n *Node) present(path string, a cache.Attr, out *fuse.EntryOut) {
	n.fs.fill(&out.Attr, a)
	name, attr := n.fs.cache.Belief(path, a)
	out.SetEntryTimeout(given(n.fs.o.Believe.Entry, name))
	out.SetAttrTimeout(given(n.fs.o.Believe.Attr, attr))
}

// describe answers with attributes.
func (n *Node) describe(path string, a cache.Attr, out *fuse.AttrOut) {
	n.fs.fill(&out.Attr, a)
	n.told(a)
	_, attr := n.fs.cache.Belief(path, a)
	out.SetTimeout(given(n.fs.o.Believe.Attr, attr))
}

// lacks answers that there is no such name.
func (n *Node) lacks(path string, out *fuse.EntryOut) syscall.Errno {
	*out = fuse.EntryOut{}
	out.SetEntryTimeout(given(n.fs.o.Believe.Negative, n.fs.cache.Absence(path)))
	return syscall.ENOENT
}

func given(d *time.Duration, otherwise time.Duration) time.Duration {
	if d != nil {
		return *d
	}
	return otherwise
}

// shown are those of the attributes that the kernel itself goes by.
type shown struct{ size, mtime int64 }

func shownOf(a cache.Attr) shown { return shown{a.Size, a.Mtime} }

// told remembers which attributes the kernel was given last.
func (n *Node) told(a cache.Attr) {
	s := shownOf(a)
	n.shown.Store(&s)
}

// correct has the kernel forget attributes that are not those of what was
// opened: it would not read beyond the size that it knows. No lock of the
// kernel is needed for that, so it can be done while it waits for an answer.
func (n *Node) correct(a cache.Attr) {
	if was := n.shown.Load(); was == nil || *was != shownOf(a) {
		n.NotifyContent(-1, 0)
	}
}
