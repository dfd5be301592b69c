package cache

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Conflict is a file that was changed here and on the host, and that nobody
// has looked at yet.
type Conflict struct {
	// Kind is "conflict", "recovered" for what was being written when a
	// mount died, or "stuck" for what the policy Fail keeps here, unsent.
	Kind string
	Path string // the file of the host
	Copy string // ours beside it; "" if it is here alone
	Time time.Time
}

// conflictList remembers the copies that were stored beside files, over
// mounts. It is a service: when it cannot be read or written, only the list
// suffers.
type conflictList struct {
	d *disk

	untold news

	mu  sync.Mutex // guards the field below
	all []Conflict
}

// maxConflicts bounds the list: the oldest are forgotten first, the copies
// stay on the host.
const maxConflicts = 1000

const (
	conflictsFile    = "conflicts"
	damagedConflicts = "conflicts.damaged"
)

// savedConflict is a Conflict as the disk has it: names are bytes.
type savedConflict struct {
	Kind       string
	Path, Copy []byte
	Time       time.Time
}

// openConflicts reads the list that earlier mounts have left. One that is
// damaged is set aside.
func openConflicts(d *disk, base string) *conflictList {
	l := &conflictList{d: d}
	l.all = l.read(d)
	l.adopt(base)
	return l
}

func (l *conflictList) read(d *disk) []Conflict {
	text, err := d.root.ReadFile(conflictsFile)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	var all []Conflict
	if err == nil {
		all, err = decodeConflicts(text)
	}
	if err != nil {
		l.d.log.Warn("the list of conflicts is damaged; the copies on the host are not", "dir", d.dir, "err", err)
		if err := d.root.Rename(conflictsFile, damagedConflicts); err != nil {
			l.d.log.Warn("the damaged list of conflicts stays", "dir", d.dir, "err", err)
		}
	}
	return all
}

func decodeConflicts(text []byte) ([]Conflict, error) {
	var sum uint32
	if len(text) < 9 {
		return nil, errors.New("too short")
	}
	if _, err := fmt.Sscanf(string(text[:9]), "%08x ", &sum); err != nil || sum != crc32.ChecksumIEEE(text[9:]) {
		return nil, errors.New("wrong checksum")
	}
	var saved []savedConflict
	if err := json.Unmarshal(text[9:], &saved); err != nil {
		return nil, err
	}
	var all []Conflict
	for _, s := range saved {
		if !validPath(string(s.Path)) || !validPath(string(s.Copy)) {
			return nil, errors.New("a name that cannot be")
		}
		all = append(all, Conflict{s.Kind, string(s.Path), string(s.Copy), s.Time})
	}
	return all, nil
}

// adopt takes over the lists of other mounts of the same directory that have
// ended.
func (l *conflictList) adopt(base string) {
	for i := range maxOwners {
		dir := filepath.Join(base, fmt.Sprint(i))
		if _, err := os.Lstat(filepath.Join(dir, conflictsFile)); dir == l.d.dir || err != nil {
			continue
		}
		other, err := lockDisk(dir, l.d.log)
		if err != nil || other == nil {
			continue // in use
		}
		l.all = append(l.all, l.read(other)...)
		if l.writeLocked() == nil {
			other.root.Remove(conflictsFile)
		}
		other.unlock()
	}
}

// add remembers a copy.
func (l *conflictList) add(c Conflict) {
	c.Time = time.Now()
	l.change(func() { l.all = append(l.all, c) })
}

// forget removes what a person has dealt with.
func (l *conflictList) forget(gone func(Conflict) bool) {
	l.change(func() { l.all = slices.DeleteFunc(l.all, gone) })
}

func (l *conflictList) change(do func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	do()
	l.all = l.all[max(0, len(l.all)-maxConflicts):]
	if err := l.writeLocked(); err != nil {
		l.d.log.Warn("the list of conflicts cannot be written", "dir", l.d.dir, "err", err)
	}
}

// writeLocked writes the list in the place of the old one.
func (l *conflictList) writeLocked() error {
	if len(l.all) == 0 {
		if err := l.d.root.Remove(conflictsFile); !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return nil
	}
	var saved []savedConflict
	for _, c := range l.all {
		saved = append(saved, savedConflict{c.Kind, []byte(c.Path), []byte(c.Copy), c.Time})
	}
	text, err := json.Marshal(saved)
	if err != nil {
		return err
	}
	text = append(fmt.Appendf(nil, "%08x ", crc32.ChecksumIEEE(text)), text...)
	return l.d.replaceFile(conflictsFile, text)
}

// replaceFile gives a file of the cache new contents: a crash leaves the old
// or the new ones.
func (d *disk) replaceFile(name string, text []byte) error {
	f, err := d.root.OpenFile(name+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return d.root.Rename(name+".new", name)
}

func (l *conflictList) list() []Conflict {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.all)
}

// removed takes in that a name was removed here.
func (l *conflictList) removed(path string) {
	of := func(c Conflict) bool { return c.Copy == path }
	if slices.ContainsFunc(l.list(), of) {
		l.forget(of)
	}
}

// moved takes in that names were changed here. A copy that took the place of
// the file, or whose name is no more that of a copy, is nobody's conflict.
func (l *conflictList) moved(from, to string) {
	l.untold.moved(from, to)
	if len(l.list()) == 0 {
		return
	}
	l.change(func() {
		for i := range l.all {
			c := &l.all[i]
			if p, ok := moved(c.Path, from, to); ok {
				c.Path = p
			}
			if p, ok := moved(c.Copy, from, to); ok {
				c.Copy = p
			}
		}
		l.all = slices.DeleteFunc(l.all, func(c Conflict) bool { return c.Copy == c.Path })
	})
}

// Conflicts lists what is in conflict, oldest first. It asks nobody. Copies
// that are known to be gone, or to have become the file, are left out.
func (c *Cache) Conflicts() []Conflict {
	all := slices.DeleteFunc(c.conflicts.list(), func(x Conflict) bool {
		_, k := c.tree.last(x.Copy)
		return k == absent && c.liveAt(x.Copy) == nil
	})
	for _, p := range c.Unsent() {
		if p.Stuck {
			all = append(all, Conflict{Kind: "stuck", Path: p.Path, Time: p.Since})
		}
	}
	slices.SortStableFunc(all, func(a, b Conflict) int {
		if n := a.Time.Compare(b.Time); n != 0 {
			return n
		}
		return strings.Compare(a.Path, b.Path)
	})
	return all
}
