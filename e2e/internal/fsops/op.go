package fsops

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Kind says what an operation does.
type Kind string

// Op is one operation. Which fields count depends on the kind; see kinds.
type Op struct {
	Proc         int // which process does it
	Kind         Kind
	Path, Path2  string // below the directory
	Slot, Slot2  int    // of the process's open files or mappings
	Flags        int
	Mode         uint32
	Off, To, Len int64
	Seed         uint64 // of the bytes to write
	Time         int64  // nanoseconds since 1970
}

// String is the operation as a trace shows it.
func (o Op) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "p%d %s", o.Proc, o.Kind)
	for _, arg := range kinds[o.Kind].shows {
		b.WriteString(" " + o.show(arg))
	}
	return b.String()
}

func (o Op) show(arg string) string {
	switch arg {
	case "path":
		return fmt.Sprintf("%q", o.Path)
	case "path2":
		return fmt.Sprintf("%q", o.Path2)
	case "slot":
		return fmt.Sprintf("#%d", o.Slot)
	case "slot2":
		return fmt.Sprintf("#%d", o.Slot2)
	case "open":
		return openFlags(o.Flags)
	case "flags":
		return fmt.Sprintf("%#x", o.Flags)
	case "mode":
		return fmt.Sprintf("%#o", o.Mode)
	case "off":
		return fmt.Sprintf("@%d", o.Off)
	case "to":
		return fmt.Sprintf(">%d", o.To)
	case "len":
		return fmt.Sprintf("+%d", o.Len)
	default:
		return time.Unix(0, o.Time).UTC().Format(time.RFC3339Nano)
	}
}

var openWords = []struct {
	flag int
	word string
}{
	{unix.O_CREAT, "CREAT"}, {unix.O_EXCL, "EXCL"}, {unix.O_TRUNC, "TRUNC"}, {unix.O_APPEND, "APPEND"},
	{unix.O_DIRECTORY, "DIRECTORY"}, {unix.O_NOFOLLOW, "NOFOLLOW"}, {unix.O_SYNC, "SYNC"},
}

func openFlags(flags int) string {
	words := []string{[]string{"RDONLY", "WRONLY", "RDWR", "3"}[flags&unix.O_ACCMODE]}
	for _, w := range openWords {
		if flags&w.flag == w.flag {
			words = append(words, w.word)
		}
	}
	return strings.Join(words, "|")
}
