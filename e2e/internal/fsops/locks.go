package fsops

import (
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// What sort of lock an operation asks for, beside its type.
const (
	lockPosix = 0
	lockOFD   = 1 << 8
	lockFlock = 2 << 8
)

// lock takes or gives back a lock, or says who is in the way. It never waits.
func (e *Executor) lock(op Op) string {
	return e.withFd(op.Slot, func(fd int) string {
		kind := op.Flags & 0xff
		if op.Flags&lockFlock != 0 {
			how := map[int]int{unix.F_RDLCK: unix.LOCK_SH, unix.F_WRLCK: unix.LOCK_EX, unix.F_UNLCK: unix.LOCK_UN}[kind]
			return said(unix.Flock(fd, how|unix.LOCK_NB))
		}
		set, get := unix.F_SETLK, unix.F_GETLK
		if op.Flags&lockOFD != 0 {
			set, get = unix.F_OFD_SETLK, unix.F_OFD_GETLK
		}
		if op.Len%3 == 0 {
			return held(fd, get, region(op, kind))
		}
		l := region(op, kind)
		return said(unix.FcntlFlock(uintptr(fd), set, &l))
	})
}

func region(op Op, kind int) unix.Flock_t {
	return unix.Flock_t{Type: int16(kind), Whence: io.SeekStart, Start: op.Off, Len: op.Len}
}

func held(fd, get int, l unix.Flock_t) string {
	if err := unix.FcntlFlock(uintptr(fd), get, &l); err != nil {
		return said(err)
	}
	return fmt.Sprint("type ", l.Type, " ", l.Start, "+", l.Len)
}
