package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
)

// recover takes over what an earlier mount has left: clean contents, inode
// numbers, and the changes that it did not send. These are sent now. What
// cannot be sent stays in the log.
func (c *Cache) recover(ctx context.Context) error {
	logged, err := c.disk.records(c.o.Dir)
	if err != nil {
		return err
	}
	objects := map[string]bool{}
	for _, r := range logged {
		objects[r.Object] = true
	}
	if err := c.disk.load(objects, c.ino); err != nil {
		return err
	}
	for _, r := range logged {
		if r.Kind != storing {
			c.again(ctx, r)
			continue
		}
		resume := c.resume
		if c.Offline() {
			resume = c.resumeLater
		}
		if err := resume(ctx, r); err != nil {
			c.log.Warn("a file of an earlier mount could not be stored; its contents are kept here",
				"path", string(r.Path), "dir", c.disk.dir, "object", r.Object, "err", err)
		}
	}
	return nil
}

// again makes a change that waited when an earlier mount ended. If the host is
// away it goes on waiting.
func (c *Cache) again(ctx context.Context, r record) {
	ch := &change{kind: r.Kind, path: string(r.Path), record: r.Object, base: r.Base}
	ch.doubt.tried = r.Tried
	for _, t := range r.Temps {
		ch.doubt.temps = append(ch.doubt.temps, string(t))
	}
	a := newAttr(0, c.o)
	switch r.Kind {
	case renaming:
		a, ch.to, ch.over = r.Base, string(r.To), *r.Over
	case setting:
		a, ch.set = r.Base, *r.Set
		Apply(&a, ch.set)
	case making, symlinking:
		a.Mode, a.Dev, a.Ino, a.Size = r.Mode, hereDev, c.ino.fresh(), int64(len(r.Target))
	}
	ch.entry = Entry{Target: string(r.Target), Attr: a}
	c.backlog.add(ch)
	if c.Offline() {
		return
	}
	if err := c.send(ctx, c.backlog.all()); err != nil {
		c.log.Warn("a change of an earlier mount waits for the host", "change", string(ch.kind), "path", ch.path, "err", err)
	}
}

// resume sends what one record tells of.
func (c *Cache) resume(ctx context.Context, r record) error {
	if c.unchanged(r) {
		c.forgetRecord(r)
		return nil
	}
	f, err := c.reopen(r)
	if err != nil {
		return err
	}
	defer f.release()
	leave, err := c.names.share(ctx)
	if err != nil {
		return err
	}
	defer leave()
	f.dropTemps(ctx)
	return f.resend(ctx, r)
}

// resumeLater puts what one record tells of into the backlog. What was being
// written over an older version when the mount died becomes a copy, as in resume.
func (c *Cache) resumeLater(_ context.Context, r record) error {
	if c.unchanged(r) {
		c.forgetRecord(r)
		return nil
	}
	path := string(r.Path)
	copied := r.partial()
	if copied {
		r.Base, r.Path = Attr{}, []byte(c.freeName(path, "recovered"))
	}
	f, err := c.reopen(r)
	if err != nil {
		return err
	}
	defer f.release()
	if copied {
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

// resend stores a file of an earlier mount. What a program had closed goes
// to its name; so does a new file. What was being written over an older
// version when the mount died is kept as a copy beside it.
func (f *File) resend(ctx context.Context, r record) error {
	path := f.path()
	if r.Flushed {
		if a, ok := f.arrived(ctx, path); ok {
			return f.stored(path, a, f.sequence())
		}
	}
	if r.partial() {
		name, err := f.storeAs(ctx, path, "recovered")
		if err == nil {
			f.c.log.Warn("a file was being written when an earlier mount died; what it had is stored as a copy", "path", path, "copy", name)
		}
		return err
	}
	err := f.storeLocked(ctx)
	if errors.Is(err, syscall.ESTALE) && !f.unsent() {
		return nil // both were kept, and it was said
	}
	return err
}

func (f *File) sequence() uint64 {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.seq
}

// arrived tells whether the host has the very contents already: the mount
// died between the store and the note of it.
func (f *File) arrived(ctx context.Context, path string) (Attr, bool) {
	now, err := f.c.remote.Stat(ctx, path)
	f.mu.RLock()
	size, base, over := f.attr.Size, f.base, f.over
	f.mu.RUnlock()
	if err != nil || !isRegular(now.Attr) || now.Attr.Size != size || sameVersion(now.Attr, base) || sameContents(now.Attr, over) {
		return Attr{}, false
	}
	same := &comparer{f: f}
	got, err := f.c.remote.Fetch(ctx, path, Attr{}, func(Attr) (io.Writer, error) {
		*same = comparer{f: f}
		return same, nil
	})
	return got, err == nil && !same.differs
}

// comparer compares what is written to it with a file's contents.
type comparer struct {
	f       *File
	off     int64
	differs bool
}

func (c *comparer) Write(p []byte) (int, error) {
	ours := make([]byte, len(p))
	n, _ := c.f.obj.f.ReadAt(ours, c.off)
	c.differs = c.differs || !bytes.Equal(ours[:n], p)
	c.off += int64(len(p))
	return len(p), nil
}
