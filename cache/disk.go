package cache

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// disk is the cache on the local disk: objects/ with the contents, index
// with what they are the contents of, changes with what the host does not have
// yet, lock. It keeps clean contents within a budget of bytes, and
// forgets the least recently used first. Contents of open and of dirty files
// are not in its books, so they are never evicted.
type disk struct {
	dir     string
	root    *os.Root
	objects *os.Root
	changes *journal
	lock    *os.File
	log     *slog.Logger
	size    int64 // budget in bytes
	free    int64 // bytes of the disk to leave free

	mu        sync.Mutex // guards the fields below
	lru       *simplelru.LRU[fileID, stored]
	bytes     int64
	displaced *simplelru.LRU[version, struct{}] // see displaceLocked
	ahead     map[string]int64                  // objects that nobody has asked for yet, and their sizes
	index     *os.File                          // appended to; see index.go
	lines     int                               // in index
	since     int                               // lines in index when it was written anew
}

// stored is an object that holds contents of a version.
type stored struct {
	name string
	attr Attr
	have ranges // of the contents
	racy bool   // fetched in the same tick of the host's clock as written
}

// openDisk opens the first cache below dir that no other mount owns, one
// with unsent changes first. The directory is for its owner alone.
func openDisk(dir string, size, free int64, log *slog.Logger) (*disk, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	for _, name := range candidates(dir) {
		d, err := lockDisk(filepath.Join(dir, name), log)
		if err != nil {
			return nil, err
		}
		if d != nil {
			d.size, d.free = size, free
			return d, nil
		}
	}
	return nil, fmt.Errorf("%s: too many mounts share this cache", dir)
}

// maxOwners is how many mounts of the same directory have a cache each.
const maxOwners = 64

func candidates(dir string) []string {
	var unsent, all []string
	for i := range maxOwners {
		name := fmt.Sprint(i)
		if hasUnsent(filepath.Join(dir, name)) {
			unsent = append(unsent, name)
		}
		all = append(all, name)
	}
	return append(unsent, all...)
}

// hasUnsent tells whether a cache has changes that the host does not have.
func hasUnsent(dir string) bool {
	st, err := os.Stat(filepath.Join(dir, journalName))
	return err == nil && st.Size() > 0
}

// lockDisk opens a cache; nil says that another mount has it.
func lockDisk(dir string, log *slog.Logger) (*disk, error) {
	for _, sub := range []string{dir, filepath.Join(dir, "objects")} {
		if err := os.MkdirAll(sub, 0o700); err != nil {
			return nil, err
		}
		if err := os.Chmod(sub, 0o700); err != nil {
			return nil, err
		}
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		return nil, nil
	}
	d := &disk{dir: dir, lock: lock, log: log, ahead: map[string]int64{}}
	d.lru, _ = simplelru.NewLRU[fileID, stored](1<<31-1, nil)
	d.displaced, _ = simplelru.NewLRU[version, struct{}](maxDisplaced, nil)
	if d.root, err = os.OpenRoot(dir); err == nil {
		d.changes = newJournal(d.root, log)
		d.objects, err = d.root.OpenRoot("objects")
	}
	if err != nil {
		d.unlock()
		return nil, err
	}
	return d, nil
}

func (d *disk) unlock() {
	if d.objects != nil {
		d.objects.Close()
	}
	if d.root != nil {
		d.changes.close()
		d.root.Close()
	}
	if d.index != nil {
		d.index.Close()
	}
	d.lock.Close()
}

// take gives the contents of a version to an open file, and takes them out
// of the books. Contents of another version of the file are worthless, and
// removed.
func (d *disk) take(a Attr) (*object, ranges, bool) { return d.takeIf(a, false) }

// takeOld is take also for contents that may not be those of the version, having
// been fetched in the tick of the clock in which it was written.
func (d *disk) takeOld(a Attr) (*object, ranges, bool) { return d.takeIf(a, true) }

