package scpio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
)

// Fetch brings a regular file: it calls begin with the attributes that the
// file has now, and writes the contents to what that returns. If the file is
// still the version of have, nothing is sent and begin is not called; a zero
// have asks for the contents in any case. begin is called again, and all of
// the contents are sent again, when the connection is lost before the end.
//
// The attributes are read before the transfer and after it, all in the one
// command. When they differ the contents may be a mixture, and the error is
// [ErrTorn]. It is a *[Error] with the host's own words when the contents
// could not be read to their end; what was written is worthless then.
func (c *Client) Fetch(ctx context.Context, path string, have Attr, begin func(Attr) (io.Writer, error)) (Attr, error) {
	cmd := "F " + c.arg(path) + " -"
	if have.Ino != 0 {
		cmd = "F " + c.arg(path) + " " + c.version(have)
	}
	var got Attr
	err := c.transfer(ctx, c.retry, "fetch", path, func(sh *shell) error {
		if err := sh.send(cmd); err != nil {
			return err
		}
		var err error
		got, err = sh.fetch(c.abs(path), begin)
		return err
	})
	return got, err
}

// fetch reads the answer to F.
func (s *shell) fetch(abs string, begin func(Attr) (io.Writer, error)) (Attr, error) {
	before, end, err := s.record(abs)
	if err != nil {
		return Attr{}, err
	}
	if end != nil {
		return Attr{}, orNoRecord(hostError(*end))
	}
	sends, err := s.scpNext()
	if err != nil {
		return Attr{}, err
	}
	if !sends {
		return before.Attr, s.unsent(abs)
	}
	failed := s.contents(before.Attr, begin)
	if errors.Is(failed, ErrDesync) {
		return Attr{}, failed
	}
	after, err := s.one(abs)
	switch {
	case failed != nil:
		return Attr{}, failed
	case err != nil:
		return Attr{}, err
	case !sameVersion(before.Attr, after.Attr):
		return Attr{}, &Error{Err: ErrTorn}
	}
	return after.Attr, nil
}

func orNoRecord(err error) error {
	if err == nil {
		return &Error{Err: syscall.EPROTO}
	}
	return err
}

// scpNext tells whether the stream of an scp comes next, and not a record or
// the answer's end.
func (s *shell) scpNext() (bool, error) {
	first, err := s.r.Peek(1)
	if err != nil {
		return false, eof(err)
	}
	return first[0] != '=' && first[0] != s.marker[0], nil
}

// unsent reads the rest of an answer to F in which no scp says anything. If that
// is the end alone, nothing had to be sent; where an scp should have said
// something the attributes come again.
func (s *shell) unsent(abs string) error {
	for _, err := range s.records(abs) {
		if err != nil {
			return err
		}
		return fmt.Errorf("scp sent nothing: %w", syscall.EIO)
	}
	return nil
}

// contents reads what a source says of one file. The name it gives is not
// looked at: what is asked for by one path can only be one file.
func (s *shell) contents(a Attr, begin func(Attr) (io.Writer, error)) error {
	size := int64(-1)
	var to local
	_, err := NewReader(s.r).ReadFile("", func(r Record) (io.Writer, error) {
		size = r.Size
		if size != a.Size || !isRegular(a) {
			return io.Discard, nil
		}
		to = local{sh: s, left: size}
		to.w, to.err = begin(a)
		to.giveUp()
		return &to, nil
	})
	switch {
	case to.err != nil:
		return &Error{Err: to.err}
	case err == nil && (size != a.Size || !isRegular(a)):
		return &Error{Err: ErrTorn}
	case err != nil && !errors.Is(err, ErrDesync):
		return said(err)
	}
	return err
}

// local takes the contents of a file on our side. What follows an error is
// thrown away; the shell goes with it when that would be much.
type local struct {
	w    io.Writer
	sh   *shell
	left int64 // bytes to come
	err  error
}

// maxDrain is how many bytes are rather read than a shell started anew.
const maxDrain = 4 << 20

func (l *local) Write(p []byte) (int, error) {
	l.left -= int64(len(p))
	if l.err == nil {
		_, l.err = l.w.Write(p)
		l.giveUp()
	}
	return len(p), nil
}

func (l *local) giveUp() {
	if l.err != nil && l.left > maxDrain {
		l.sh.kill()
	}
}

// said turns a source's or a sink's refusal into an *Error; an error of our
// own side stays what it is, but does not break the shell either.
func said(err error) error {
	if r, ok := errors.AsType[*Refusal](err); ok {
		return &Error{Said: r.Text, Err: errnoOf(r.Text)}
	}
	return &Error{Err: err}
}

