package scpio

import (
	"context"
	"io"
)

// A Target is where a sink puts what it receives: a directory, or what stands
// for one. The names in the records are ValidName, and else the other side's
// choice.
type Target interface {
	// File begins a file. It is an error, and nothing changed, if it cannot be
	// written; the sink refuses it then.
	File(Record) (TargetFile, error)
	// Dir begins a directory, which may exist.
	Dir(Record) (Target, error)
	// Close ends a directory that Dir has begun.
	Close() error
}

// A TargetFile takes the data of one file.
type TargetFile interface {
	io.Writer
	// Close ends the file. err is nil if the content came whole, a *Refusal if
	// the source has declared it bad, and otherwise what cut it short.
	Close(err error) error
}

// ReceiveOptions say what Receive accepts.
type ReceiveOptions struct {
	// Names are the last path components that the source was asked for, in
	// order. Anything else it sends ends the transfer.
	Names     []string
	Recursive bool // take directories
	// Acked tells that the source has its acks from elsewhere, such as
	// /dev/zero: none are written, and what cannot be stored is read away.
	Acked bool
	// Progress, if set, is called by Receive for each piece of a file.
	Progress func(Progress)
	// Report, if set, is called by Receive for each file that fails.
	Report func(path string, err error)
}

// Receive plays the sink against a source such as scp -f, and puts what it
// sends into a Target. A file that fails does not keep the others back: Receive
// returns a *PartialError at the end. Errors that wrap ErrDesync end it at
// once, among them that of a source which sends what was not asked for.
//
// It returns when the source closes its output. When ctx is done, rw is closed
// if it is an io.Closer.
func Receive(ctx context.Context, rw io.ReadWriter, into Target, o ReceiveOptions) error {
	d := newDuplex(ctx, rw)
	s := &sink{duplex: d, opt: o, failures: failures{report: o.Report}}
	return d.end(s.run(into))
}
