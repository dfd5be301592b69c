package scpio

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// Error is what every failed operation of a [Client] returns.
type Error struct {
	Op   string // the operation: "stat", "fetch", "store", ...
	Path string // the path on the host, "" where none is concerned
	Said string // what the host said, made printable; may be ""
	Err  error  // a syscall.Errno wherever one can be told
}

func (e *Error) Error() string {
	s := e.Op
	if e.Path != "" {
		s += " " + Printable(e.Path, maxSaid)
	}
	s += ": " + e.Err.Error()
	if e.Said != "" {
		s += " (the host said: " + e.Said + ")"
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// ErrChanged is the cause of an operation refused because the file on the
// host is no longer the version the caller expects. It is ESTALE.
var ErrChanged error = syscall.ESTALE

// ErrTorn says that a file changed while it was being fetched: what came is
// neither the old version nor the new one, and has to be fetched again.
var ErrTorn = errors.New("changed while it was being read")

// ErrNotDone is the cause of a step of [Client.Batch] that was certainly not
// executed. It is ECANCELED, which no host says.
var ErrNotDone error = syscall.ECANCELED

// saying is text of the host as it stands in an error: printable, short, and
// on one line.
func saying(text string) string {
	return Printable(strings.ReplaceAll(strings.TrimSpace(text), "\n", "; "), maxSaid)
}

// fail makes an *Error of err, or completes one. The end of a connection in
// the middle of an answer becomes ENOTCONN.
func fail(op, path string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return &Error{Op: cmp.Or(e.Op, op), Path: cmp.Or(e.Path, path), Said: e.Said, Err: e.Err}
	}
	if _, away := errors.AsType[*unreachable](err); !away && lost(err) {
		err = fmt.Errorf("the connection ended: %w", syscall.ENOTCONN)
	}
	return &Error{Op: op, Path: path, Err: err}
}

// lost tells whether err is what reading from or writing to a session gives
// when it has ended.
func lost(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.ErrClosedPipe)
}

// cause gives the error of an operation that ended because ctx or the time
// limit did, and err in every other case.
func cause(ctx context.Context, err error) error {
	switch c := context.Cause(ctx); {
	case c == nil:
		return err
	case errors.Is(c, context.Canceled):
		return syscall.EINTR
	case errors.Is(c, context.DeadlineExceeded), errors.Is(c, os.ErrDeadlineExceeded):
		return syscall.ETIMEDOUT
	default:
		return c
	}
}
