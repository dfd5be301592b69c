package cache

import (
	"context"
	"errors"
	"io"
	"syscall"
)

// store brings a file's changes to the host, and returns once it has them
// or has refused them. A file that is gone, or never had a name, has nobody
// to go to.
func (f *File) store(ctx context.Context) error {
	if !f.unsent() {
		return nil
	}
	leave, err := f.c.names.share(ctx)
	if err != nil {
		return err
	}
	defer leave()
	unlock, err := f.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return f.storeLocked(ctx)
}

// storeLocked is store for who has locked the file and shares the names. It
// stores what there was when it was called: who writes meanwhile flushes it
// too, and shall not keep others waiting.
func (f *File) storeLocked(ctx context.Context) error {
	if !f.unsent() {
		return nil
	}
	f.dropTemps(ctx)
	u, path, seq, err := f.upload()
	if err != nil {
		return err
	}
	stay := f.c.ino.leave(f.ino, u.Expect)
	a, err := f.send(ctx, path, u)
	if err != nil {
		stay()
	}
	switch {
	case err == nil:
		return f.stored(path, a, seq)
	case u.From != "" && refused(err):
		f.sendAll()
		return f.storeLocked(ctx)
	case errors.Is(err, syscall.ESTALE):
		return f.conflict(ctx, path, u)
	case u.Keep > 0 && refused(err):
		f.sendAll()
		return f.storeLocked(ctx)
	case f.sequence() != seq && !hasErrno(err):
		return f.storeLocked(ctx) // it was cut shorter under the upload
	}
	f.mayHave(u)
	return err
}

// refused tells whether an error is the host's answer to a store.
func refused(err error) bool {
	for _, lost := range []syscall.Errno{syscall.ENOTCONN, syscall.ETIMEDOUT, syscall.EINTR} {
		if errors.Is(err, lost) {
			return false
		}
	}
	return hasErrno(err)
}

func hasErrno(err error) bool {
	_, ok := errors.AsType[syscall.Errno](err)
	return ok
}

// mayHave remembers an upload that failed: the host may have it all the
// same, when it was only the answer that was lost.
func (f *File) mayHave(u Upload) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tried = &Attr{Size: u.Size, Mtime: u.Mtime}
}

// arrivedLate tells whether what the host has is an upload that was thought
// to have failed. The time of a store comes back to the microsecond.
func (f *File) arrivedLate(now Attr) bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	t := f.tried
	return t != nil && isRegular(now) && now.Size == t.Size && now.Mtime/1000 == t.Mtime/1000
}

// unsent tells whether the host lacks something that it can be given.
func (f *File) unsent() bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.dirty && len(f.paths) > 0
}

// leastKept is the least that the host is asked to copy of what it has, in
// bytes, rather than being sent it once more.
const leastKept = 64 << 10

// upload is what is to be sent now. Writes may go on meanwhile: then the
// file is sent once more, after seq.
func (f *File) upload() (Upload, string, uint64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	temp := f.newTempLocked()
	if err := f.noteLocked(true); err != nil {
		return Upload{}, "", 0, err
	}
	u := Upload{
		Contents: io.NewSectionReader(f.obj.f, 0, f.attr.Size),
		Size:     f.attr.Size,
		Mode:     f.attr.Mode,
		Atime:    f.attr.Atime,
		Mtime:    f.attr.Mtime,
		Expect:   f.base,
		Temp:     temp,
	}
	f.same.stored = f.attr.Size
	switch {
	case f.from != nil && f.from.seq == f.seq && f.from.base.Size == f.attr.Size:
		u.From, u.FromHave = f.from.path, f.from.base
	case f.base.Ino != 0 && f.same.base >= leastKept:
		u.Keep = f.same.base
	}
	return u, f.pathLocked(), f.seq, nil
}

// send stores an upload.
func (f *File) send(ctx context.Context, path string, u Upload) (Attr, error) {
	a, err := f.c.remote.Store(ctx, path, u)
	if err == nil || errors.Is(err, syscall.ESTALE) {
		f.tempGone(u.Temp)
	} else if a.Ino != 0 {
		f.rebase(a) // half of it was copied into the file: no foreign change
	}
	return a, err
}

// sendAll says that the host cannot make anything of the contents from what
// it has: they have to be sent.
func (f *File) sendAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.from = nil
	f.alteredLocked(0)
}

// stored takes in that the host has what was sent at seq, as version a.
func (f *File) stored(path string, a Attr, seq uint64) error {
	c := f.c
	was := c.ino.number(idOf(a))
	c.ino.bind(f.ino, idOf(a))
	if was != f.ino {
		c.disk.noteAlias(idOf(a), f.ino)
	}
	c.changed(path)
	c.tree.put(path, Entry{Attr: a})
	if linked(a) {
		c.tree.expireLinks(idOf(a))
		c.tree.put(path, Entry{Attr: a})
	}
	c.tell(Notice{Path: path, Attr: true})
	f.mu.Lock()
	defer f.mu.Unlock()
	f.base, f.racy, f.tried = a, false, nil
	f.same.base = min(f.same.stored, a.Size)
	if f.seq != seq {
		return f.noteLocked(false)
	}
	f.attr = a
	f.dirty = false
	if f.writers > 0 {
		return f.noteLocked(false)
	}
	f.unnoteLocked()
	return nil
}
