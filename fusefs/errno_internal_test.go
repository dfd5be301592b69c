package fusefs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"syscall"
	"testing"
)

// TestErrno: each error has a number, and "input/output error" is logged with its
// reason, once: it is all that a program sees of what the host says in other words.
func TestErrno(t *testing.T) {
	var log bytes.Buffer
	f := &FS{log: slog.New(slog.NewTextHandler(&log, nil)), odd: newOdd()}
	for _, e := range []struct {
		err  error
		want syscall.Errno
	}{
		{nil, 0},
		{fmt.Errorf("rmdir: %w", syscall.ENOTEMPTY), syscall.ENOTEMPTY},
		{fmt.Errorf("setxattr: %w", syscall.ENOSYS), syscall.EOPNOTSUPP},
		{context.Canceled, syscall.EINTR},
		{context.DeadlineExceeded, syscall.ETIMEDOUT},
		{fmt.Errorf("no fork today: %w", syscall.EIO), syscall.EIO},
		{fmt.Errorf("no fork today: %w", syscall.EIO), syscall.EIO},
	} {
		if no := f.errno("mkdir", "dir", e.err); no != e.want {
			t.Errorf("%v: got %v, want %v", e.err, no, e.want)
		}
	}
	f.errno("rmdir", "dir", errors.New("no number"))
	if got := log.String(); strings.Count(got, "level=WARN") != 2 || !strings.Contains(got, "no fork today") || !strings.Contains(got, "no number") {
		t.Errorf("logged:\n%s", got)
	}
}
