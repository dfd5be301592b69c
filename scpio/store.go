package scpio

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"time"
)

// Upload is a store: the new contents of a file and what goes with them.
type Upload = struct {
	Contents io.ReaderAt
	Size     int64 // of Contents, in bytes
	// Keep is how many bytes Contents has in common, from the first on, with
	// the file in the version Expect: the host has them, and they are not sent.
	Keep  int64
	Mode  uint32 // permission bits
	Atime int64  // nanoseconds since 1970, kept to the microsecond
	Mtime int64  // nanoseconds since 1970
	// Expect is the version of the file that the contents replace; a zero
	// one says that there must be no file yet.
	Expect Attr
	// Temp is a name in the same directory that nobody else uses, nor the
	// same with a "+": what the contents are called until they are complete.
	// Both may be left where a host or a connection fails. "" has one made up.
	Temp string
	// From, if not "", is a file of the host that has the contents as long
	// as it is the version FromHave: they are copied there, and Contents
	// is not used.
	From     string
	FromHave Attr
}

// smallStore is the size up to which the contents are sent together with the
// command, before the sink has agreed to take them.
const smallStore = 128 << 10

// tmpPrefix begins the names of uploads that are not complete yet.
const tmpPrefix = ".scpfs-"

// Store replaces the contents of a file, or makes one, and returns its new
// attributes. It takes one round trip, two when more than 128 KiB are sent,
// and some more for the pieces of what is larger than 8 MiB.
//
// The contents go to a temporary name in the same directory; only when they
// are complete and the file is still the version expected they take its
// place, by rename(2), or by a copy on the host itself where a rename would
// lose something: other hard links, or an owner or extended attributes that we
// cannot give to the new file; or where we may write to the file, but not make
// one beside it. Else the error is [ErrChanged] and the file is left as it is.
//
// If that copy fails half way, as on a full disk, the error comes with the
// attributes that the file has now: it is the version to expect next time. The
// host keeps all of the upload then, where the error says, until Discard.
func (c *Client) Store(ctx context.Context, path string, u Upload) (Attr, error) {
	u.Temp = tempName(path, u)
	var got Attr
	err := c.transfer(ctx, c.do, "store", path, func(sh *shell) error {
		var err error
		if got, err = c.store(ctx, sh, path, u); err == nil {
			c.tellAbove(sh, path, "")
		}
		return err
	})
	return got, err
}

// tempName is what an upload is called until it is complete.
func tempName(path string, u Upload) string {
	return cmp.Or(u.Temp, join(parent(path), tmpPrefix+strings.ToLower(rand.Text()[:13])))
}

func (c *Client) store(ctx context.Context, sh *shell, path string, u Upload) (Attr, error) {
	var err error
	switch {
	case u.From != "":
		return c.storeCopy(sh, path, u)
	case u.Keep < 0 || u.Keep > min(u.Size, u.Expect.Size):
		return Attr{}, &Error{Err: syscall.EINVAL}
	case c.worthPieces(u):
		err = c.storePieces(ctx, sh, path, u)
	case u.Keep > 0:
		err = c.storeRest(sh, path, u)
	default:
		err = c.put(sh, u.Temp, c.commit(path, u), u, 0)
	}
	if err != nil {
		return Attr{}, err
	}
	sh.extend(copying(u.Size)) // if it has to be copied into its place
	return sh.placed(c.abs(path))
}

// storeCopy is a store of what another file on the host has. As nothing is
// heard of the host meanwhile it may take the longer the larger it is.
func (c *Client) storeCopy(sh *shell, path string, u Upload) (Attr, error) {
	if err := c.usable(u.From); err != nil {
		return Attr{}, &Error{Err: err}
	}
	sh.extend(copying(u.Size))
	take := fmt.Sprintf("J %s %s %s %s && ", c.arg(u.From), c.version(u.FromHave), c.arg(u.Temp), octal(u.Mode))
	if err := sh.send(take + c.commit(path, u)); err != nil {
		return Attr{}, err
	}
	return sh.placed(c.abs(path))
}

// copying is how long a copy on the host may take at most.
func copying(size int64) time.Duration { return time.Duration(size/(5<<20)) * time.Second }

// commit is the command that puts a complete upload in its place.
func (c *Client) commit(path string, u Upload) string {
	return "put " + c.arg(u.Temp) + " " + c.place(path, u)
}

