package mount

import (
	"bufio"
	"os"
	"strconv"
	"strings"
)

// mountEntry is one line of /proc/self/mountinfo (see proc_pid_mountinfo(5)).
type mountEntry struct {
	id     string // unique while mounted
	dir    string
	fsType string
	source string
}

// mountTable reads this process's mount table, oldest mount first.
func mountTable() ([]mountEntry, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var table []mountEntry
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if e, ok := parseMountEntry(lines.Text()); ok {
			table = append(table, e)
		}
	}
	return table, lines.Err()
}

// parseMountEntry takes a line apart: six fields, optional ones, a dash, then
// type, source and the file system's own options.
func parseMountEntry(line string) (mountEntry, bool) {
	before, after, ok := strings.Cut(line, " - ")
	front, back := strings.Fields(before), strings.Fields(after)
	if !ok || len(front) < 6 || len(back) < 2 {
		return mountEntry{}, false
	}
	return mountEntry{
		id:     front[0],
		dir:    unescape(front[4]),
		fsType: unescape(back[0]),
		source: unescape(back[1]),
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

// mountedOn is the topmost mount on dir, an absolute path without symlinks.
func mountedOn(dir string) (mountEntry, bool) {
	table, err := mountTable()
	if err != nil {
		return mountEntry{}, false
	}
	var found mountEntry
	for _, e := range table {
		if e.dir == dir {
			found = e
		}
	}
	return found, found.id != ""
}

// mountedBelow lists what is mounted further down than dir.
func mountedBelow(dir string) []string {
	table, _ := mountTable()
	var dirs []string
	for _, e := range table {
		if strings.HasPrefix(e.dir, dir+"/") {
			dirs = append(dirs, e.dir)
		}
	}
	return dirs
}
