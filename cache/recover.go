package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
)

// recover takes over what an earlier mount has left: clean contents, inode
// numbers, and the changes that it did not send, which go into the backlog. They are
// sent now, if the host can be reached, and else stay in the log. Clean says that
// there were none.
func (c *Cache) recover(ctx context.Context) (clean bool, err error) {
	logged, err := c.disk.records(c.o.Dir)
	if err != nil {
		return false, err
	}
	logged = c.withoutHalves(logged)
	objects := map[string]bool{}
	for _, r := range logged {
		objects[r.Object] = true
	}
	if err := c.disk.load(objects, c.ino); err != nil {
		return false, err
	}
	for i, r := range logged {
		if r.Kind != storing {
			c.again(r)
		} else if superseded(r, logged[i+1:]) {
			c.forgetRecord(r)
		} else if err := c.resumeNext(ctx, r); err != nil {
			c.log.Warn("a file of an earlier mount could not be stored; its contents are kept here",
				"path", string(r.Path), "dir", c.disk.dir, "object", r.Object, "err", err)
		}
	}
	c.resend(ctx)
	return len(logged) == 0, nil
}

// resend sends what waits, if the host can be reached.
func (c *Cache) resend(ctx context.Context) {
	if c.Offline() {
		return
	}
	if err := c.send(ctx, c.backlog.all()); err != nil {
		c.log.Warn("changes of an earlier mount wait for the host", "count", len(c.backlog.all()), "err", err)
	}
}

// superseded tells whether a record is of what was flushed before something newer
// was, as one of those that follow says: the mount died when both were in the log.
func superseded(r record, next []record) bool {
	return r.Flushed && slices.ContainsFunc(next, func(n record) bool {
		return n.Kind == storing && n.Flushed && n.After && bytes.Equal(n.Path, r.Path)
	})
}

// resumeNext is resume, after what has the same name: that of another mount, or
// what this file has taken the place of just before the mount died.
func (c *Cache) resumeNext(ctx context.Context, r record) error {
	if f := c.liveAt(string(r.Path)); f != nil && !r.partial() {
		r.Tried = append(r.Tried, f.trials()...)
		c.resend(ctx)
	}
	return c.resume(r)
}

// withoutHalves leaves out what the log says of what a file may have left under a
// name, if the file still has it there: the mount died between the two lines of
// a rename or a removal, which is not made then.
func (c *Cache) withoutHalves(logged []record) []record {
	var all []record
	for _, r := range logged {
		i := slices.IndexFunc(all, func(s record) bool { return r.leftBy(s) })
		if i < 0 {
			all = append(all, r)
			continue
		}
		all[i].Tried = append(all[i].Tried, r.Tried...)
		all[i].Temps = append(all[i].Temps, r.Temps...)
		c.forgetRecord(r)
	}
	return all
}

// leftBy tells whether a record is about the removal of what the store of another
// may have left under a name, or was to take the place of there.
func (r record) leftBy(s record) bool {
	if r.Kind != removing || s.Kind != storing || !bytes.Equal(r.Path, s.Path) {
		return false
	}
	if s.Over != nil && r.Base == *s.Over {
		return true
	}
	return slices.ContainsFunc(r.Tried, func(t trial) bool { return t.Mtime == s.Mtime || slices.Contains(s.Tried, t) })
}

// again has a change wait that waited when an earlier mount ended.
func (c *Cache) again(r record) {
	ch := &change{kind: r.Kind, path: string(r.Path), record: r.Object, base: r.Base}
	ch.doubt.tried = r.Tried
	for _, t := range r.Temps {
		ch.doubt.temps = append(ch.doubt.temps, string(t))
	}
	a := newAttr(0, c.o)
	switch r.Kind {
	case renaming:
		a, ch.to, ch.over = r.Base, string(r.To), *r.Over
		if f := c.liveAt(ch.to); f != nil { // what it takes the place of, of which the log says that it waits
			ch.doubt.tried = append(ch.doubt.tried, f.trials()...)
		}
	case setting:
		a, ch.set = r.Base, *r.Set
		Apply(&a, ch.set)
	case making, symlinking:
		a.Mode, a.Dev, a.Ino, a.Size = r.Mode, hereDev, c.ino.fresh(), int64(len(r.Target))
	}
	ch.entry = Entry{Target: string(r.Target), Attr: a}
	c.backlog.add(ch)
}

// resume has what one record tells of wait to be stored. What a program had closed
// goes to its name; so does a new file. What was being written over an older
// version when the mount died becomes a copy beside it.
func (c *Cache) resume(r record) error {
	if c.unchanged(r) {
		c.forgetRecord(r)
		return nil
	}
	path := string(r.Path)
	copied := r.partial()
	if copied { // under a name of which the host has nothing
		r.Base, r.Over, r.Tried, r.Path = Attr{}, nil, nil, []byte(c.freeName(path, "recovered"))
	}
	f, err := c.reopen(r)
	if err != nil {
		return err
	}
	defer f.release()
	if copied {
		c.log.Warn("a file was being written when an earlier mount died; what it had becomes a copy", "path", path, "copy", f.path())
		c.conflicts.add(Conflict{Kind: "recovered", Path: path, Copy: f.path()})
	}
	f.mu.Lock()
	f.queued = true
	err = f.noteLocked(true)
	f.mu.Unlock()
	c.backlog.addStore(f, f.path())
	return err
}

// freeName is a name for a copy that no file here has.
func (c *Cache) freeName(path, why string) string {
	for try := 0; ; try++ {
		if name := copyName(path, why, c.o.Hostname, try); c.liveAt(name) == nil {
			return name
		}
	}
}

func (c *Cache) forgetRecord(r record) {
	c.disk.unnote(r.Object)
	c.disk.removeFile(r.Object)
}

// partial tells whether a record is of contents that were being written over
// others, which a program may not have wanted anybody to see.
func (r record) partial() bool { return !r.Flushed && (r.Base.Ino != 0 || r.After) }

// reopen makes a File of a record.
func (c *Cache) reopen(r record) (*File, error) {
	if c.liveAt(string(r.Path)) != nil {
		return nil, fmt.Errorf("another version of it could not be stored either: %w", syscall.EBUSY)
	}
	o, err := c.disk.open(r.Object)
	if errors.Is(err, syscall.ENOENT) {
		c.disk.unnote(r.Object)
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	st, err := o.f.Stat()
	if err != nil {
		o.close()
		return nil, err
	}
	ino := c.ino.fresh()
	if n := c.ino.number(idOf(r.Base)); r.Base.Ino != 0 && c.byNumber(n) == nil {
		ino = n
	}
	f := c.acquire(ino, string(r.Path))
	f.mu.Lock()
	defer f.mu.Unlock()
	f.obj, f.base, f.dirty, f.noted, f.place = o, r.Base, true, true, r.Seq
	f.tried = r.Tried
	if r.Over != nil {
		f.over = *r.Over
	}
	f.attr = newAttr(r.Mode, c.o)
	f.attr.Size, f.attr.Mtime = st.Size(), st.ModTime().UnixNano()
	if r.Flushed {
		f.attr.Mtime = r.Mtime
		f.tried = append(f.tried, trial{f.attr.Size, r.Mtime})
	}
	for _, t := range r.Temps {
		f.temps = append(f.temps, string(t))
	}
	return f, nil
}

func (f *File) sequence() uint64 {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.seq
}
