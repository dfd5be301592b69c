package scpio

import (
	"errors"
	"io"
)

// ErrDesync is wrapped by every error after which nobody can tell what the
// next byte of a stream means. The stream is to be closed; errors without it
// leave the stream at the beginning of a record or reply.
var ErrDesync = errors.New("scp stream out of step")

// A Refusal is what the other side answers instead of doing what it was told.
// A fatal one ends the stream and so wraps ErrDesync.
type Refusal struct {
	Fatal bool
	Text  string // printable, in the other side's words
}

func (e *Refusal) Error() string { return e.Text }

// Is makes a fatal refusal an ErrDesync.
func (e *Refusal) Is(target error) bool { return e.Fatal && target == ErrDesync }

// A ProtocolError tells that the other side said something that is not SCP,
// such as the greeting of a login script. It wraps ErrDesync.
type ProtocolError struct {
	Reason string // what was wrong, if it looked like SCP at all
	Said   string // a printable excerpt of what was read
}

func (e *ProtocolError) Error() string {
	if e.Reason == "" {
		return "remote did not speak SCP: " + e.Said
	}
	return "remote did not speak SCP: " + e.Reason + " in: " + e.Said
}

// Is makes every protocol error an ErrDesync.
func (e *ProtocolError) Is(target error) bool { return target == ErrDesync }

// ReadReply reads the answer to a record, or the verdict behind a file's data.
// It is nil for consent and a *Refusal otherwise; any further error wraps
// ErrDesync.
func (r *Reader) ReadReply() error {
	b, err := r.br.ReadByte()
	if err != nil {
		return cut(err)
	}
	switch b {
	case 0:
		return nil
	case byte(KindWarning), byte(KindFatal):
		return r.refusal(b == byte(KindFatal))
	}
	return r.notSCP("", []byte{b})
}

func (r *Reader) refusal(fatal bool) error {
	line, err := r.line()
	if err != nil {
		return err
	}
	return &Refusal{Fatal: fatal, Text: Printable(string(line), maxText)}
}

func (rec Record) refusal() *Refusal {
	return &Refusal{Fatal: rec.Kind == KindFatal, Text: rec.Text}
}

// notSCP makes the error for bytes that are not SCP. It adds what has already
// arrived, as a person needs the whole message, but does not wait for more.
func (r *Reader) notSCP(reason string, said []byte) error {
	more, _ := r.br.Peek(min(r.br.Buffered(), maxSaid))
	said = append(said[:min(len(said), maxSaid):len(said)], more...)
	return &ProtocolError{Reason: reason, Said: Printable(string(said), maxSaid)}
}

// desyncError marks an error as one that ends the stream, without a word.
type desyncError struct{ error }

func (e desyncError) Unwrap() error        { return e.error }
func (e desyncError) Is(target error) bool { return target == ErrDesync }

func desync(err error) error {
	if err == nil || errors.Is(err, ErrDesync) {
		return err
	}
	return desyncError{err}
}

// cut is desync for a read that must not meet the end of the stream.
func cut(err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return desync(err)
}
