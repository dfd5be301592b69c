package cache

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync"
)

// journal is the log of changes that the host does not have yet: one file, of
// a line for each record, with a checksum. A record takes the place of the one
// before of the same object. The file only grows at its end. When none of its
// records is of use it is emptied, and when most of it is history it is written
// anew under another name, which then takes its place.
type journal struct {
	root *os.Root // of the mount's cache
	log  *slog.Logger

	// syncing is held by who syncs the file, or puts another in its place.
	syncing sync.Mutex

	mu     sync.Mutex // guards the fields below; after syncing
	f      *os.File
	end    int64            // of its last whole line
	live   map[string]place // of the last record of each object
	useful int64            // bytes of these
	lines  uint64           // counts what was written
	synced uint64           // how much of it is on the disk
	doubt  bool             // the file may not have what was written to it
}

// place is where a line is in the file, in bytes.
type place struct{ off, size int64 }

const journalName = "changes"

// leastRewritten is the size, in bytes, from which on the file is written anew.
const leastRewritten = 1 << 20

func newJournal(root *os.Root, log *slog.Logger) *journal {
	return &journal{root: root, log: log, live: map[string]place{}}
}

// note writes a record, in the place of an older one of its object.
func (j *journal) note(r record) error {
	line, err := r.encode()
	if err != nil {
		return err
	}
	if len(line) > maxRecord {
		return fmt.Errorf("a record of %d bytes", len(line))
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	at, err := j.appendLocked(line)
	if err != nil {
		return err
	}
	j.useful += at.size - j.live[r.Object].size
	j.live[r.Object] = at
	j.tidyLocked()
	return nil
}

// has tells whether there is a record of an object.
func (j *journal) has(object string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	_, ok := j.live[object]
	return ok
}

// drop says that the record of an object is of no use any more.
func (j *journal) drop(object string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	p, ok := j.live[object]
	if !ok {
		return
	}
	delete(j.live, object)
	j.useful -= p.size
	err := j.endLocked(object)
	if err != nil {
		j.doubt = true // it is left out when the file is written anew
		j.log.Warn("the log of changes cannot be written", "err", err)
	}
}

func (j *journal) endLocked(object string) error {
	if len(j.live) == 0 {
		j.end = 0
		return j.f.Truncate(0)
	}
	line, err := record{Object: object, Ended: true}.encode()
	if err == nil {
		_, err = j.appendLocked(line)
	}
	return err
}

// appendLocked writes a line. What a line has that could not be written to its
// end is cut off.
func (j *journal) appendLocked(line []byte) (place, error) {
	if _, err := j.f.WriteAt(line, j.end); err != nil {
		return place{}, errors.Join(err, j.f.Truncate(j.end))
	}
	at := place{j.end, int64(len(line))}
	j.end += at.size
	j.lines++
	return at, nil
}

// sync brings what was written to the disk, so that it is there after the
// machine has lost its power. Several who wait for it at a time share the work.
func (j *journal) sync() error {
	j.mu.Lock()
	want := j.lines
	j.mu.Unlock()
	j.syncing.Lock()
	defer j.syncing.Unlock()
	j.mu.Lock()
	f, lines, doubt := j.f, j.lines, j.doubt
	if doubt {
		defer j.mu.Unlock()
		return j.rewriteLocked()
	}
	done := j.synced >= want
	j.mu.Unlock()
	if done {
		return nil
	}
	err := f.Sync()
	j.mu.Lock()
	defer j.mu.Unlock()
	if err != nil {
		// The kernel takes the pages for clean from now on: another sync of
		// them would succeed, and mean nothing.
		j.doubt = true
		return err
	}
	j.synced = lines
	return nil
}

// tidyLocked writes the file anew if most of it is history, or something could
// not be written to it, and nobody syncs it just now.
func (j *journal) tidyLocked() {
	history := j.end >= leastRewritten && j.end >= 4*j.useful
	if !history && !j.doubt || !j.syncing.TryLock() {
		return
	}
	defer j.syncing.Unlock()
	if err := j.rewriteLocked(); err != nil {
		j.log.Warn("the log of changes cannot be written anew", "err", err)
	}
}

// rewriteLocked puts a file with nothing but the records of use in the place of
// the one there is. Syncing is held.
func (j *journal) rewriteLocked() error {
	f, err := j.root.OpenFile(journalName+".new", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	live, end, err := j.copyLocked(f)
	if err = errors.Join(err, f.Sync()); err == nil {
		err = j.root.Rename(journalName+".new", journalName)
	}
	if err != nil {
		f.Close()
		return err
	}
	if j.f != nil {
		j.f.Close()
	}
	j.f, j.live, j.end, j.useful = f, live, end, end
	if err := syncRoot(j.root); err != nil {
		j.doubt = true
		return err
	}
	j.synced, j.doubt = j.lines, false
	return nil
}

// copyLocked copies the records of use, in the order in which they were written.
func (j *journal) copyLocked(to *os.File) (map[string]place, int64, error) {
	objects := make([]string, 0, len(j.live))
	for object := range j.live {
		objects = append(objects, object)
	}
	slices.SortFunc(objects, func(a, b string) int { return cmp.Compare(j.live[a].off, j.live[b].off) })
	live, end := make(map[string]place, len(objects)), int64(0)
	for _, object := range objects {
		p := j.live[object]
		if _, err := io.Copy(to, io.NewSectionReader(j.f, p.off, p.size)); err != nil {
			return nil, 0, err
		}
		live[object] = place{end, p.size}
		end += p.size
	}
	return live, end, nil
}

func (j *journal) close() {
	if j.f != nil {
		j.f.Close()
	}
}

// syncRoot brings the names in a directory to the disk.
func syncRoot(root *os.Root) error {
	dir, err := root.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}
