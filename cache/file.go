package cache

import (
	"context"
	"crypto/sha256"
	"slices"
	"sync"
	"syscall"
	"time"
)

// File is a regular file that is open here, or has changes that the host
// does not have yet. There is one for each inode, however often it is open
// and under however many names.
type File struct {
	c   *Cache
	ino uint64

	// busy is held, also over the network, by who fetches or stores the
	// contents or changes the file's names.
	busy gate

	mu    sync.RWMutex // guards the fields below
	refs  int          // handles, and who works on it without one
	paths []string     // known names; the first is where it is stored. None: gone, or not yet linked
	base  Attr         // the version on the host that the contents derive from; Ino 0: not there yet
	attr  Attr         // as it is here
	obj   *object      // the contents; nil: not here yet
	fill  *content     // what of obj is on its way; nil: it is complete
	racy  bool         // of obj
	dirty bool         // the host does not have the contents or attributes
	noted bool         // the log knows that it is dirty
	ended bool         // the log says that what it has was flushed
	blank bool         // the host has made it for us; as long as seq is 0 it is empty
	stuck bool         // in a conflict that only a program can end
	// beside says that it has got a name beside a foreign version, of which nobody
	// was told yet.
	beside bool
	tried  []trial  // uploads of which it is not known whether the host has them
	temps  []string // names of uploads that the host may have, see temp.go
	lent   int      // how often obj is lent, see through.go
	// writers can write to obj without our knowledge, see mapped.go, and sum
	// is what it was when that was looked at last.
	writers int
	sum     [sha256.Size]byte
	seq     uint64 // counts changes of contents, for stores under way
	// over is the version that the file takes the place of when it is stored,
	// if the host does not have it yet.
	over     Attr
	queued   bool    // the backlog has what was flushed: kept, or obj
	kept     *kept   // what was flushed, if that was written to since
	underway bool    // an upload is
	failed   error   // of the last upload that nobody waited for
	place    uint64  // in the order of changes; 0: the end
	from     *origin // of contents that are a copy of another file's
	same     prefix
	trouble  trouble
	grown    growth
}

// origin says that a file's contents are those of a file on the host.
type origin struct {
	path string
	base Attr
	seq  uint64 // of the copy; a change since makes it void
}

// prefix is how much of the contents, from their beginning, is what the host
// has: in the version base, and in the one that is being stored, in bytes.
type prefix struct{ base, stored int64 }

// alteredLocked says that the contents are written to from an offset on.
func (f *File) alteredLocked(off int64) {
	f.same.base = min(f.same.base, off)
	f.same.stored = min(f.same.stored, off)
}

// acquire gives the File of an inode number to one more handle.
func (c *Cache) acquire(ino uint64, path string) *File {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.acquireLocked(ino)
	if path != "" {
		c.addPathLocked(f, path)
	}
	return f
}

