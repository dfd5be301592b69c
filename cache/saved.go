package cache

import (
	"bufio"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
)

// What is known of the names on the host outlives the mount in one file, for a
// mount that cannot reach the host: the directories whose names are all known. It
// is written at the end, and now and then, under another name that then takes its
// place; directories that this mount has not looked at are carried over. It ends
// with a checksum, and one that is damaged is as good as none.

const treeName = "tree"

// savedHead is the first value of the file. A savedDir follows for each
// directory.
type savedHead struct {
	View  string // see [Options.View]
	Root  Entry
	Space Statfs
}

// savedDir is a directory with all its names.
type savedDir struct {
	Path    string
	Self    Entry
	Entries []Entry
}

// maxSaved bounds the file that is read, in bytes.
const maxSaved = 1 << 30

// keepSaving saves while there is something new, until the cache is closed: not
// more often than each minute, and for a hundredth of the time at most.
func (c *Cache) keepSaving() {
	wait := time.Minute
	for {
		select {
		case <-time.After(wait):
		case <-c.ctx.Done():
			return
		}
		began := time.Now()
		c.save()
		wait = max(time.Minute, 100*time.Since(began))
	}
}

// save writes down what is known of the host, if that has become other.
func (c *Cache) save() {
	news := c.tree.news()
	if news == c.saved {
		return
	}
	if err := c.disk.writeTree(c.tree, c.savedHead(), c.o.Entries); err != nil {
		c.log.Warn("what is known of the host cannot be written down for a mount without it", "err", err)
		return
	}
	c.saved = news
}

func (c *Cache) savedHead() savedHead {
	a, _ := c.tree.peek("")
	c.space.mu.Lock()
	defer c.space.mu.Unlock()
	return savedHead{View: c.o.View, Root: Entry{Attr: a}, Space: c.space.last}
}

// recall takes in what an earlier mount has heard.
func (s *space) recall(last Statfs) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at.IsZero() && last != (Statfs{}) {
		s.last, s.at = last, time.Now().Add(-spaceOld)
	}
}

// writeTree writes what a tree knows, and what it does not know of what was
// written before, up to about so many names.
func (d *disk) writeTree(t *tree, head savedHead, most int) error {
	f, err := d.root.OpenFile(treeName+".new", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := crc32.NewIEEE()
	w := bufio.NewWriterSize(io.MultiWriter(f, sum), 256<<10)
	enc := gob.NewEncoder(w)
	if err := enc.Encode(head); err != nil {
		return err
	}
	var failed error
	put := func(s savedDir) {
		if most -= len(s.Entries) + 1; most >= 0 && failed == nil {
			failed = enc.Encode(s)
		}
	}
	for _, dir := range t.fullDirs() {
		if s, ok := t.dirToSave(dir); ok {
			put(s)
		}
	}
	err = d.readTree(head.View, func(savedHead) {}, func(s savedDir) {
		if t.mayStillBe(s) {
			put(t.newest(s))
		}
	})
	if errors.Is(err, errDamaged) || errors.Is(err, os.ErrNotExist) {
		err = nil // there is nothing to be carried over
	}
	if err = errors.Join(err, failed, w.Flush()); err != nil {
		return err
	}
	if err := binary.Write(f, binary.BigEndian, sum.Sum32()); err != nil {
		return err
	}
	return errors.Join(f.Sync(), d.root.Rename(treeName+".new", treeName))
}

var errDamaged = errors.New("a damaged file")

// readTree calls begin, and each with the directories that were written down, if
// that was of the same view.
func (d *disk) readTree(view string, begin func(savedHead), each func(savedDir)) error {
	f, err := d.root.Open(treeName)
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := checkedSize(f)
	if err != nil {
		return err
	}
	return decodeTree(bufio.NewReaderSize(io.NewSectionReader(f, 0, size), 256<<10), view, begin, each)
}

// checkedSize is the size of what the checksum at the end of a file is of.
func checkedSize(f *os.File) (int64, error) {
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	size := st.Size() - 4
	if size < 0 || size > maxSaved {
		return 0, errDamaged
	}
	sum := crc32.NewIEEE()
	if _, err := io.Copy(sum, io.NewSectionReader(f, 0, size)); err != nil {
		return 0, err
	}
	var want uint32
	if err := binary.Read(io.NewSectionReader(f, size, 4), binary.BigEndian, &want); err != nil {
		return 0, err
	}
	if sum.Sum32() != want {
		return 0, errDamaged
	}
	return size, nil
}

func decodeTree(r io.Reader, view string, begin func(savedHead), each func(savedDir)) error {
	dec := gob.NewDecoder(r)
	var head savedHead
	if err := dec.Decode(&head); err != nil {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	if head.View != view {
		return os.ErrNotExist
	}
	begin(head)
	for {
		var s savedDir
		err := dec.Decode(&s)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errDamaged, err)
		}
		if s.Path == "" || validPath(s.Path) {
			each(s)
		}
	}
}

