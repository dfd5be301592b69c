package scpio

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"syscall"
)

// Stat gives the attributes of a file, without following a symbolic link.
// The Name of the entry is empty.
func (c *Client) Stat(ctx context.Context, path string) (Entry, error) {
	var e Entry
	err := c.retry(ctx, "stat", path, func(sh *shell) error {
		if err := sh.send("A " + c.arg(path)); err != nil {
			return err
		}
		got, err := sh.one(c.abs(path))
		e = got
		return err
	})
	if err == nil && isDevice(e.Attr) {
		err = c.devices(ctx, path, []Entry{e}, func(_ int, rdev uint32) { e.Attr.Rdev = rdev })
	}
	return e, err
}

// List gives a directory's own attributes, as an entry without a name, and
// then its entries in the order in which the host tells them. The sequence
// ends with an error, and then only, when the listing is not complete. Names
// that the host itself cannot describe, such as a dead mount's, are left out of
// it, if it has others: that they are not there is no proof that nothing is.
//
// The number, type of device and all is asked for separately where there
// are devices: one more round trip.
func (c *Client) List(ctx context.Context, path string) (Entry, []Entry, error) {
	var l listing
	err := c.retry(ctx, "list", path, func(sh *shell) error {
		l = listing{room: maxListing}
		if err := sh.send("L 1 " + c.arg(path)); err != nil {
			return err
		}
		for e, err := range sh.records(c.abs(path)) {
			if err == nil {
				err = l.add(e)
			}
			if err != nil {
				return err
			}
		}
		return l.check()
	})
	if err == nil {
		err = c.deviceNumbers(ctx, path, l.entries)
	}
	return l.self, l.entries, err
}

// maxListing is how much memory a listing may take, in bytes: some seven million
// names. A host could go on for ever.
const (
	maxListing = 1 << 30
	entrySize  = 128 // of an entry without its texts
)

// listing gathers the records of a directory.
type listing struct {
	self    Entry
	entries []Entry
	room    int // bytes of memory that the entries may still take
}

func (l *listing) add(e Entry) error {
	l.room -= entrySize + len(e.Name) + len(e.Target)
	switch {
	case l.room < 0:
		return fmt.Errorf("a listing without end: %w", syscall.EPROTO)
	case e.Name == "":
		l.self = e
	case strings.Contains(e.Name, "/"):
		return fmt.Errorf("a name with a slash: %w", syscall.EPROTO)
	default:
		l.entries = append(l.entries, e)
	}
	return nil
}

// check tells whether a directory was listed.
func (l *listing) check() error {
	switch {
	case l.self.Attr.Mode == 0:
		return &Error{Err: syscall.ENOENT}
	case !isDir(l.self.Attr):
		return &Error{Err: syscall.ENOTDIR}
	}
	return nil
}

// deviceNumbers fills in the numbers of the devices in a listing.
func (c *Client) deviceNumbers(ctx context.Context, dir string, all []Entry) error {
	var devices []Entry
	var at []int
	for i, e := range all {
		if isDevice(e.Attr) {
			devices, at = append(devices, e), append(at, i)
		}
	}
	return c.devices(ctx, dir, devices, func(i int, rdev uint32) { all[at[i]].Attr.Rdev = rdev })
}

