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
	"time"
)

// Upload is a store: the new contents of a file and what goes with them.
type Upload = struct {
	Contents io.Reader
	Size     int64  // of Contents, in bytes
	Mode     uint32 // permission bits
	Atime    int64  // nanoseconds since 1970, kept to the microsecond
	Mtime    int64  // nanoseconds since 1970
	// Expect is the version of the file that the contents replace; a zero
	// one says that there must be no file yet.
	Expect Attr
	// Temp is a name in the same directory that nobody else uses: what the
	// contents are called until they are complete. "" has one made up.
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
// attributes. It takes one round trip, two for large contents.
//
// The contents go to a temporary name in the same directory; only when they
// are complete and the file is still the version expected they take its
// place, by rename(2), or by a copy on the host itself where a rename would
// lose something: other hard links, or an owner that we cannot give to the
// new file. Else the error is [ErrChanged] and the file is left as it is.
func (c *Client) Store(ctx context.Context, path string, u Upload) (Attr, error) {
	var got Attr
	err := c.transfer(ctx, c.do, "store", path, func(sh *shell) error {
		var err error
		got, err = c.store(sh, path, u)
		return err
	})
	return got, err
}

func (c *Client) store(sh *shell, path string, u Upload) (Attr, error) {
	tmp := cmp.Or(u.Temp, join(parent(path), tmpPrefix+strings.ToLower(rand.Text()[:13])))
	if u.From != "" {
		return c.storeCopy(sh, tmp, path, u)
	}
	cmd := "S " + c.arg(tmp) + ";" + c.commit(tmp, path, u)
	head, err := sinkHead(tmp, u)
	if err != nil {
		return Attr{}, &Error{Err: err}
	}
	r := NewReader(sh.r)
	if u.Size <= smallStore {
		err = sh.storeSmall(cmd, head, u, r)
	} else {
		err = sh.storeLarge(cmd, head, u, r)
	}
	if err != nil {
		return Attr{}, err
	}
	sh.watch.extend(copying(u.Size)) // if it has to be copied into its place
	e, err := sh.one(c.abs(path))
	return e.Attr, err
}

// storeCopy is a store of what another file on the host has. As nothing is
// heard of the host meanwhile it may take the longer the larger it is.
func (c *Client) storeCopy(sh *shell, tmp, path string, u Upload) (Attr, error) {
	if err := c.usable(u.From); err != nil {
		return Attr{}, &Error{Err: err}
	}
	sh.watch.extend(copying(u.Size))
	take := fmt.Sprintf("J %s %s %s %s && ", c.arg(u.From), c.version(u.FromHave), c.arg(tmp), octal(u.Mode))
	if err := sh.send(take + c.commit(tmp, path, u)); err != nil {
		return Attr{}, err
	}
	e, err := sh.one(c.abs(path))
	return e.Attr, err
}

// copying is how long a copy on the host may take at most.
func copying(size int64) time.Duration { return time.Duration(size/(5<<20)) * time.Second }

// commit is the command that puts a complete upload in its place.
func (c *Client) commit(tmp, path string, u Upload) string {
	expect, how := "-", "''"
	if u.Expect.Ino != 0 {
		expect = c.version(u.Expect)
		if u.Expect.Nlink > 1 {
			how = "over"
		}
	}
	when := "''"
	if u.From != "" || u.Mtime < 0 || c.host.NanoTime && u.Mtime%1000 != 0 {
		when = c.date(u.Mtime)
	}
	return fmt.Sprintf("K %s %s %s %s %s %s", c.arg(tmp), c.arg(path), expect, octal(u.Mode), when, how)
}

// sinkHead are the records in front of the contents. The time has
// microseconds there; commit adds the rest where the host can.
func sinkHead(tmp string, u Upload) ([]byte, error) {
	var b bytes.Buffer
	w := NewWriter(&b)
	err := errors.Join(
		w.WriteT(time.Unix(0, u.Mtime), time.Unix(0, u.Atime)),
		w.WriteC(u.Mode&0o777, u.Size, tmp[strings.LastIndexByte(tmp, '/')+1:]),
		w.Flush())
	return b.Bytes(), err
}

// sinkTail ends the contents and, at the top level, the sink.
var sinkTail = []byte("\x00E\n")

// storeSmall sends command, records and contents in one go. Should the sink
// refuse the file it takes the contents for records. They can do no more
// than write to the temporary name, because the sink was told no -r; and the
// shell ends then without executing anything, see S in remote.sh.
func (s *shell) storeSmall(cmd string, head []byte, u Upload, r *Reader) error {
	contents, err := io.ReadAll(io.LimitReader(u.Contents, u.Size+1))
	if err == nil && int64(len(contents)) != u.Size {
		err = fmt.Errorf("%d bytes where %d were announced", len(contents), u.Size)
	}
	if err != nil {
		return &Error{Err: err}
	}
	if err := s.send(cmd, head, contents, sinkTail); err != nil {
		return s.refused(r, err)
	}
	return s.replies(r, 5)
}

// storeLarge waits for the sink's consent before it sends the contents.
func (s *shell) storeLarge(cmd string, head []byte, u Upload, r *Reader) error {
	if err := s.send(cmd, head); err != nil {
		return err
	}
	if err := s.replies(r, 3); err != nil {
		return err
	}
	if n, err := io.CopyBuffer(struct{ io.Writer }{s}, io.LimitReader(u.Contents, u.Size), make([]byte, 256<<10)); err != nil || n != u.Size {
		return s.refused(r, errors.Join(err, fmt.Errorf("%d of %d bytes were sent", n, u.Size)))
	}
	if _, err := s.Write(sinkTail); err != nil {
		return s.refused(r, err)
	}
	return s.replies(r, 2)
}

// replies reads n replies of the sink. After a refusal the shell ends by
// itself; the error breaks it on our side too.
func (s *shell) replies(r *Reader, n int) error {
	for range n {
		if err := r.ReadReply(); err != nil {
			return s.refused(r, err)
		}
	}
	return nil
}

// refused makes the error of an upload that the sink did not take.
func (s *shell) refused(_ *Reader, err error) error {
	defer s.kill()
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		return &Error{Said: refusal.Text, Err: errnoOf(refusal.Text)}
	}
	return err
}