// maxBatch bounds the bytes of the paths in one command. The remote shell
// reads a command line byte by byte, and an exec'd command has its limits.
const maxBatch = 16 << 10

// FetchMany brings many small files in one stream, without a round trip per
// file: for each path in turn it calls begin as Fetch does, and then done
// with how it went. Paths with a newline are left to Fetch: a source that
// fails on such a name splits its message, and the rest could pass for a
// record. The error is that of the stream as a whole; done has not been
// called for what comes after it.
func (c *Client) FetchMany(ctx context.Context, paths []string, begin func(i int, a Attr) (io.Writer, error), done func(i int, a Attr, err error)) error {
	for base := 0; base < len(paths); {
		n := batch(paths[base:], len(c.Root()))
		first := base
		err := c.fetchBatch(ctx, paths[base:base+n],
			func(i int, a Attr) (io.Writer, error) { return begin(first+i, a) },
			func(i int, a Attr, err error) { done(first+i, a, err) })
		if err != nil {
			return err
		}
		base += n
	}
	return nil
}

// batch is how many of the paths fit in one command.
func batch(paths []string, root int) int {
	bytes := 0
	for i, p := range paths {
		if bytes += root + len(p) + 4; bytes > maxBatch && i > 0 {
			return i
		}
	}
	return len(paths)
}

func (c *Client) fetchBatch(ctx context.Context, paths []string, begin func(int, Attr) (io.Writer, error), done func(int, Attr, error)) error {
	var safe []int
	cmd := "B"
	for i, p := range paths {
		if strings.Contains(p, "\n") || c.usable(p) != nil {
			a, err := c.Fetch(ctx, p, Attr{}, func(a Attr) (io.Writer, error) { return begin(i, a) })
			done(i, a, err)
			continue
		}
		safe = append(safe, i)
		cmd += " " + c.arg(p)
	}
	if len(safe) == 0 {
		return nil
	}
	return c.transfer(ctx, c.do, "fetch", parent(paths[0]), func(sh *shell) error {
		if err := sh.send(cmd); err != nil {
			return err
		}
		return c.batchAnswer(sh, paths, safe, begin, done)
	})
}

// batchAnswer reads the answer to B.
func (c *Client) batchAnswer(sh *shell, paths []string, safe []int, begin func(int, Attr) (io.Writer, error), done func(int, Attr, error)) error {
	var asked []string
	for _, i := range safe {
		asked = append(asked, c.abs(paths[i]))
	}
	before, err := sh.byPath(asked)
	if err != nil {
		return err
	}
	failed := make([]error, len(paths))
	for _, i := range safe {
		a := before[c.abs(paths[i])]
		failed[i] = sh.contents(a, func(a Attr) (io.Writer, error) { return begin(i, a) })
		if errors.Is(failed[i], ErrDesync) {
			return failed[i]
		}
		if e := irregular(a); e != 0 {
			failed[i] = &Error{Err: e}
		}
	}
	after, err := sh.byPath(asked)
	if err != nil {
		return err
	}
	for _, i := range safe {
		a := after[c.abs(paths[i])]
		if failed[i] == nil && !sameVersion(a, before[c.abs(paths[i])]) {
			failed[i] = &Error{Op: "fetch", Path: paths[i], Err: ErrTorn}
		}
		done(i, a, fail("fetch", paths[i], failed[i]))
	}
	return nil
}

// irregular is why the contents of a file cannot be fetched: 0 for a regular
// one, or none.
func irregular(a Attr) syscall.Errno {
	switch a.Mode & syscall.S_IFMT {
	case 0, syscall.S_IFREG:
		return 0
	case syscall.S_IFDIR:
		return syscall.EISDIR
	case syscall.S_IFLNK:
		return syscall.ELOOP
	}
	return syscall.EINVAL
}

// byPath reads the records of the paths that were asked for, on the host. They
// have whole paths for names.
func (s *shell) byPath(asked []string) (map[string]Attr, error) {
	m := map[string]Attr{}
	for _, p := range asked {
		m[p] = Attr{}
	}
	n := 0
	for e, err := range s.records("") {
		if err != nil {
			return nil, err
		}
		if n++; n > len(asked) {
			return nil, fmt.Errorf("more records than files: %w", syscall.EPROTO)
		}
		path := "/" + strings.TrimPrefix(e.Name, "/")
		if _, ok := m[path]; ok {
			m[path] = e.Attr
		}
	}
	return m, nil
}
