package cache

import (
	"errors"
	"io"
)

// Contents that are complete can be lent: somebody else, the kernel, then
// reads them without asking. All who do so have one and the same local file,
// until the last has returned it. So a newer version that is met meanwhile is
// written into that file, as the host did with its own, and so are our changes.

// Lend lends the contents and gives their descriptor, if they are complete.
// Return must be called before Release; until then the descriptor is valid,
// and the same for everybody.
func (h *Handle) Lend() (fd int, ok bool) {
	f := h.f
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fill != nil || f.queued {
		return -1, false
	}
	f.lent++
	return int(f.obj.f.Fd()), true
}

// Return is the end of what Lend began.
func (h *Handle) Return() {
	h.f.mu.Lock()
	defer h.f.mu.Unlock()
	if h.watched {
		h.f.refs++
		h.f.c.loops.Go(h.f.outlive)
		return
	}
	h.f.lent--
}

// errLent says that contents cannot become ones that are still on their way.
var errLent = errors.New("the contents are lent")

// installLocked makes an object the file's. If the one it has is lent, that
// takes over what the other has; what was there is gone then, also after an
// error.
func (f *File) installLocked(o *object) error {
	if f.obj == nil {
		f.obj = o
		return nil
	}
	f.c.tell(Notice{Ino: f.ino})
	if f.lent == 0 {
		f.c.disk.discard(f.obj)
		f.obj = o
		return nil
	}
	defer f.c.disk.discard(o)
	f.obj.turn++
	f.racy = true // fetched again by the next open, if this one fails
	size, err := o.size()
	if err == nil {
		_, err = io.Copy(io.NewOffsetWriter(f.obj.f, 0), io.NewSectionReader(o.f, 0, size))
	}
	if err == nil {
		err = f.obj.f.Truncate(size) // at the end: who has it mapped must not find it empty
	}
	return err
}
