package cache

import (
	"errors"
	"path"
	"time"
)

// What the log says of a file with changes, see journal.go.

// noteLocked writes down that the file is dirty, before it becomes so.
func (f *File) noteLocked(flushed bool) error {
	if len(f.paths) == 0 {
		return nil
	}
	if f.place == 0 {
		f.place = f.c.backlog.number()
	}
	r := f.recordLocked(f.obj, f.attr, f.place)
	r.Flushed, r.After = flushed, f.kept != nil
	if f.writers > 0 && (!f.dirty || f.keptAllLocked()) {
		r.Sum = f.sum[:]
	}
	if err := f.c.disk.note(r); err != nil {
		return err
	}
	f.noted, f.ended = true, flushed
	return nil
}

// noteKeptLocked writes down what was flushed, if there is newer by now.
func (f *File) noteKeptLocked() error {
	k := f.kept
	if k == nil {
		return nil
	}
	r := f.recordLocked(k.obj, k.attr, k.place)
	r.Flushed = true
	return f.c.disk.note(r)
}

// recordLocked describes contents of the file for the log.
func (f *File) recordLocked(o *object, a Attr, place uint64) record {
	r := record{Object: o.name, Seq: place, Path: []byte(f.pathLocked()), Base: f.base, Mode: a.Mode, Mtime: a.Mtime}
	r.Tried = f.tried
	if f.base.Ino == 0 && f.over.Ino != 0 {
		r.Over = &f.over
	}
	for _, t := range f.temps {
		r.Temps = append(r.Temps, []byte(t))
	}
	return r
}

// noteEnd writes down that all was written of what there was at seq, although
// the host does not have it. Most stores say so themselves, before they begin.
func (f *File) noteEnd(seq uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.noted || f.ended || f.seq != seq {
		return
	}
	if err := f.noteLocked(true); err != nil {
		f.c.log.Warn("the log cannot be written", "path", path.Base(f.pathLocked()), "err", err)
	}
}

func (f *File) unnoteLocked() {
	if f.noted {
		f.c.disk.unnote(f.obj.name)
		f.noted = false
	}
}

// renote brings the log up to date with a new name.
func (f *File) renote() {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.noteKeptLocked()
	if f.noted {
		err = errors.Join(err, f.noteLocked(f.ended))
	}
	if err != nil {
		f.c.log.Warn("the log cannot be written", "path", path.Base(f.pathLocked()), "err", err)
	}
}

// touchLocked says that the contents change now. What the log says was
// flushed was other contents then.
func (f *File) touchLocked() error {
	f.ungrowLocked()
	if err := f.keepLocked(f.attr.Size); err != nil {
		return err
	}
	if !f.dirty || f.ended || !f.noted {
		if err := f.noteLocked(false); err != nil {
			return err
		}
		f.beginsLocked()
		f.dirty = true
	}
	f.seq++
	now := time.Now().UnixNano()
	f.attr.Mtime, f.attr.Ctime = now, now
	return nil
}