func (c *Cache) acquireLocked(ino uint64) *File {
	f := c.files[ino]
	if f == nil {
		f = &File{c: c, ino: ino, busy: newGate()}
		c.files[ino] = f
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refs++
	return f
}

func (c *Cache) addPathLocked(f *File, name string) {
	dir, base := split(name)
	if c.live[dir][base] == f {
		return
	}
	if old := c.live[dir][base]; old != nil {
		if _, ours := old.authority(); ours {
			return // what it has would have nowhere to go
		}
		old.removePath(name)
	}
	if c.live[dir] == nil {
		c.live[dir] = map[string]*File{}
	}
	c.live[dir][base] = f
	f.mu.Lock()
	defer f.mu.Unlock()
	f.paths = append(f.paths, name)
}

func (f *File) removePath(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.paths = slices.DeleteFunc(f.paths, func(p string) bool { return p == name })
}

// addPath tells a file that is open of another of its names.
func (f *File) addPath(name string) {
	f.c.mu.Lock()
	defer f.c.mu.Unlock()
	if f.c.files[f.ino] == f {
		f.c.addPathLocked(f, name)
	}
}

// claim gives a file a name that the host says it has, and takes it from the
// file that had it before there. It reports whether the file has the name now:
// not if the host was asked, at the stamp, before a change of ours. Such a
// change is made in the tree first, and then to the names.
func (f *File) claim(name string, stamp uint64) bool {
	c := f.c
	c.mu.Lock()
	defer c.mu.Unlock()
	dir, base := split(name)
	if c.live[dir][base] == f {
		return true
	}
	a, ok := c.peek(name)
	if ok && c.numberLocked(name, a) != f.ino || !ok && c.tree.changed(dir, base, stamp) || c.files[f.ino] != f {
		return false
	}
	c.addPathLocked(f, name)
	return c.live[dir][base] == f
}

// unname takes a name from whatever file is open under it.
func (c *Cache) unname(name string) *File {
	c.mu.Lock()
	defer c.mu.Unlock()
	dir, base := split(name)
	f := c.live[dir][base]
	if f == nil {
		return nil
	}
	c.removeLiveLocked(dir, base)
	f.removePath(name)
	return f
}

func (c *Cache) removeLiveLocked(dir, base string) {
	delete(c.live[dir], base)
	if len(c.live[dir]) == 0 {
		delete(c.live, dir)
	}
}

// renamed moves the names of open files: of the file itself, or of all
// below a directory. An exchange moves both ways at once.
func (c *Cache) renamed(from, to string, exchange bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.renamedLocked(from, to, exchange)
}

func (c *Cache) renamedLocked(from, to string, exchange bool) {
	place := func(p string) (string, bool) {
		q, ok := moved(p, from, to)
		if !ok && exchange {
			q, ok = moved(p, to, from)
		}
		return q, ok
	}
	now := map[string]*File{}
	for _, f := range c.files {
		f.moveTemps(place)
		for _, p := range f.names() {
			if q, ok := place(p); ok {
				dir, base := split(p)
				c.removeLiveLocked(dir, base)
				f.removePath(p)
				now[q] = f
			}
		}
	}
	for q, f := range now {
		c.addPathLocked(f, q)
		f.renote()
	}
}

// moved is the new path of what was at p or below it.
func moved(p, from, to string) (string, bool) {
	if p == from {
		return to, true
	}
	if len(p) > len(from) && p[:len(from)] == from && p[len(from)] == '/' {
		return to + p[len(from):], true
	}
	return "", false
}

func (f *File) names() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.paths)
}

// path is where the file is on the host, "" if it has no name.
func (f *File) path() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pathLocked()
}

func (f *File) pathLocked() string {
	if len(f.paths) == 0 {
		return ""
	}
	return f.paths[0]
}

// liveAt is the open file under a name.
func (c *Cache) liveAt(name string) *File {
	c.mu.Lock()
	defer c.mu.Unlock()
	dir, base := split(name)
	return c.live[dir][base]
}

// openAt is liveAt for who wants nothing but a file with contents: another
// is only being opened, or worked on by its path.
func (c *Cache) openAt(name string) *File {
	f := c.liveAt(name)
	if f == nil || !f.opened() {
		return nil
	}
	return f
}

// opened tells whether a file has contents here. One that has none is held by
// who opens it, or by who works on it by its path, so that these take turns.
func (f *File) opened() bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.obj != nil
}

// holdAt is the regular file that has a name, as far as is known, for who
// works on it without a handle, be it open or not: it is not let go of before
// letGo.
func (c *Cache) holdAt(name string) *File {
	c.mu.Lock()
	defer c.mu.Unlock()
	ino := c.ownerLocked(name)
	if ino == 0 {
		return nil
	}
	return c.acquireLocked(ino)
}

// holdFor is holdAt for who knows the number. What is known to be something
// else than a regular file cannot be opened here, and needs no File.
func (c *Cache) holdFor(path string, ino uint64) *File {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a, ok := c.tree.peek(path); ok && !isRegular(a) && c.files[ino] == nil {
		return nil
	}
	return c.acquireLocked(ino)
}

// owns tells whether a file, or none, is the one that holdAt would give.
func (c *Cache) owns(f *File, name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	ino := c.ownerLocked(name)
	if f == nil {
		return ino == 0
	}
	return ino == f.ino
}

// ownerLocked is the number of the regular file that has a name, as far as is
// known, or 0.
func (c *Cache) ownerLocked(name string) uint64 {
	dir, base := split(name)
	if f := c.live[dir][base]; f != nil {
		return f.ino
	}
	if a, ok := c.peek(name); ok && isRegular(a) {
		return c.numberLocked(name, a)
	}
	return 0
}

// numberOf is the inode number of what the host has under a name. When the host
// gives the inode of a file that is open here, and gone there, to another file,
// then that one has to have another number.
func (c *Cache) numberOf(name string, a Attr) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.numberLocked(name, a)
}

func (c *Cache) numberLocked(name string, a Attr) uint64 {
	n := c.ino.number(idOf(a))
	if f := c.files[n]; f != nil && f.lostTo(name, a) {
		c.ino.gone(n)
		return c.ino.number(idOf(a))
	}
	return n
}

