package mount

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// maxHolders is how many processes a message names.
const maxHolders = 8

// Holder is a process that keeps a mount busy.
type Holder struct {
	PID     int
	Command string // the program's name, as the kernel has it
	What    string // how it holds the mount: its working directory, or an open file
}

func (h Holder) String() string {
	return fmt.Sprintf("%s (pid %d, %s)", h.Command, h.PID, h.What)
}

// holders looks through /proc for processes in dir. Only links are read, which asks
// nothing of the file systems they point into; processes of other users are
// not shown to an ordinary user.
func holders(dir string) []Holder {
	procs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil
	}
	var found []Holder
	for _, proc := range procs {
		what := holds(proc, dir)
		if what == "" {
			continue
		}
		found = append(found, holder(proc, what))
		if len(found) == maxHolders {
			break
		}
	}
	return found
}

func holder(proc, what string) Holder {
	pid, _ := strconv.Atoi(filepath.Base(proc))
	command, _ := os.ReadFile(proc + "/comm")
	name := strings.Map(printable, string(bytes.TrimSpace(command)))
	return Holder{PID: pid, Command: name, What: what}
}

// printable keeps control characters, which a process may put into its name, off the
// terminal.
func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return '?'
	}
	return r
}

// holds tells what the process keeps below dir; nothing is the empty string.
func holds(proc, dir string) string {
	for _, link := range []struct{ name, what string }{
		{"cwd", "working directory"}, {"root", "root directory"}, {"exe", "its program"},
	} {
		if linksInto(proc+"/"+link.name, dir) {
			return link.what
		}
	}
	fds, _ := os.ReadDir(proc + "/fd")
	for _, fd := range fds {
		if linksInto(proc+"/fd/"+fd.Name(), dir) {
			return "an open file"
		}
	}
	if mapsInto(proc, dir) {
		return "a mapped file"
	}
	return ""
}

func linksInto(link, dir string) bool {
	target, err := os.Readlink(link)
	return err == nil && (target == dir || strings.HasPrefix(target, dir+"/"))
}

// mapsInto looks for a file that is mapped, though its descriptor may be closed.
func mapsInto(proc, dir string) bool {
	maps, err := os.ReadFile(proc + "/maps")
	return err == nil && bytes.Contains(maps, []byte(" "+dir+"/"))
}
