package fusefs

import (
	"context"
	"errors"
	"os"
	"syscall"

	lru "github.com/hashicorp/golang-lru/v2"
)

// maxOdd bounds the errors that are remembered as logged.
const maxOdd = 1000

func newOdd() *lru.Cache[string, struct{}] {
	odd, _ := lru.New[string, struct{}](maxOdd) // fails for sizes below 1
	return odd
}

// errno is the number for an error of the cache. What no number can express
// is EIO. That says nothing of the reason, so it is logged, once for each operation
// and path: it may be a text of the host that has no number here.
//
// ENOSYS is never given: the kernel would remember it for the operation and
// not ask again, and take every later flush for a success.
func (f *FS) errno(op, path string, err error) syscall.Errno {
	no, ok := errors.AsType[syscall.Errno](err)
	switch {
	case err == nil:
		return 0
	case ok && no == syscall.ENOSYS:
		return syscall.EOPNOTSUPP
	case ok && no != syscall.EIO:
		f.log.Debug("refused", "op", op, "path", path, "err", err)
		return no
	case errors.Is(err, context.Canceled):
		return syscall.EINTR
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return syscall.ETIMEDOUT
	}
	if said, _ := f.odd.ContainsOrAdd(op+" "+path, struct{}{}); !said {
		f.log.Warn("input/output error", "op", op, "path", path, "err", err)
	}
	return syscall.EIO
}
