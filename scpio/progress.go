package scpio

import (
	"fmt"
	"io"
)

// Progress says how far the transfer of one file is.
type Progress struct {
	Path string // as asked for, or below that; for a terminal use Printable
	Done int64  // bytes, of
	Size int64  // bytes
}

// tally counts the bytes of one file and reports them after each piece, and
// once at the beginning.
type tally struct {
	report func(Progress)
	at     Progress
}

func newTally(report func(Progress), path string, size int64) *tally {
	t := &tally{report: report, at: Progress{Path: path, Size: size}}
	t.add(0)
	return t
}

func (t *tally) add(n int) {
	t.at.Done += int64(n)
	if t.report != nil {
		t.report(t.at)
	}
}

type tallyReader struct {
	*tally
	r io.Reader
}

func (t tallyReader) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	if n > 0 {
		t.add(n)
	}
	return n, err
}

type tallyWriter struct {
	*tally
	w io.Writer
}

func (t tallyWriter) Write(p []byte) (int, error) {
	n, err := t.w.Write(p)
	t.add(n)
	return n, err
}

// A PartialError tells that a transfer went through to its end and the stream
// is in step, but some of the files did not make it.
type PartialError struct {
	Failed int
	First  error // the first failure
}

func (e *PartialError) Error() string {
	if e.Failed == 1 {
		return e.First.Error()
	}
	return fmt.Sprintf("%v (and %d more)", e.First, e.Failed-1)
}

func (e *PartialError) Unwrap() error { return e.First }

// failures notes what happens to single files. It keeps only the first, as a
// hostile side can report without end.
type failures struct {
	report func(path string, err error)
	seen   PartialError
}

func (f *failures) note(path string, err error) {
	if f.report != nil {
		f.report(path, err)
	}
	f.seen.Failed++
	if f.seen.First == nil {
		f.seen.First = pathError(path, err)
	}
}

func (f *failures) err() error {
	if f.seen.Failed == 0 {
		return nil
	}
	return &f.seen
}

// pathError says which file err is about.
func pathError(path string, err error) error {
	if path == "" {
		return err
	}
	return fmt.Errorf("%s: %w", Printable(path, maxText), err)
}