// lostTo tells whether what the host has under a name is another file that has
// got the inode of this one: it has no second name, which could be one of ours,
// and is not what this one was either when it was renamed.
func (f *File) lostTo(name string, a Attr) bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.obj == nil || f.base.Ino == 0 || slices.Contains(f.paths, name) {
		return false
	}
	return !isRegular(a) || !linked(a) && !sameContents(f.base, a)
}

func letGo(files ...*File) {
	for _, f := range files {
		if f != nil {
			f.release()
		}
	}
}

func (c *Cache) byNumber(ino uint64) *File {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.files[ino]
}

// liveIn is a copy of the open files in a directory.
func (c *Cache) liveIn(dir string) map[string]*File {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := make(map[string]*File, len(c.live[dir]))
	for name, f := range c.live[dir] {
		m[name] = f
	}
	return m
}

// authority gives the attributes of a file of which we know better than the
// host: it has changes, or is not there (any more).
func (f *File) authority() (Attr, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dirty || f.obj != nil && (f.base.Ino == 0 || len(f.paths) == 0) {
		return f.attrLocked(), true
	}
	return Attr{}, false
}

// attrLocked are the attributes as a program is to see them.
func (f *File) attrLocked() Attr {
	a := f.attr
	if f.grown.shown != nil {
		a = *f.grown.shown
	}
	a.Ino = f.ino
	if f.dirty && f.obj != nil {
		a.Block = f.obj.blocks()
	}
	if len(f.paths) == 0 {
		a.Nlink = 0
	}
	return a
}

// release is the end of a handle. Changes that are still there (a mapping
// may write after the last close) are sent by somebody nobody waits for. A
// file that is clean goes into the books of the disk.
func (f *File) release() {
	if f.releaseLast() {
		f.c.wg.Go(f.sendLeft)
		return
	}
	f.retire()
}

// releaseHere is release by a goroutine of the cache itself. Close waits for that
// after it has waited for all that others have released.
func (f *File) releaseHere() {
	if f.releaseLast() {
		f.sendLeft()
		return
	}
	f.retire()
}

// releaseLast tells whether the last handle has left changes.
func (f *File) releaseLast() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refs--
	return f.refs == 0 && f.dirty && !f.queued && !f.stuck && len(f.paths) > 0
}

func (f *File) sendLeft() {
	if err := f.store(f.c.ctx); err != nil {
		f.c.log.Warn("a file could not be stored; its contents are kept here", "path", f.path(), "err", err)
	}
	f.retire()
}

// retire lets go of a file that is not open any more and has nothing to
// send.
func (f *File) retire() {
	c := f.c
	c.mu.Lock()
	defer c.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	named := len(f.paths) > 0
	if f.refs > 0 || f.dirty && named || c.files[f.ino] != f {
		return
	}
	delete(c.files, f.ino)
	for _, p := range f.paths {
		dir, base := split(p)
		c.removeLiveLocked(dir, base)
	}
	f.putAwayLocked(named)
}

// putAwayLocked gives clean contents to the books, and removes all others.
func (f *File) putAwayLocked(named bool) {
	if f.obj == nil {
		return
	}
	have := f.haltLocked()
	if named && !f.dirty && f.base.Ino != 0 && (len(have) > 0 || f.base.Size == 0) {
		f.c.disk.keep(f.obj, f.base, f.racy, have)
		f.c.compact()
	} else {
		f.abandonLocked()
		f.c.disk.discard(f.obj)
	}
	f.obj = nil
}

// compact rewrites the index when most of it is history.
func (c *Cache) compact() {
	if !c.disk.grown() {
		return
	}
	if err := c.disk.rewrite(c.ino); err != nil {
		c.log.Warn("the index of the cache cannot be written", "err", err)
	}
}

// shut closes a file at the end of the mount; changes stay in the log.
func (f *File) shut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.obj == nil:
	case f.dirty && len(f.paths) > 0:
		f.obj.close()
		f.obj = nil
		if f.kept != nil {
			f.kept.obj.close()
			f.kept = nil
		}
	default:
		f.putAwayLocked(len(f.paths) > 0)
	}
}

// lock takes the file for something that uses the network.
func (f *File) lock(ctx context.Context) (func(), error) { return f.busy.exclude(ctx) }

func newAttr(mode uint32, o Options) Attr {
	now := time.Now().UnixNano()
	return Attr{
		Mode: syscall.S_IFREG | mode&07777, Nlink: 1, UID: o.UID, GID: o.GID,
		Atime: now - now%1000, Mtime: now, Ctime: now, // an Upload has microseconds of the first
	}
}
