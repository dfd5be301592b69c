package scpio

import (
	"fmt"
	"strings"
)

// ValidName reports whether name is one path component that may be put below a
// directory. "." and ".." would change the directory itself or its parent
// (CVE-2018-20685), a slash leads elsewhere.
func ValidName(name string) bool {
	return name != "" && name != "." && name != ".." && !strings.ContainsAny(name, "/\x00\n")
}

// NameMatches reports whether a source asked for a file named want may answer
// with the name got (CVE-2019-6111). That is want itself or, as a line cannot
// hold a newline, what OpenSSH makes of a name with one.
func NameMatches(want, got string) bool {
	return got == want || strings.Contains(want, "\n") && got == visName(want)
}

// visName encodes a name as OpenSSH's source does: vis(3) with VIS_NL over the
// whole name once it holds a newline.
func visName(name string) string {
	var b strings.Builder
	for i := range len(name) {
		writeVis(&b, name[i])
	}
	return b.String()
}

func writeVis(b *strings.Builder, c byte) {
	switch {
	case c == '\\':
		b.WriteString(`\\`)
	case c == '\t' || ' ' <= c && c < 0x7f:
		b.WriteByte(c)
	case c&0x7f == ' ':
		fmt.Fprintf(b, `\%03o`, c)
	default:
		b.WriteByte('\\')
		writeMeta(b, c)
	}
}

func writeMeta(b *strings.Builder, c byte) {
	if c&0x80 != 0 {
		b.WriteByte('M')
	}
	switch c &= 0x7f; {
	case c == 0x7f:
		b.WriteString("^?")
	case c < ' ':
		b.WriteString("^" + string(rune(c+'@')))
	default:
		b.WriteString("-" + string(rune(c)))
	}
}

// baseName is the name a source gives to what path leads to.
func baseName(path string) string {
	path = withoutSlashes(path)
	return path[strings.LastIndexByte(path, '/')+1:]
}

// withoutSlashes is path less the slashes at its end, which scp ignores.
func withoutSlashes(path string) string {
	for len(path) > 1 && path[len(path)-1] == '/' {
		path = path[:len(path)-1]
	}
	return path
}
