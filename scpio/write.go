package scpio

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"time"
)

// maxSend bounds a line that is sent, with its newline: OpenSSH cuts a longer
// one there and takes the rest for data.
const maxSend = 2047

// ErrUnsendable is wrapped when a name or size cannot be put into a record.
// Nothing was written then.
var ErrUnsendable = errors.New("cannot be sent with SCP")

// Writer encodes what is said to the other side. It buffers until Flush, so
// that records and data can go out in one write.
type Writer struct {
	bw *bufio.Writer
}

// NewWriter returns a Writer to w, which must not be written to otherwise
// between a first call and Flush.
func NewWriter(w io.Writer) *Writer {
	return &Writer{bw: bufio.NewWriterSize(w, 32<<10)}
}

// WriteT sends the times of the C or D record that comes next. They are cut to
// microseconds, and one before 1970 is sent as 1970, as OpenSSH's sink takes no
// sign.
func (w *Writer) WriteT(mtime, atime time.Time) error {
	ms, mu := splitTime(mtime)
	as, au := splitTime(atime)
	return w.write(fmt.Appendf(nil, "T%d %d %d %d\n", ms, mu, as, au))
}

func splitTime(t time.Time) (sec, usec int64) {
	if t.Unix() < 0 {
		return 0, 0
	}
	return t.Unix(), int64(t.Nanosecond() / 1000)
}

// WriteC announces a file. Its data must not be sent before the reply: a sink
// that refused the file would take them for records.
func (w *Writer) WriteC(mode uint32, size int64, name string) error {
	return w.writeEntry(Record{Kind: KindFile, Mode: mode, Size: size, Name: name})
}

// WriteD opens a directory. Nothing below it may be sent before the reply.
func (w *Writer) WriteD(mode uint32, name string) error {
	return w.writeEntry(Record{Kind: KindDir, Mode: mode, Name: name})
}

func (w *Writer) writeEntry(rec Record) error {
	line, err := entryLine(rec)
	if err != nil {
		return err
	}
	return w.write(line)
}

func entryLine(rec Record) ([]byte, error) {
	if rec.Size < 0 {
		return nil, fmt.Errorf("size %d %w", rec.Size, ErrUnsendable)
	}
	if !ValidName(rec.Name) {
		return nil, fmt.Errorf("name %q %w", Printable(rec.Name, maxSaid), ErrUnsendable)
	}
	line := fmt.Appendf(nil, "%c%04o %d %s\n", rec.Kind, rec.Mode&0o7777, rec.Size, rec.Name)
	if len(line) > maxSend {
		return nil, fmt.Errorf("name of %d bytes %w", len(rec.Name), ErrUnsendable)
	}
	return line, nil
}

// WriteE closes the directory. Where none is open it ends the sink, which
// leaves the stream to whatever stands behind scp in the same command.
func (w *Writer) WriteE() error { return w.write([]byte("E\n")) }

// WriteOK consents to a record or declares the data before it good.
func (w *Writer) WriteOK() error { return w.write([]byte{0}) }

// WriteRefusal refuses a record, declares the data before it bad, or reports
// an error of its own. The text is made printable and cut to fit a line.
func (w *Writer) WriteRefusal(fatal bool, text string) error {
	kind := KindWarning
	if fatal {
		kind = KindFatal
	}
	return w.write(fmt.Appendf(nil, "%c%s\n", kind, Printable(text, maxSend-2)))
}

// Flush sends what was written.
func (w *Writer) Flush() error { return desync(w.bw.Flush()) }

func (w *Writer) write(b []byte) error {
	_, err := w.bw.Write(b)
	return desync(err)
}
