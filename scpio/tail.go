package scpio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"syscall"
)

// FetchTail gives what a regular file has from an offset on, at most so many
// bytes, and its attributes just after that. Unlike [Client.FetchRange] it
// expects no version: a log that is written to all the time never stays one for
// long. Bytes that were cut off meanwhile are zeros; the attributes tell.
func (c *Client) FetchTail(ctx context.Context, path string, off, most int64) (Attr, []byte, error) {
	if off < 0 || most <= 0 {
		return Attr{}, nil, fail("fetch", path, fmt.Errorf("a tail of %d bytes from %d", most, off))
	}
	var a Attr
	var tail []byte
	cmd := fmt.Sprintf("grown %s %d %d", c.arg(path), off, most)
	err := c.transfer(ctx, c.retry, "fetch", path, func(sh *shell) (err error) {
		if err := sh.send(cmd); err != nil {
			return err
		}
		a, tail, err = sh.fetchTail(c.abs(path), most)
		return err
	})
	return a, tail, err
}

// fetchTail reads the answer to grown.
func (s *shell) fetchTail(abs string, most int64) (Attr, []byte, error) {
	first, err := s.r.Peek(1)
	if err != nil {
		return Attr{}, nil, eof(err)
	}
	if first[0] != '\n' {
		return Attr{}, nil, orNoRecord(s.ended(""))
	}
	s.r.Discard(1)
	line, err := s.r.ReadSlice('\n')
	if err != nil {
		return Attr{}, nil, eof(err)
	}
	n, err := strconv.ParseInt(strings.TrimSuffix(string(line), "\n"), 10, 64)
	if err != nil || n < 0 || n > most {
		return Attr{}, nil, errors.Join(errors.New("a malformed length of a tail"), syscall.EPROTO)
	}
	tail := make([]byte, n)
	if _, err := io.ReadFull(s.r, tail); err != nil {
		return Attr{}, nil, eof(err)
	}
	e, err := s.one(abs)
	return e.Attr, tail, err
}