// news counts what was learned and changed.
func (t *tree) news() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.now + t.lists
}

// fullDirs are the directories whose names are known.
func (t *tree) fullDirs() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []string
	if t.root.full() != 0 {
		all = append(all, "")
	}
	t.root.walk("", func(path string, n *node) bool {
		if n.full() != 0 {
			all = append(all, path)
		}
		return true
	})
	return all
}

func (t *tree) dirToSave(dir string) (savedDir, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, n, _ := t.findLocked(dir)
	if n == nil || n.full() == 0 || n.ino == 0 {
		return savedDir{}, false
	}
	s := savedDir{Path: dir, Self: Entry{Attr: n.attr()}, Entries: make([]Entry, 0, len(n.kids()))}
	for name, k := range n.kids() {
		if k.ino != 0 {
			s.Entries = append(s.Entries, Entry{Name: name, Target: k.target(), Attr: k.attr()})
		}
	}
	return s, true
}

// mayStillBe tells whether nothing newer is known of a directory, and nothing
// that speaks against it.
func (t *tree) mayStillBe(s savedDir) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mayStillBeLocked(s)
}

func (t *tree) mayStillBeLocked(s savedDir) bool {
	way := t.wayLocked(s.Path)
	last := way[len(way)-1]
	switch {
	case last.full() != 0 || last.ino != 0 && !isDir(last.attr()):
		return false
	case s.Path == "" || len(way) == strings.Count(s.Path, "/")+2:
		return last.is(s.Self)
	}
	return true
}

// newest is a directory that was written down, with what is newer of the names in
// it as far as they are known.
func (t *tree) newest(s savedDir) savedDir {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, n, _ := t.findLocked(s.Path)
	if n == nil {
		return s
	}
	entries := map[string]Entry{}
	for _, e := range s.Entries {
		entries[e.Name] = e
	}
	for name, k := range n.kids() {
		if k.ino != 0 {
			entries[name] = Entry{Name: name, Target: k.target(), Attr: k.attr()}
		}
	}
	s.Entries = slices.Collect(maps.Values(entries))
	return s
}

// anciently is the moment of what an earlier mount knew: nothing believes it.
const anciently moment = 1

// learnRoot takes in what an earlier mount knew of the directory itself.
func (t *tree) learnRoot(e Entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.root.ino == 0 {
		t.root.set(e, anciently)
	}
}

// learnSaved takes in what an earlier mount knew, where nothing is known or was
// changed since.
func (t *tree) learnSaved(s savedDir) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.mayStillBeLocked(s) {
		return
	}
	n := t.placeLocked(s.Path)
	if n.ino == 0 {
		n.set(s.Self, anciently)
	}
	if n.stamp != 0 {
		return // a change of ours in it, of which an earlier mount knew nothing
	}
	for _, e := range s.Entries {
		if k := n.kids()[e.Name]; k == nil {
			t.setLocked(n, e.Name, e, anciently)
		} else if k.ino == 0 {
			k.set(e, anciently)
		}
	}
	n.needMore().full = anciently
	t.listed.Add(n, struct{}{})
	t.shrinkLocked(s.Path)
}
