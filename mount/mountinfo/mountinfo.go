// Package mountinfo reads the mount table of this process.
package mountinfo

import (
	"bufio"
	"os"
	"strconv"
	"strings"
)

// Path is where the kernel shows the table. It says by poll(2) that it has changed.
const Path = "/proc/self/mountinfo"

// Entry is one line of the table (see proc_pid_mountinfo(5)).
type Entry struct {
	ID      string // unique while mounted
	Dir     string // absolute
	Type    string // of the file system, as "fuse.scpfs"
	Source  string
	Options []string // of the file system itself, as "user_id=0"
}

// Read reads the table, oldest mount first.
func Read() ([]Entry, error) {
	f, err := os.Open(Path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var table []Entry
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if e, ok := parse(lines.Text()); ok {
			table = append(table, e)
		}
	}
	return table, lines.Err()
}

// parse takes a line apart: six fields, optional ones, a dash, then
// type, source and the file system's own options.
func parse(line string) (Entry, bool) {
	before, after, ok := strings.Cut(line, " - ")
	front, back := strings.Fields(before), strings.Fields(after)
	if !ok || len(front) < 6 || len(back) < 3 {
		return Entry{}, false
	}
	return Entry{
		ID:      front[0],
		Dir:     unescape(front[4]),
		Type:    unescape(back[0]),
		Source:  unescape(back[1]),
		Options: strings.Split(back[2], ","),
	}, true
}

// unescape undoes the kernel's \ooo for blank, tab, newline and backslash.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+4 <= len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// On is the topmost mount on dir, an absolute path without symlinks.
func On(dir string) (Entry, bool) {
	table, err := Read()
	if err != nil {
		return Entry{}, false
	}
	var found Entry
	for _, e := range table {
		if e.Dir == dir {
			found = e
		}
	}
	return found, found.ID != ""
}

// Below lists what is mounted further down than dir.
func Below(dir string) []string {
	table, _ := Read()
	var dirs []string
	for _, e := range table {
		if strings.HasPrefix(e.Dir, dir+"/") {
			dirs = append(dirs, e.Dir)
		}
	}
	return dirs
}