func (d *disk) takeIf(a Attr, racy bool) (*object, ranges, bool) {
	d.mu.Lock()
	s, ok := d.lru.Peek(idOf(a))
	if ok {
		d.forgetLocked(idOf(a), s)
	}
	d.mu.Unlock()
	if !ok {
		return nil, nil, false
	}
	if sameVersion(s.attr, a) && (racy || !s.racy) {
		if o, err := d.open(s.name); err == nil {
			if size, err := o.size(); err == nil && size == a.Size {
				return o, s.have, true
			}
			o.close()
		}
	}
	d.removeFile(s.name)
	return nil, nil, false
}

// holds tells whether contents of a version are in the books.
func (d *disk) holds(a Attr) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, ok := d.lru.Peek(idOf(a))
	return ok && sameVersion(s.attr, a)
}

// keepAhead is keep for contents that nobody has asked for yet.
func (d *disk) keepAhead(o *object, a Attr) {
	d.mu.Lock()
	d.ahead[o.name] = a.Size
	d.mu.Unlock()
	d.keep(o, a, false, wholeOf(a.Size))
}

// claim tells how many bytes of an object were fetched ahead, once.
func (d *disk) claim(name string) int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.ahead[name]
	delete(d.ahead, name)
	return n
}

// keep takes the contents of a version into the books, from a file that is
// closed now, and makes room for them.
func (d *disk) keep(o *object, a Attr, racy bool, have ranges) {
	o.close()
	have = have[:min(len(have), maxSpans)]
	d.mu.Lock()
	if old, ok := d.lru.Peek(idOf(a)); ok {
		d.displaceLocked(old, a)
		d.forgetLocked(idOf(a), old)
		defer d.removeFile(old.name)
	}
	s := stored{o.name, a, have, racy}
	d.lru.Add(idOf(a), s)
	d.bytes += have.bytes()
	d.noteLocked(s.line())
	d.mu.Unlock()
	d.evict(0)
}

func (d *disk) forgetLocked(id fileID, s stored) {
	d.lru.Remove(id)
	d.bytes -= s.have.bytes()
	d.noteLocked(line{Gone: s.name})
}

// rebind says that contents kept for a version are those of another one,
// after a change of attributes or name of our own.
func (d *disk) rebind(was, is Attr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, ok := d.lru.Peek(idOf(was))
	if !ok || !sameVersion(s.attr, was) || !sameContents(was, is) {
		return
	}
	s.attr = is
	d.lru.Add(idOf(is), s)
	d.noteLocked(s.line())
}

// drop removes the contents kept for a file.
func (d *disk) drop(id fileID) {
	d.mu.Lock()
	s, ok := d.lru.Peek(id)
	if ok {
		d.forgetLocked(id, s)
	}
	d.mu.Unlock()
	if ok {
		d.removeFile(s.name)
	}
}

// evict makes room for need more bytes, within the budget and on the disk.
func (d *disk) evict(need int64) {
	for d.crowded(need) {
		d.mu.Lock()
		id, s, ok := d.lru.GetOldest()
		if ok {
			d.forgetLocked(id, s)
		}
		d.mu.Unlock()
		if !ok {
			return
		}
		d.removeFile(s.name)
	}
}

func (d *disk) crowded(need int64) bool {
	d.mu.Lock()
	over := d.size > 0 && d.bytes+need > d.size
	d.mu.Unlock()
	return over || d.room() < need
}

// room is how many bytes the disk can take and still leave free what it
// must.
func (d *disk) room() int64 {
	var st syscall.Statfs_t
	if err := syscall.Statfs(d.dir, &st); err != nil {
		return 1 << 62
	}
	return int64(st.Bavail)*st.Bsize - d.free
}

// reserve makes room for contents that are about to come, or says ENOSPC.
func (d *disk) reserve(need int64) error {
	d.mu.Lock()
	kept := d.bytes
	d.mu.Unlock()
	if need-kept > d.room() {
		return syscall.ENOSPC // and nothing is given up for it
	}
	d.evict(need)
	if d.room() < need {
		return syscall.ENOSPC
	}
	return nil
}
