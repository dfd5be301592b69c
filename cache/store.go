package cache

import (
	"context"
	"errors"
	"io"
	"slices"
	"syscall"
)

// store brings a file's changes to the host, and returns once it has them
// or has refused them. A file that is gone, or never had a name, has nobody
// to go to.
func (f *File) store(ctx context.Context) error {
	if !f.unsent() {
		return nil
	}
	seq := f.sequence()
	err := f.storeInTurn(ctx)
	if err != nil {
		f.noteEnd(seq)
	}
	return err
}

// storeInTurn is store of what depends on changes of the backlog.
func (f *File) storeInTurn(ctx context.Context) error {
	path := f.path()
	if err := f.c.backlog.wait(ctx, func(ch *change) bool {
		return ch.file != f && (below(path, ch.path) || ch.kind == renaming && ch.to == path)
	}); err != nil {
		return err
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
	for {
		more := f.hasKept() // what was flushed goes first
		err := f.storeLocked(ctx)
		if err != nil || !more {
			return f.tell(err)
		}
	}
}

// storeLocked is store for who has locked the file and shares the names. It
// stores what there was when it was called: who writes meanwhile flushes it
// too, and shall not keep others waiting.
func (f *File) storeLocked(ctx context.Context) error {
	if !f.unsent() {
		return nil
	}
	if err := f.dropTemps(ctx); away(err) {
		return err // who waits has waited long enough
	}
	u, path, seq, err := f.upload()
	if err != nil {
		return err
	}
	defer f.landed()
	stay := func() {}
	if f.baseAttr().Ino != 0 {
		stay = f.c.ino.leave(f.ino, u.Expect)
	}
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
	return hasErrno(err) && !away(err) && !errors.Is(err, syscall.EINTR)
}

func hasErrno(err error) bool {
	_, ok := errors.AsType[syscall.Errno](err)
	return ok
}

// trial is the size and the time of an upload.
type trial struct{ Size, Mtime int64 }

// maxTrials bounds the uploads that are remembered of a file. There are several
// where it was saved again before the host had heard of the one before.
const maxTrials = 8

// mayHave remembers an upload that failed: the host may have it all the
// same, when it was only the answer that was lost.
func (f *File) mayHave(u Upload) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tried = append(f.tried[max(0, len(f.tried)+1-maxTrials):], trial{u.Size, u.Mtime})
}

// arrivedLate tells whether what the host has is an upload that was thought
// to have failed.
func (f *File) arrivedLate(now Attr) bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return isOneOf(now, f.tried)
}

// trials are the uploads of the file that the host may have.
func (f *File) trials() []trial {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return slices.Clone(f.tried)
}

// isOneOf tells whether a file is one of some uploads. The time of a store comes
// back to the microsecond.
func isOneOf(a Attr, tried []trial) bool {
	same := func(t trial) bool { return a.Size == t.Size && a.Mtime/1000 == t.Mtime/1000 }
	return isRegular(a) && slices.ContainsFunc(tried, same)
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
	if f.kept != nil {
		return f.uploadKeptLocked(temp)
	}
	if err := f.noteLocked(true); err != nil {
		return Upload{}, "", 0, err
	}
	u := f.uploadLocked(f.obj, f.attr, temp)
	f.same.stored = f.attr.Size
	switch {
	case f.from != nil && f.from.seq == f.seq && f.from.base.Size == f.attr.Size:
		u.From, u.FromHave = f.from.path, f.from.base
	case f.base.Ino != 0 && f.same.base >= leastKept:
		u.Keep = f.same.base
	}
	return u, f.pathLocked(), f.seq, nil
}

func (f *File) uploadLocked(o *object, a Attr, temp string) Upload {
	f.underway = true
	u := Upload{
		Contents: io.NewSectionReader(o.f, 0, a.Size),
		Size:     a.Size,
		Mode:     a.Mode,
		Atime:    a.Atime,
		Mtime:    a.Mtime,
		Expect:   f.base,
		Temp:     temp,
	}
	if f.base.Ino == 0 {
		u.Expect = f.over
	}
	return u
}

// uploadKeptLocked is upload of what was flushed before the file was written to
// again.
func (f *File) uploadKeptLocked(temp string) (Upload, string, uint64, error) {
	k := f.kept
	if err := f.noteKeptLocked(); err != nil {
		return Upload{}, "", 0, err
	}
	u := f.uploadLocked(k.obj, k.attr, temp)
	f.same.stored = min(f.same.base, k.attr.Size)
	if f.base.Ino != 0 && f.same.stored >= leastKept {
		u.Keep = f.same.stored
	}
	return u, f.pathLocked(), k.seq, nil
}

// landed says that the upload has ended, and what became of it is known of the
// file: till then what is being uploaded stays in the log, and nothing is flushed
// in its place.
func (f *File) landed() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.underway = false
	if len(f.paths) == 0 && !f.queued {
		f.dropKeptLocked()
	}
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

// stored takes in that the host has what was sent at seq, as version a. ESTALE says
// that it was not stored in the place of another one.
func (f *File) stored(path string, a Attr, seq uint64) error {
	err := f.storedAs(path, a, seq)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.beside && err == nil {
		f.beside, err = false, syscall.ESTALE
	}
	return err
}

func (f *File) storedAs(path string, a Attr, seq uint64) error {
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
	f.base, f.over, f.racy, f.tried, f.stuck = a, Attr{}, false, nil, false
	f.same.base = min(f.same.stored, a.Size)
	switch {
	case f.keptAllLocked() && f.seq == seq: // it was a copy of what there is
		f.dropKeptLocked()
	case f.kept != nil && f.kept.seq == seq: // and what there is now goes on from it
		f.dropKeptLocked()
		f.queued = false
		return f.noteLocked(false)
	case f.seq != seq: // of what is queued only attributes have changed
		return f.noteLocked(f.queued)
	}
	f.queued = false
	f.attr = a
	f.dirty = false
	if f.writers > 0 {
		return f.noteLocked(false)
	}
	f.unnoteLocked()
	return nil
}