// placed reads the answer to commit. An error may come with attributes, see Store.
func (s *shell) placed(abs string) (Attr, error) {
	first, n, a, err := s.answered(abs)
	if err == nil && n != 1 && (a.status == 0 || a.status == statusHalf) {
		err = fmt.Errorf("%d records where one was asked for: %w", n, syscall.EPROTO)
	}
	if err != nil {
		return Attr{}, err
	}
	return outcome(first.Attr, n, a)
}

// place are the arguments of it that say what is to be replaced, and how.
func (c *Client) place(path string, u Upload) string {
	how := "''"
	if u.Expect.Nlink > 1 {
		how = "over"
	}
	when := "''"
	if u.From != "" || u.Mtime < 0 || c.Host().NanoTime && u.Mtime%1000 != 0 {
		when = c.date(u.Mtime)
	}
	return fmt.Sprintf("%s %s %s %s %s", c.arg(path), c.expect(u.Expect), octal(u.Mode), when, how)
}

// expect is the version of a file that there may not be.
func (c *Client) expect(a Attr) string {
	if a.Ino == 0 {
		return "-"
	}
	return c.version(a)
}

// put sends the contents from an offset on to a sink behind which the host
// executes then.
func (c *Client) put(sh *shell, tmp, then string, u Upload, off int64) error {
	size := u.Size - off
	head, err := sinkHead(tmp, u, size)
	if err != nil {
		return &Error{Err: err}
	}
	contents := io.NewSectionReader(u.Contents, off, size)
	if size <= smallStore {
		return c.putSmall(sh, tmp, then, head, contents)
	}
	return sh.putLarge("S "+c.arg(tmp)+" '';"+then, head, contents)
}

// sinkHead are the records in front of the contents. The time has
// microseconds there; commit adds the rest where the host can.
func sinkHead(tmp string, u Upload, size int64) ([]byte, error) {
	var b bytes.Buffer
	w := NewWriter(&b)
	err := errors.Join(
		w.WriteT(time.Unix(0, u.Mtime), time.Unix(0, u.Atime)),
		w.WriteC(u.Mode&0o777, size, tmp[strings.LastIndexByte(tmp, '/')+1:]),
		w.Flush())
	return b.Bytes(), err
}

// sinkTail ends the contents and, at the top level, the sink.
var sinkTail = []byte("\x00E\n")

// putSmall sends the sink's command, records and contents in one go. Should the sink
// refuse the file it takes the contents for records. They can do no more
// than write to the temporary name, because the sink was told no -r; and the
// shell ends then without executing anything, see S in remote.sh, and tells the
// refusal as its answer.
func (c *Client) putSmall(sh *shell, tmp, then string, head []byte, from *io.SectionReader) error {
	contents := make([]byte, from.Size())
	if n, err := io.ReadFull(from, contents); err != nil {
		return &Error{Err: fmt.Errorf("%d bytes where %d were announced: %w", n, from.Size(), err)}
	}
	return sh.send(c.sink(tmp, head, contents, sinkTail)+then, head, contents, sinkTail)
}

// sink is the command that takes a stream which follows it at once, and whose
// replies nobody waits for.
func (c *Client) sink(tmp string, stream ...[]byte) string {
	size := 0
	for _, part := range stream {
		size += len(part)
	}
	return fmt.Sprintf("S %s %d;", c.arg(tmp), size)
}

// putLarge waits for the sink's consent before it sends the contents.
func (s *shell) putLarge(cmd string, head []byte, from *io.SectionReader) error {
	r := NewReader(s.r)
	if err := s.send(cmd, head); err != nil {
		return err
	}
	if err := s.replies(r, 3); err != nil {
		return err
	}
	if err := pour(s, from); err != nil {
		return s.refused(err)
	}
	if _, err := s.Write(sinkTail); err != nil {
		return s.refused(err)
	}
	return s.replies(r, 2)
}

// pour sends all there is to be read of from.
func pour(w io.Writer, from *io.SectionReader) error {
	err := copyN(w, from, from.Size())
	if err == io.EOF {
		err = fmt.Errorf("less than %d bytes were there: %w", from.Size(), io.ErrUnexpectedEOF)
	}
	return err
}

// replies reads n replies of the sink. After a refusal the shell ends by
// itself; the error breaks it on our side too.
func (s *shell) replies(r *Reader, n int) error {
	for range n {
		if err := r.ReadReply(); err != nil {
			return s.refused(err)
		}
	}
	return nil
}

// refused makes the error of an upload that the sink did not take.
func (s *shell) refused(err error) error {
	defer s.kill()
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		return &Error{Said: refusal.Text, Err: errnoOf(refusal.Text)}
	}
	return err
}
