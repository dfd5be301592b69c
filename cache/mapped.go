package cache

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"time"

	"golang.org/x/sys/unix"
)

// A file that is lent can be opened for writing as well: write(2) comes here,
// but a mapping of it is one of the local file, and nobody tells what is
// written to that. It lasts, too, after its handle was closed. The time of the
// local file does not tell either, since pages once written to are written to
// again without a word. So the contents are compared with what they were, at
// each flush and when nobody can write any more; and as long as somebody can, a
// record in the log says what they were.

// Watch prepares for what is written to lent contents by mappings. It must
// return before anybody can make one by this handle, which has to be one that
// writes.
func (h *Handle) Watch() error {
	f := h.f
	sum, err := f.obj.digest() // lent: nobody puts another in its place
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.writers == 0 {
		f.sum = sum
	}
	f.writers++
	h.watched = true
	if f.dirty {
		return nil // the log has it
	}
	return f.noteLocked(false)
}

// notice looks whether the contents have been changed by a mapping.
func (f *File) notice() error {
	if !f.isWatched() {
		return nil
	}
	sum, err := f.obj.digest()
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if sum == f.sum {
		return nil
	}
	f.alteredLocked(0)
	if f.dirty {
		f.seq++
	} else if err := f.touchLocked(); err != nil {
		return err
	}
	f.sum = sum
	return nil
}

func (f *File) isWatched() bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.writers > 0
}

// mappedEvery is how often it is looked whether a mapping is still there.
const mappedEvery = time.Second

// outlive keeps a file that was watched until nobody can write to it any
// more, and has what was written stored. At the end of the mount Close does.
func (f *File) outlive() {
	tick := time.NewTicker(mappedEvery)
	defer tick.Stop()
	for f.obj.elsewhere() && f.c.ctx.Err() == nil {
		select {
		case <-tick.C:
		case <-f.c.ctx.Done():
		}
	}
	if err := f.notice(); err != nil {
		f.c.log.Warn("it cannot be told whether a file was changed", "path", f.path(), "err", err)
	}
	f.unwatch()
	if f.c.ctx.Err() != nil {
		return
	}
	if err := f.storeAgain(f.c.ctx); err != nil {
		f.c.log.Warn("a file could not be stored; its contents are kept here", "path", f.path(), "err", err)
	}
	f.releaseHere()
}

func (f *File) unwatch() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lent--
	f.writers--
	if f.writers == 0 && (!f.dirty || f.keptAllLocked()) {
		f.unnoteLocked()
	}
}

// unchanged tells whether what a record is about is what it was when somebody
// became able to change it.
func (c *Cache) unchanged(r record) bool {
	if len(r.Sum) == 0 {
		return false
	}
	o, err := c.disk.open(r.Object)
	if err != nil {
		return false
	}
	defer o.close()
	sum, err := o.digest()
	return err == nil && bytes.Equal(sum[:], r.Sum)
}

// digest stands for the contents of an object.
func (o *object) digest() (sum [sha256.Size]byte, err error) {
	size, err := o.size()
	if err != nil {
		return sum, err
	}
	h := sha256.New()
	_, err = io.Copy(h, io.NewSectionReader(o.f, 0, size))
	return [sha256.Size]byte(h.Sum(nil)), err
}

// elsewhere tells whether anybody but us has an object open or mapped: the
// kernel gives us no lease on it then, see fcntl(2).
func (o *object) elsewhere() bool {
	_, err := unix.FcntlInt(o.f.Fd(), unix.F_SETLEASE, unix.F_WRLCK)
	if err != nil {
		return errors.Is(err, unix.EAGAIN)
	}
	_, err = unix.FcntlInt(o.f.Fd(), unix.F_SETLEASE, unix.F_UNLCK)
	return err != nil
}
