package cache

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// trouble is what people are told of a file that the host does not have as
// it is here. Guarded by File.mu.
type trouble struct {
	since time.Time // of the first change that the host lacks; zero: an earlier mount's
	err   error     // of the last store
}

// beginsLocked says that a change is about to be made.
func (f *File) beginsLocked() {
	if !f.dirty {
		f.trouble = trouble{since: time.Now()}
	}
}

// tell remembers how a store went, for who asks later, and returns it.
func (f *File) tell(err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.trouble.err = err
	return err
}

// Pending is a change that the host does not have: of a file's contents, or what
// Change says.
type Pending struct {
	Path   string
	Change string    // mkdir, symlink, setattr, remove, rename, rmdir; "": the contents
	Size   int64     // bytes, as it is here
	Since  time.Time // when the first change was made
	Err    error     // why the last store failed; nil: none has yet
	Local  string    // the file on the local disk that has the contents
	Open   bool      // a program has it open
	Stuck  bool      // in a conflict that only a program, or Resolve, can end
}

// Unsent lists the files with changes that the host does not have, by path.
// It asks nobody and waits for nobody.
func (c *Cache) Unsent() []Pending {
	var all []Pending
	for _, f := range c.snapshot() {
		if p, ok := f.pending(); ok {
			all = append(all, p)
		}
	}
	all = append(all, c.backlog.report()...)
	slices.SortFunc(all, func(a, b Pending) int { return strings.Compare(a.Path, b.Path) })
	return all
}

func (f *File) pending() (Pending, bool) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if !f.dirty || len(f.paths) == 0 || f.obj == nil {
		return Pending{}, false
	}
	p := Pending{
		Path: f.pathLocked(), Size: f.attr.Size, Since: f.trouble.since, Err: f.trouble.err,
		Local: filepath.Join(f.c.disk.dir, "objects", f.obj.name),
		Open:  f.refs > 0, Stuck: f.stuck,
	}
	if p.Since.IsZero() {
		p.Since = time.Unix(0, cmp.Or(f.attr.Mtime, f.attr.Ctime))
	}
	return p, true
}

// HasUnsent tells whether the cache in a directory, that of a mount that has
// ended, has changes that the host does not have.
func HasUnsent(dir string) bool { return hasUnsent(dir) }

// Usage is what clean contents take on the local disk.
type Usage struct {
	Files   int
	Bytes   int64
	Size    int64 // budget in bytes; 0: none
	MinFree int64 // bytes of the disk that are left free
}

// Usage tells what clean contents of closed files take.
func (c *Cache) Usage() Usage {
	d := c.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	return Usage{Files: d.lru.Len(), Bytes: d.bytes, Size: d.size, MinFree: d.free}
}
