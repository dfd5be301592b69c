package scpio

import (
	"bufio"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// Kind is the letter a record begins with.
type Kind byte

// The records of the protocol. A warning concerns one file, after a fatal one
// the sender is gone.
const (
	KindFile    Kind = 'C'
	KindDir     Kind = 'D'
	KindEnd     Kind = 'E'
	KindTimes   Kind = 'T'
	KindWarning Kind = 1
	KindFatal   Kind = 2
)

// Record is one line of the protocol. Which fields are set follows from Kind,
// but ReadHeader, Send and Receive also carry the times of a T record over to
// the C or D record it belongs to; times that did not come are zero.
type Record struct {
	Kind         Kind
	Mode         uint32 // C, D: permission bits, at most 07777
	Size         int64  // C: bytes of data that follow
	Name         string // C, D: one path component, see ValidName
	Mtime, Atime time.Time
	Text         string // warning, fatal: printable, see Printable
}

// maxLine bounds a line that is read. OpenSSH sends up to PATH_MAX and some.
const maxLine = 64 << 10

// Reader decodes what the other side says: records, replies and file data.
type Reader struct {
	br *bufio.Reader
}

// NewReader returns a Reader that takes from br exactly what its methods
// decode, so that br may be used for other things in between.
func NewReader(br *bufio.Reader) *Reader {
	return &Reader{br: br}
}

// Next reads a record. At the end of the stream it returns io.EOF; every other
// error wraps ErrDesync. What is not a record is a *ProtocolError.
func (r *Reader) Next() (Record, error) {
	kind, err := r.br.ReadByte()
	if err == io.EOF {
		return Record{}, io.EOF
	}
	if err != nil {
		return Record{}, desync(err)
	}
	switch Kind(kind) {
	case KindFile, KindDir, KindEnd, KindTimes, KindWarning, KindFatal:
		return r.record(Kind(kind))
	}
	return Record{}, r.notSCP("", []byte{kind})
}

func (r *Reader) record(kind Kind) (Record, error) {
	line, err := r.line()
	if err != nil {
		return Record{}, err
	}
	rec, err := parseRecord(kind, string(line))
	if err != nil {
		said := append([]byte{byte(kind)}, line...)
		return Record{}, r.notSCP(err.Error(), append(said, '\n'))
	}
	return rec, nil
}

// line reads up to and without the next newline.
func (r *Reader) line() ([]byte, error) {
	var line []byte
	for {
		part, err := r.br.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > maxLine:
			return nil, r.notSCP("endless line", line)
		case err == nil:
			return line[:len(line)-1], nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, cut(err)
		}
	}
}

func parseRecord(kind Kind, line string) (Record, error) {
	switch kind {
	case KindFile, KindDir:
		return parseEntry(kind, line)
	case KindTimes:
		return parseTimes(line)
	case KindEnd:
		if line != "" {
			return Record{}, errors.New("text behind the end of a directory")
		}
		return Record{Kind: kind}, nil
	}
	return Record{Kind: kind, Text: Printable(line, maxText)}, nil
}

// parseEntry parses "MODE SIZE NAME". The name may begin with spaces, so the
// line is cut at the first two and no further.
func parseEntry(kind Kind, line string) (Record, error) {
	mode, rest, _ := strings.Cut(line, " ")
	size, name, _ := strings.Cut(rest, " ")
	rec := Record{Kind: kind, Name: name}
	var err error
	if rec.Mode, err = parseMode(mode); err != nil {
		return Record{}, err
	}
	if rec.Size, err = parseSize(size); err != nil {
		return Record{}, err
	}
	if !ValidName(name) {
		return Record{}, errors.New("unsafe file name")
	}
	if kind == KindDir {
		rec.Size = 0 // of no meaning there
	}
	return rec, nil
}

// parseMode takes the four octal digits that all send, or five, which PuTTY's
// server accepts too and so may send some day.
func parseMode(s string) (uint32, error) {
	mode, err := strconv.ParseUint(s, 8, 32)
	if err != nil || len(s) < 4 || len(s) > 5 {
		return 0, errors.New("bad mode")
	}
	return uint32(mode) & 0o7777, nil
}

func parseSize(s string) (int64, error) {
	size, err := strconv.ParseUint(s, 10, 64)
	if err != nil || size > math.MaxInt64 {
		return 0, errors.New("bad size")
	}
	return int64(size), nil
}

// parseTimes parses "MTIME USEC ATIME USEC".
func parseTimes(line string) (Record, error) {
	f := strings.Split(line, " ")
	if len(f) != 4 {
		return Record{}, errors.New("bad times")
	}
	mtime, err := parseTime(f[0], f[1])
	if err != nil {
		return Record{}, err
	}
	atime, err := parseTime(f[2], f[3])
	if err != nil {
		return Record{}, err
	}
	return Record{Kind: KindTimes, Mtime: mtime, Atime: atime}, nil
}

// parseTime reads the seconds as unsigned first: dropbear prints a time before
// 1970 as 18446744073709465216.
func parseTime(sec, usec string) (time.Time, error) {
	s, err := strconv.ParseUint(sec, 10, 64)
	if err != nil {
		return time.Time{}, errors.New("bad time")
	}
	us, err := strconv.ParseUint(usec, 10, 64)
	if err != nil || us > 999999 {
		return time.Time{}, errors.New("bad microseconds")
	}
	return time.Unix(int64(s), int64(us)*1000), nil
}
