package cache

import (
	"slices"

	"golang.org/x/sys/unix"
)

// A file that is large for the cache passes through it: while it is read,
// what came first of it makes room for what comes, so that the other files in
// the cache stay.

// leastShare is what a single file may always have of the cache.
const leastShare = 32 << 20

// share is how many bytes of a file of a size may be here at a time.
func (d *disk) share(size int64) int64 {
	d.mu.Lock()
	room := d.room() + d.bytes
	d.mu.Unlock()
	if d.size > 0 {
		room = min(room, d.size)
	}
	if size <= room/2 {
		return 1 << 62
	}
	return max(room/2, leastShare)
}

// fits tells whether all of a file of a size may be here.
func (d *disk) fits(size int64) bool { return size <= d.share(size) }

// keepAll says that nothing is to be given up from now on, if a span is
// everything, or too much of it to be here together otherwise: its beginning would
// be given up before the end is here. And it says that this is too much for the
// disk, if it is.
func (t *content) keepAll(s span) error {
	all := s == everything
	s.End = min(s.End, t.attr.Size)
	if !all && s.End-s.Off <= t.most/2 {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.whole {
		return nil
	}
	var need int64
	for _, gap := range t.have.missing(s) {
		need += gap.End - gap.Off
	}
	if err := t.c.disk.reserve(need); err != nil {
		return err
	}
	t.whole = true
	return nil
}

// trim gives up what came first, while there is too much. It excludes those
// who read: they have looked whether the bytes are here.
func (t *content) trim() {
	if !t.crowded() {
		return
	}
	t.f.mu.Lock()
	defer t.f.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.crowdedLocked() && t.f.fill == t && len(t.order) > 1 {
		n := min(t.order[0].End-t.order[0].Off, partSize)
		s := span{t.order[0].Off, t.order[0].Off + n}
		if err := unix.Fallocate(int(t.obj.f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, s.Off, n); err != nil {
			t.c.log.Debug("the local disk cannot give up part of a file", "err", err)
			return
		}
		t.have.remove(s)
		if t.order[0].Off = s.End; t.order[0].Off == t.order[0].End {
			t.order = slices.Delete(t.order, 0, 1)
		}
	}
}

func (t *content) crowded() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.crowdedLocked()
}

func (t *content) crowdedLocked() bool {
	return !t.whole && t.most < t.attr.Size && t.have.bytes() > t.most
}
