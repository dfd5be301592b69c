package scpio

import (
	"errors"
	"fmt"
	"io"
)

// ReadFile reads one answer of a source that is asked for regular files and
// takes its acks elsewhere, for instance from /dev/zero: header, data and
// verdict, or one line of refusal. The source knows the file as want, "" takes
// any name. open is told the header and says where the data go. When it fails,
// or its writer does, the data are read all the same, so that the next answer
// can be read.
//
// The error is a *Refusal where the source refused the file or declared its
// data bad (they are then padding from some point on); it wraps ErrDesync
// where the stream is of no more use.
func (r *Reader) ReadFile(want string, open func(Record) (io.Writer, error)) (Record, error) {
	rec, err := r.ReadHeader(want)
	if err != nil {
		return rec, err
	}
	w, err := open(rec)
	if err != nil {
		return rec, errors.Join(err, r.ReadData(io.Discard, rec.Size))
	}
	return rec, r.ReadData(w, rec.Size)
}

// ReadHeader reads a C record, with the times of a T record before it if there
// is one, or a *Refusal. ReadData must follow where it succeeds.
func (r *Reader) ReadHeader(want string) (Record, error) {
	rec, err := r.nextWithTimes()
	switch {
	case err != nil:
		return Record{}, cut(err)
	case rec.Kind == KindWarning, rec.Kind == KindFatal:
		return rec, rec.refusal()
	case rec.Kind != KindFile:
		return rec, desync(fmt.Errorf("remote sent a %c record for a file", rec.Kind))
	case want != "" && !NameMatches(want, rec.Name):
		return rec, desync(unasked(rec.Name))
	}
	return rec, nil
}

func (r *Reader) nextWithTimes() (Record, error) {
	rec, err := r.Next()
	if err != nil || rec.Kind != KindTimes {
		return rec, err
	}
	times := rec
	rec, err = r.Next()
	rec.Mtime, rec.Atime = times.Mtime, times.Atime
	return rec, err
}

func unasked(name string) error {
	return fmt.Errorf("remote sent a file that was not asked for: %s", Printable(name, maxSaid))
}

// ReadData copies the data of a file to w and reads the verdict behind them.
// An error of w is returned when all has been read; a *Refusal tells that the
// data are bad.
func (r *Reader) ReadData(w io.Writer, size int64) error {
	to := &stickyWriter{w: w}
	if err := copyN(to, r.br, size); err != nil {
		return cut(err)
	}
	status := r.ReadReply()
	if to.err != nil {
		return errors.Join(to.err, status)
	}
	return status
}

// copySize is the piece in which contents are read: more than a bufio.Reader
// has, so that they need not pass through it.
const copySize = 256 << 10

// copyN is io.CopyN in pieces of copySize.
func copyN(w io.Writer, r io.Reader, size int64) error {
	buf := make([]byte, max(1, min(size, copySize)))
	n, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{io.LimitReader(r, size)}, buf)
	if err == nil && n < size {
		err = io.EOF
	}
	return err
}

// stickyWriter swallows what follows a failed write.
type stickyWriter struct {
	w   io.Writer
	err error
}

func (s *stickyWriter) Write(p []byte) (int, error) {
	if s.err != nil {
		return len(p), nil
	}
	n, err := s.w.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	s.err = err
	return len(p), nil
}

// WriteData sends size bytes of src and declares them good. The protocol has
// no way to give up within the data: when src fails or ends early the error
// wraps ErrDesync, and the stream is to be closed without another byte.
func (w *Writer) WriteData(src io.Reader, size int64) error {
	n, err := io.CopyN(w.bw, src, size)
	if err != nil {
		return desync(fmt.Errorf("content ends at %d of %d bytes: %w", n, size, cut(err)))
	}
	return w.WriteOK()
}

// writePadded is WriteData for a source that has more to send: what src lacks
// is sent as zeros, and declared bad with the error's text under path.
func (w *Writer) writePadded(src io.Reader, size int64, path string) (bad, err error) {
	padded := &paddedReader{src: src}
	if _, err := io.CopyN(w.bw, padded, size); err != nil {
		return nil, desync(err)
	}
	if !padded.short {
		return nil, w.WriteOK()
	}
	bad = padded.err
	if bad == io.EOF {
		bad = errShrunk
	}
	return bad, w.WriteRefusal(false, refusalText(path, bad))
}

var errShrunk = errors.New("file shrank while it was sent")

// paddedReader goes on with zeros where src ends.
type paddedReader struct {
	src   io.Reader
	err   error // from src
	short bool  // zeros were needed
}

func (r *paddedReader) Read(p []byte) (int, error) {
	if r.err == nil {
		n, err := r.src.Read(p)
		r.err = err
		if n > 0 || err == nil {
			return n, nil
		}
	}
	r.short = true
	clear(p)
	return len(p), nil
}
