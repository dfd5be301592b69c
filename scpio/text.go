package scpio

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"
)

const (
	maxText = 4 << 10 // of an error text that is kept
	maxSaid = 400     // of an excerpt in an error message
	elision = "..."
)

// Printable makes remote text fit for a terminal or a log: what is not
// printable is escaped, so that it cannot move the cursor, colour or hide
// anything (CVE-2019-6109, CVE-2019-6110), and of a text of more than limit
// bytes the middle is left out. The end stays, as the reason of an error
// stands there.
func Printable(s string, limit int) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		writePrintable(&b, r, s[i:i+n])
		i += n
	}
	return shorten(b.String(), limit)
}

func writePrintable(b *strings.Builder, r rune, raw string) {
	switch {
	case r == utf8.RuneError && len(raw) == 1, r < utf8.RuneSelf && !unicode.IsPrint(r):
		fmt.Fprintf(b, `\x%02x`, raw[0])
	case !unicode.IsPrint(r):
		fmt.Fprintf(b, `\u%04x`, r)
	default:
		b.WriteString(raw)
	}
}

func shorten(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	keep := max(limit-len(elision), 0)
	head, tail := keep/2, len(s)-(keep-keep/2)
	for head > 0 && !utf8.RuneStart(s[head]) {
		head--
	}
	for tail < len(s) && !utf8.RuneStart(s[tail]) {
		tail++
	}
	return s[:head] + elision + s[tail:]
}

// stepError says which step of storing a file failed, in the words of
// OpenSSH's sink: clients read from them that the content is there all the
// same.
type stepError struct {
	step string
	err  error
}

func (e *stepError) Error() string { return e.step + ": " + e.err.Error() }
func (e *stepError) Unwrap() error { return e.err }

// servedError is about a file that the other side has named, not by its path
// on this machine.
type servedError struct {
	path string
	err  error
}

func (e servedError) Error() string { return e.path + ": " + wireText(e.err) }
func (e servedError) Unwrap() error { return e.err }

// refusalText words an error of a file for the other side as OpenSSH does.
func refusalText(path string, err error) string {
	return "scp: " + servedError{path, err}.Error()
}

// wireText is err without paths of this machine. Clients find the errno by the
// text of strerror(3) at the end.
func wireText(err error) string {
	if served, ok := err.(servedError); ok {
		return served.Error()
	}
	var text string
	errno, isErrno := errors.AsType[syscall.Errno](err)
	path, isPath := errors.AsType[*fs.PathError](err)
	switch {
	case isErrno:
		text = strerror(errno)
	case isPath:
		text = path.Err.Error()
	default:
		return err.Error()
	}
	if step, ok := errors.AsType[*stepError](err); ok {
		text = step.step + ": " + text
	}
	return text
}

// strerror is errno in the C library's words, which package syscall has in
// lower case.
func strerror(errno syscall.Errno) string {
	text := errno.Error()
	return strings.ToUpper(text[:1]) + text[1:]
}
