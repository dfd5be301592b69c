package fusefs

import (
	"context"
	"errors"
	"os"
	"syscall"
)

// errno is the number for an error of the cache. What no number can express
// is EIO, and is logged once for each operation and path.
//
// ENOSYS is never given: the kernel would remember it for the operation and
// not ask again, and take every later flush for a success.
func (f *FS) errno(op, path string, err error) syscall.Errno {
	if err == nil {
		return 0
	}
	if no, ok := errors.AsType[syscall.Errno](err); ok {
		if no == syscall.ENOSYS {
			return syscall.EOPNOTSUPP
		}
		f.log.Debug("refused", "op", op, "path", path, "err", err)
		return no
	}
	switch {
	case errors.Is(err, context.Canceled):
		return syscall.EINTR
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return syscall.ETIMEDOUT
	}
	if _, said := f.odd.LoadOrStore(op+" "+path, true); !said {
		f.log.Warn("an error without a number", "op", op, "path", path, "err", err)
	}
	return syscall.EIO
}
