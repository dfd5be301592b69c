package fsops

import (
	"fmt"
	"path/filepath"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// slots is how many files, and how many mappings, a process has open at a
// time.
const slots = 6

// Executor does operations below a directory, as one process. It is not for
// use by several goroutines at a time.
type Executor struct {
	root  string
	whole bool // times are compared in whole seconds
	fds   [slots]int
	maps  [slots][]byte
}

// NewExecutor makes an executor for a directory. On a file system whose times
// have no fractions, whole says so.
func NewExecutor(root string, whole bool) *Executor {
	e := &Executor{root: root, whole: whole}
	for i := range e.fds {
		e.fds[i] = -1
	}
	return e
}

// Do does an operation and says how it ended.
func (e *Executor) Do(op Op) string { return kinds[op.Kind].do(e, op) }

// Close closes all that is open.
func (e *Executor) Close() { e.closeAll(Op{}) }

func (e *Executor) path(p string) string { return e.root + "/" + p }

// said is the end of an operation that gives nothing but its success.
func said(err error) string {
	if err == nil {
		return "ok"
	}
	if no, ok := err.(unix.Errno); ok {
		return unix.ErrnoName(no)
	}
	return err.Error()
}

// withFd does something with an open file.
func (e *Executor) withFd(slot int, do func(fd int) string) string {
	if e.fds[slot] < 0 {
		return "not open"
	}
	return do(e.fds[slot])
}

// put puts a file into a slot, and closes the one that was there.
func (e *Executor) put(slot, fd int) string {
	s := "ok"
	if e.fds[slot] >= 0 {
		s = "closed " + said(unix.Close(e.fds[slot]))
	}
	e.fds[slot] = fd
	return s
}

func (e *Executor) open(op Op) string {
	fd, err := unix.Open(e.path(op.Path), op.Flags|unix.O_CLOEXEC|unix.O_NONBLOCK, op.Mode)
	if err != nil {
		return said(err)
	}
	return e.put(op.Slot, fd)
}

func (e *Executor) tmpfile(op Op) string {
	fd, err := unix.Open(e.path(op.Path), op.Flags|unix.O_TMPFILE|unix.O_CLOEXEC, op.Mode)
	if err != nil {
		return said(err)
	}
	return e.put(op.Slot, fd)
}

func (e *Executor) close(op Op) string {
	return e.withFd(op.Slot, func(fd int) string {
		e.fds[op.Slot] = -1
		return said(unix.Close(fd))
	})
}

func (e *Executor) dup(op Op) string {
	return e.withFd(op.Slot, func(fd int) string {
		other, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return said(err)
		}
		return e.put(op.Slot2, other)
	})
}

func (e *Executor) closeAll(Op) string {
	for i := range slots {
		e.unmap(Op{Slot: i})
		e.close(Op{Slot: i})
	}
	return "ok"
}

func (e *Executor) tree(Op) string {
	s, err := Snapshot(e.root, e.whole)
	if err != nil {
		return "tree: " + err.Error()
	}
	return s
}

func (e *Executor) statfs(op Op) string {
	var st unix.Statfs_t
	if err := unix.Statfs(e.path(op.Path), &st); err != nil {
		return said(err)
	}
	return fmt.Sprint("namelen ", st.Namelen)
}

// guarded does something with mapped memory, whose pages may be gone.
func guarded(do func() string) (result string) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if recover() != nil {
			result = "SIGBUS"
		}
	}()
	return do()
}

// under is the relative name of a path below a root.
func under(root, path string) string {
	name, err := filepath.Rel(root, path)
	if err != nil {
		return path
	}
	return name
}
