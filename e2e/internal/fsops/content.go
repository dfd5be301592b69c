package fsops

import (
	"errors"
	"fmt"
	"hash/fnv"
	"slices"

	"golang.org/x/sys/unix"
)

// pattern is n bytes that no other seed has.
func pattern(seed uint64, n int64) []byte {
	b := make([]byte, n)
	x := seed*0x9e3779b97f4a7c15 | 1
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x)
	}
	return b
}

// sum describes bytes.
func sum(b []byte) string {
	h := fnv.New64a()
	h.Write(b)
	return fmt.Sprintf("%d bytes %016x [% x]", len(b), h.Sum64(), b[:min(len(b), 4)])
}

func got(b []byte, n int, err error) string {
	if err != nil {
		return said(err)
	}
	return sum(b[:n])
}

func count(n int, err error) string {
	if err != nil {
		return said(err)
	}
	return fmt.Sprint(n)
}

func (e *Executor) read(op Op) string {
	return e.withFd(op.Slot, func(fd int) string {
		b := make([]byte, op.Len)
		n, err := unix.Read(fd, b)
		return got(b, n, err)
	})
}

func (e *Executor) pread(op Op) string {
	return e.withFd(op.Slot, func(fd int) string {
		b := make([]byte, op.Len)
		n, err := unix.Pread(fd, b, op.Off)
		return got(b, n, err)
	})
}

func (e *Executor) write(op Op) string {
	return e.withFd(op.Slot, func(fd int) string { return count(unix.Write(fd, pattern(op.Seed, op.Len))) })
}

func (e *Executor) pwrite(op Op) string {
	return e.withFd(op.Slot, func(fd int) string { return count(unix.Pwrite(fd, pattern(op.Seed, op.Len), op.Off)) })
}

func (e *Executor) lseek(op Op) string {
	return e.withFd(op.Slot, func(fd int) string {
		n, err := unix.Seek(fd, op.Off, op.Flags)
		if isDirFd(fd) {
			return "a directory"
		}
		return count(int(n), err)
	})
}

// seekData says whether a search for data or a hole skipped nothing it should
// not have. Where holes are is the file system's own affair.
func (e *Executor) seekData(op Op) string {
	return e.withFd(op.Slot, func(fd int) string {
		if isDirFd(fd) {
			return "a directory"
		}
		at, err := unix.Seek(fd, 0, unix.SEEK_CUR)
		if err != nil {
			return said(err)
		}
		defer unix.Seek(fd, at, unix.SEEK_SET)
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return said(err)
		}
		n, err := unix.Seek(fd, op.Off, op.Flags)
		if op.Off >= st.Size {
			return said(err)
		}
		return e.skipped(fd, op, n, st.Size, err)
	})
}

func (e *Executor) skipped(fd int, op Op, n, size int64, err error) string {
	if op.Flags == unix.SEEK_HOLE {
		if err != nil || n < op.Off || n > size {
			return fmt.Sprint("a hole at ", n, " ", said(err))
		}
		return "ok"
	}
	if errors.Is(err, unix.ENXIO) {
		n = size
	} else if err != nil || n < op.Off || n >= size {
		return fmt.Sprint("data at ", n, " ", said(err))
	}
	b := make([]byte, n-op.Off)
	if read, err := unix.Pread(fd, b, op.Off); errors.Is(err, unix.EBADF) {
		return "ok" // not open for reading
	} else if err != nil || slices.ContainsFunc(b[:read], func(c byte) bool { return c != 0 }) {
		return fmt.Sprint("data before ", n, " ", said(err))
	}
	return "ok"
}

func isDirFd(fd int) bool {
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR
}

func (e *Executor) ftruncate(op Op) string {
	return e.withFd(op.Slot, func(fd int) string { return said(unix.Ftruncate(fd, op.Len)) })
}

func (e *Executor) truncate(op Op) string { return said(unix.Truncate(e.path(op.Path), op.Len)) }

func (e *Executor) fsync(op Op) string {
	return e.withFd(op.Slot, func(fd int) string {
		if op.Flags == 0 {
			return said(unix.Fsync(fd))
		}
		return said(unix.Fdatasync(fd))
	})
}

func (e *Executor) fallocate(op Op) string {
	return e.withFd(op.Slot, func(fd int) string { return said(unix.Fallocate(fd, uint32(op.Flags), op.Off, op.Len)) })
}

// copyRange copies all it can, as programs do.
func (e *Executor) copyRange(op Op) string {
	return e.withFd(op.Slot, func(from int) string {
		return e.withFd(op.Slot2, func(to int) string {
			off, out, left := op.Off, op.To, int(op.Len)
			for left > 0 {
				n, err := unix.CopyFileRange(from, &off, to, &out, left, 0)
				if err != nil {
					return said(err)
				}
				if n == 0 {
					break
				}
				left -= n
			}
			return fmt.Sprint(int(op.Len)-left, " copied")
		})
	})
}

// cat reads a whole file by its name. It does not wait for the writer of a
// FIFO.
func (e *Executor) cat(op Op) string {
	fd, err := unix.Open(e.path(op.Path), unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return said(err)
	}
	defer unix.Close(fd)
	var all []byte
	for buf := make([]byte, 64<<10); ; {
		n, err := unix.Read(fd, buf)
		if n <= 0 {
			return got(all, len(all), err)
		}
		all = append(all, buf[:n]...)
	}
}
