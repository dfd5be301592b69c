package scpio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
)

// FetchRange writes size bytes of a regular file from an offset on to w, if
// the file is still the version have; else the error is [ErrChanged]. The
// range must lie within the file. When the file changes meanwhile the error
// is [ErrTorn], and what was written is worthless. After the loss of a
// connection only what is missing is asked for.
func (c *Client) FetchRange(ctx context.Context, path string, have Attr, off, size int64, w io.Writer) error {
	if off < 0 || size <= 0 || size > have.Size-off {
		return fail("fetch", path, fmt.Errorf("a range of %d bytes from %d in a file of %d", size, off, have.Size))
	}
	came := &counter{w: w}
	return c.transfer(ctx, c.retry, "fetch", path, func(sh *shell) error {
		// If all came but the end of the answer, the last byte is asked for
		// again, for what the answer says of the version.
		from, skip := came.n, int64(0)
		if from == size {
			from, skip = size-1, 1
		}
		if err := sh.send(fmt.Sprintf("Z %s %s %d %d", c.arg(path), c.version(have), off+from, size-from)); err != nil {
			return err
		}
		return sh.fetchRange(size-from, skip, came)
	})
}

// counter counts what it lets pass.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// fetchRange reads the answer to Z, of which the first bytes may be here.
func (s *shell) fetchRange(size, skip int64, w io.Writer) error {
	first, err := s.r.Peek(1)
	if err != nil {
		return eof(err)
	}
	if first[0] != '\n' {
		return orNoRecord(s.ended(""))
	}
	s.r.Discard(1)
	if _, err := s.r.Discard(int(skip)); err != nil {
		return eof(err)
	}
	if err := copyN(w, s.r, size-skip); err != nil {
		return eof(err)
	}
	padding, err := s.skipZeros(size)
	if err != nil {
		return err
	}
	err = s.ended("")
	switch {
	case errors.Is(err, ErrChanged):
		return &Error{Err: ErrTorn}
	case err == nil && padding:
		return syscall.EPROTO
	}
	return err
}

// skipZeros reads the zeros that come next, at most so many, and tells whether
// there were any.
func (s *shell) skipZeros(most int64) (bool, error) {
	for n := int64(0); ; n++ {
		b, err := s.r.ReadByte()
		if err != nil {
			return false, eof(err)
		}
		if b != 0 {
			return n > 0, s.r.UnreadByte()
		}
		if n == most {
			return false, syscall.EPROTO
		}
	}
}
