package scpio

import (
	"context"
	"fmt"
	"io"
)

// FetchRange writes size bytes of a regular file from an offset on to w, if
// the file is still the version have; else the error is [ErrChanged]. The
// range must lie within the file. When the file changes meanwhile the error
// is [ErrTorn], and what was written is worthless.
func (c *Client) FetchRange(ctx context.Context, path string, have Attr, off, size int64, w io.Writer) error {
	if off < 0 || size <= 0 || size > have.Size-off {
		return fail("fetch", path, fmt.Errorf("a range of %d bytes from %d in a file of %d", size, off, have.Size))
	}
	cmd := fmt.Sprintf("Z %s %s %d %d", c.arg(path), c.version(have), off, size)
	return c.retry(ctx, "fetch", path, func(sh *shell) error {
		if err := sh.send(cmd); err != nil {
			return err
		}
		return sh.fetchRange(c.abs(path), size, w)
	})
}

// fetchRange reads the answer to Z.
func (s *shell) fetchRange(abs string, size int64, w io.Writer) error {
	before, end, err := s.record(abs)
	if err != nil {
		return err
	}
	if end != nil {
		return orNoRecord(hostError(*end))
	}
	if _, err := io.CopyN(w, s.r, size); err != nil {
		return eof(err)
	}
	after, err := s.one(abs)
	if err == nil && !sameVersion(before.Attr, after.Attr) {
		err = &Error{Err: ErrTorn}
	}
	return err
}