// devices asks for the device numbers of entries of a directory, in pieces
// that fit in a command.
func (c *Client) devices(ctx context.Context, dir string, entries []Entry, set func(int, uint32)) error {
	const piece = 64
	for base := 0; base < len(entries); base += piece {
		part := entries[base:min(base+piece, len(entries))]
		err := c.retry(ctx, "stat", dir, func(sh *shell) error {
			cmd := "stat -c %t:%T"
			for _, e := range part {
				cmd += " " + c.arg(join(dir, e.Name))
			}
			if err := sh.send(cmd + " 2>/dev/null;z 0"); err != nil {
				return err
			}
			text, _, err := sh.raw(64 << 10)
			if err != nil {
				return err
			}
			for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
				if i < len(part) {
					set(base+i, parseRdev(line))
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// parseRdev reads "major:minor" in hexadecimal.
func parseRdev(s string) uint32 {
	ma, mi, _ := strings.Cut(s, ":")
	major, err1 := strconv.ParseUint(ma, 16, 12)
	minor, err2 := strconv.ParseUint(mi, 16, 20)
	if err1 != nil || err2 != nil {
		return 0
	}
	return uint32(minor&0xff | major<<8 | (minor&^0xff)<<12)
}

func join(dir, name string) string {
	if dir == "" || name == "" {
		return dir + name
	}
	return dir + "/" + name
}

// one reads an answer that is a single attribute record.
func (s *shell) one(abs string) (Entry, error) {
	var got Entry
	n := 0
	for e, err := range s.records(abs) {
		if err != nil {
			return Entry{}, err
		}
		got = e
		if n++; n > 1 {
			break
		}
	}
	if n != 1 {
		return Entry{}, fmt.Errorf("%d records or more where one was asked for: %w", n, syscall.EPROTO)
	}
	return got, nil
}

// records yields the attribute records of an answer up to its end. abs is
// the path that was listed, which names begin with in the records of stat.
// An answer without its end is an error; for one that has refusals see listError.
func (s *shell) records(abs string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for n := 0; ; n++ {
			e, end, err := s.record(abs)
			switch {
			case err != nil:
				yield(Entry{}, err)
				return
			case end != nil:
				if err := listError(*end, n, abs); err != nil {
					yield(Entry{}, err)
				}
				return
			case !yield(e, nil):
				s.kill()
				return
			}
		}
	}
}

// listError is the error of a listing of abs that gave n records. Names that
// were gone when their turn came are no error; nor are, beside others, such as
// only their own file systems refuse to describe, like somebody else's FUSE
// mount or a dead one. ls shows the rest then, too.
func listError(a answer, n int, abs string) error {
	if a.status == 0 || n == 0 || a.status == statusChanged {
		return hostError(a)
	}
	for line := range strings.Lines(a.said) {
		if errnoOfLine(line) != syscall.ENOENT && (n == 1 || !namesEntry(line, abs)) {
			return hostError(a)
		}
	}
	return nil
}

// namesEntry tells whether a program complains of an entry of the directory abs,
// and not of the directory itself. However a name is quoted, it has as many
// slashes; and the reason, behind the last colon, may have one.
func namesEntry(line, abs string) bool {
	name := strings.TrimRight(line[:max(strings.LastIndex(line, ": "), 0)], "'")
	slashes := strings.Count(strings.TrimSuffix(abs, "/"), "/") + 1
	return strings.Count(name, "/") == slashes && !strings.HasSuffix(name, "/")
}

// record reads the next record of an answer, of either engine, or its end. Those
// of directories in which the command has changed something are kept apart.
func (s *shell) record(abs string) (Entry, *answer, error) {
	var above []Entry
	for {
		e, end, err := s.anyRecord(abs)
		if err != nil || end != nil || e.Name != aboveName && e.Name != aboveFrom {
			if len(above) > 0 {
				s.above = above
			}
			return e, end, err
		}
		if above = append(above, e); len(above) > 2 {
			return Entry{}, nil, fmt.Errorf("more directories than a change can be in: %w", syscall.EPROTO)
		}
	}
}

func (s *shell) anyRecord(abs string) (Entry, *answer, error) {
	first, err := s.r.Peek(1)
	if err != nil {
		return Entry{}, nil, eof(err)
	}
	if first[0] == '=' {
		e, err := s.findRecord()
		return e, nil, err
	}
	head, err := s.r.Peek(len(s.marker) + 1)
	if err != nil || string(head[:len(s.marker)]) != s.marker {
		return Entry{}, nil, s.nonsense(err)
	}
	if head[len(s.marker)] == '=' {
		e, err := s.statRecord(abs)
		return e, nil, err
	}
	text, err := readField(s.r, 1024)
	if err != nil {
		return Entry{}, nil, err
	}
	a, err := s.finish(text + "\x00")
	return Entry{}, &a, err
}

func (s *shell) nonsense(err error) error {
	if err != nil {
		return eof(err)
	}
	line, _ := s.r.Peek(min(s.r.Buffered(), 200))
	return fmt.Errorf("the host answered %s: %w", saying(string(line)), syscall.EPROTO)
}

// maxRecord bounds an attribute record: a path and a link's target of
// PATH_MAX each, and the numbers.
const maxRecord = 16 << 10

// findRecord reads a record of GNU find: "=" fields, the path below the one
// listed, NUL, the link's target, NUL.
func (s *shell) findRecord() (Entry, error) {
	head, err := readField(s.r, maxRecord)
	if err != nil {
		return Entry{}, err
	}
	target, err := readField(s.r, maxRecord)
	if err != nil {
		return Entry{}, err
	}
	return parseFind(head, target)
}

// statRecord reads a record of stat -c: the marker, "=", fields, the path as
// given, the marker, the path and the link's target as %N quotes them, the
// marker and a newline. Names may hold newlines but not the marker.
func (s *shell) statRecord(abs string) (Entry, error) {
	var rec []byte
	end := []byte(s.marker + "\n")
	for len(rec) <= maxRecord {
		line, err := s.r.ReadSlice('\n')
		rec = append(rec, line...)
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return Entry{}, eof(err)
		}
		if body, ok := bytes.CutSuffix(rec, end); ok {
			head, long, _ := strings.Cut(string(body[len(s.marker)+1:]), s.marker)
			return parseStat(head, long, abs)
		}
	}
	return Entry{}, fmt.Errorf("a record of more than %d bytes: %w", maxRecord, syscall.EPROTO)
}
