package cache

import (
	"cmp"
	"context"
	"errors"
)

// How a file's changes wait for the host. They are flushed to the local disk
// then, with a record in the log, and do not change any more: who writes to the
// file meanwhile gets a copy to write to (keepLocked).

// overAttr is the version that the file will take the place of.
func (f *File) overAttr() Attr {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.over
}

func (f *File) moveOver(a Attr) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.over = a
	f.place = 0
}

// requeue has a file that was to be stored stored under its new name, after
// everything else.
func (f *File) requeue() {
	if f.isQueued() {
		f.c.backlog.addStore(f, f.path())
	}
}

func (f *File) isQueued() bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.queued
}

// storeLater makes sure that the changes of a file outlive this process and the
// machine's power, and leaves it to the backlog to tell the host. An error of
// an earlier attempt to do so is told once.
func (f *File) storeLater(ctx context.Context) error {
	earlier := f.failure()
	return cmp.Or(f.putOff(ctx), earlier)
}

func (f *File) putOff(ctx context.Context) error {
	if err := f.notice(); err != nil {
		return err
	}
	for {
		how, err := f.queue()
		switch {
		case err != nil:
			return err
		case how == needNow:
			return f.store(ctx)
		case how == deferred:
			return nil
		}
		// What was flushed before is on its way: this one follows it.
		unlock, err := f.lock(ctx)
		if err != nil {
			return err
		}
		unlock()
	}
}

// What queue and promise have done.
const (
	deferred = iota
	promised // it is in the log, and has to be synced
	needNow  // nothing: the file has to be stored now
	later    // nothing: try again once nobody has the file locked
)

// queue flushes what the file has. Nobody waits for the disk with the file's
// mutex held: who writes to the file meanwhile gets a copy to write to.
func (f *File) queue() (int, error) {
	f.mu.RLock()
	obj, queued := f.obj, f.queued
	need := f.dirty && len(f.paths) > 0 && !(queued && f.kept == nil && f.ended)
	f.mu.RUnlock()
	switch {
	case !need && queued: // somebody else may be about to sync it
		return deferred, f.c.disk.changes.sync()
	case !need:
		return deferred, nil
	}
	err := obj.f.Sync()
	how, err := f.promise(obj, err)
	if how != promised || err != nil {
		return how, err
	}
	err = f.c.disk.changes.sync()
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.queued && len(f.paths) > 0 {
		f.c.backlog.addStore(f, f.pathLocked()) // also if the disk fails: the host may not
	}
	return deferred, err
}

// promise writes down that an object has what was flushed, if it is still what
// the file has and could be synced. It does not change from now on.
func (f *File) promise(obj *object, synced error) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case synced != nil && f.obj == obj:
		return deferred, synced
	case !f.dirty || len(f.paths) == 0:
		return deferred, nil
	case f.stuck || (f.lent > 0 || f.writers > 0) && !f.c.apart():
		return needNow, nil
	case f.obj != obj || f.kept != nil && f.underway:
		return later, nil
	case f.lent > 0 || f.writers > 0:
		return promised, f.promiseCopyLocked()
	}
	f.place = 0
	if err := f.noteLocked(true); err != nil {
		return deferred, err
	}
	f.dropKeptLocked()
	f.queued = true
	return promised, nil
}

// promiseCopyLocked has a copy of what the file has wait for a host that is away,
// where others can write to the file, or read it, without our knowledge.
func (f *File) promiseCopyLocked() error {
	o, err := f.c.disk.create()
	if err != nil {
		return err
	}
	_, err = copyBytes(o.f, 0, f.obj.f, 0, f.attr.Size)
	if err = errors.Join(err, o.f.Sync()); err != nil {
		f.c.disk.discard(o)
		return err
	}
	f.dropKeptLocked()
	f.kept = &kept{o, f.attr, f.seq, f.c.backlog.number()}
	f.place = 0
	if err := f.noteKeptLocked(); err != nil {
		return err
	}
	f.queued = true
	if f.writers > 0 {
		return f.noteLocked(false) // it may have more since
	}
	f.unnoteLocked()
	return nil
}

// keptAllLocked tells whether what the file has is what was flushed.
func (f *File) keptAllLocked() bool { return f.kept != nil && f.kept.seq == f.seq }

func (f *File) hasKept() bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.kept != nil
}

// failure is the error of the last attempt to store the file in the
// background, once.
func (f *File) failure() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.failed
	f.failed = nil
	return err
}

// storeNow is storeLater, and waits until the host has the file. An error of an
// earlier attempt does not count when it has.
func (f *File) storeNow(ctx context.Context) error {
	_ = f.failure()
	if err := f.putOff(ctx); err != nil {
		return err
	}
	err := f.c.backlog.wait(ctx, func(ch *change) bool { return ch.file == f })
	return errors.Join(err, f.failure())
}

// kept is what a file had when it was flushed, and was written to before the
// host got it.
type kept struct {
	obj   *object
	attr  Attr
	seq   uint64
	place uint64 // in the order of changes
}

// keepLocked gives the file a copy of its contents to write to, of n bytes, if
// what it has is promised to the host.
func (f *File) keepLocked(n int64) error {
	if !f.queued || f.kept != nil {
		return nil
	}
	o, err := f.c.disk.create()
	if err != nil {
		return err
	}
	if _, err := copyBytes(o.f, 0, f.obj.f, 0, min(n, f.attr.Size)); err != nil {
		f.c.disk.discard(o)
		return err
	}
	f.kept = &kept{f.obj, f.attr, f.seq, f.place}
	f.obj, f.noted, f.ended, f.place = o, false, false, 0
	return nil
}

// dropKeptLocked forgets what the host has, or need not have any more.
func (f *File) dropKeptLocked() {
	if f.kept == nil {
		return
	}
	f.c.disk.unnote(f.kept.obj.name)
	f.c.disk.discard(f.kept.obj)
	f.kept = nil
}

// abandonLocked forgets what was to be stored of a file that has no name.
func (f *File) abandonLocked() {
	f.unnoteLocked()
	if !f.underway {
		f.dropKeptLocked()
	}
	f.queued = false
}
