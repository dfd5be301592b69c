package scpio

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"syscall"
)

// change is what the host tells of a watch: that something has happened to a
// name in a directory, or in our own words how the watch goes.
type change struct {
	dir  string // absolute, as it was given; "": see words
	name string // "": any in the directory, or the directory itself
	all  bool   // things have happened that were not told
	said string // our own words
	text string // what a tool said to people
}

// changes reads what the host tells of a watch. Names are anybody's: what can
// not be understood becomes a change of the directory that it seems to be about.
type changes struct {
	r      *bufio.Reader
	marker string
	lines  bool   // of inotifyd
	last   string // the directory of the last line
}

// maxField bounds what is between two NULs, or newlines: a path and some more.
const maxField = 16 << 10

// next reads one change.
func (c *changes) next() (change, error) {
	if c.lines {
		return c.line()
	}
	return c.pair()
}

// pair reads a directory and a name, or our own words. In front of it may be
// lines that inotifywait prints for people, which begin with a capital letter.
func (c *changes) pair() (change, error) {
	first, err := c.r.Peek(1)
	if err != nil {
		return change{}, err
	}
	if first[0] != '/' && (first[0] != c.marker[0] || !c.ours()) {
		text, err := c.read('\n')
		return change{text: saying(text)}, err
	}
	dir, err := c.read(0)
	if err != nil {
		return change{}, err
	}
	name, err := c.read(0)
	switch {
	case err != nil:
		return change{}, err
	case dir == c.marker:
		return change{said: name}, nil
	case strings.Contains(name, "/"):
		name = ""
	}
	return change{dir: cleanDir(dir), name: name}, nil
}

// ours tells whether our own words come next.
func (c *changes) ours() bool {
	next, _ := c.r.Peek(len(c.marker) + 1)
	return string(next) == c.marker+"\x00"
}

// cleanDir takes the slash off that inotifywait puts behind a directory.
func cleanDir(dir string) string {
	if len(dir) > 1 {
		return strings.TrimSuffix(dir, "/")
	}
	return dir
}

// line reads what inotifyd prints: letters for events, a tab, the directory, and
// perhaps a tab and a name. A name with a newline makes two lines, of which the
// second can be anything: it stands for any change in the directory of the first,
// and the first for that of a name that is not there.
func (c *changes) line() (change, error) {
	first, err := c.r.Peek(1)
	if err != nil {
		return change{}, err
	}
	if first[0] == c.marker[0] && c.ours() {
		return c.pair()
	}
	text, err := c.read('\n')
	if err != nil || text == "" {
		return change{}, err
	}
	events, rest, ok := strings.Cut(text, "\t")
	dir, name, _ := strings.Cut(rest, "\t")
	if !ok || !strings.HasPrefix(dir, "/") || strings.Trim(events, "acew0rmyndDMuox") != "" {
		return change{dir: c.last}, nil
	}
	c.last = dir
	if strings.Contains(name, "/") {
		name = ""
	}
	return change{dir: dir, name: name, all: strings.Contains(events, "o")}, nil
}

// read reads up to a byte, which is taken away.
func (c *changes) read(end byte) (string, error) {
	var buf []byte
	for {
		part, err := c.r.ReadSlice(end)
		buf = append(buf, part...)
		switch {
		case err == nil:
			return string(buf[:len(buf)-1]), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return "", eof(err)
		case len(buf) > maxField:
			return "", errors.Join(errors.New("a watch tells of what is no path"), syscall.EPROTO)
		}
	}
}

// newChanges reads from a stream.
func newChanges(r io.Reader, marker string) *changes {
	return &changes{r: bufio.NewReaderSize(r, 4<<10), marker: marker}
}
