package scpio

import (
	"context"
	"errors"
	"io"
	"os"
)

// SendOptions say how Send sends.
type SendOptions struct {
	Recursive bool // send directories too
	Preserve  bool // send times
	// Progress, if set, is called by Send for each piece of a file.
	Progress func(Progress)
	// Report, if set, is called by Send for each file that fails.
	Report func(path string, err error)
}

// Send plays the source against a sink such as scp -t: it sends the files with
// the given paths, under the last component of each path. Symbolic links are
// followed, as scp does.
//
// A file that cannot be sent does not keep the others back: Send goes on and
// returns a *PartialError at the end. Where the sink refuses data it has read,
// or a record that is never refused, Send stops with an error that wraps
// ErrDesync: older sinks send several refusals then, and a source that goes on
// may take one for consent to something else.
//
// Send leaves the sink waiting for more. The caller ends it by closing its
// input, or by WriteE. When ctx is done, rw is closed if it is an io.Closer.
func Send(ctx context.Context, rw io.ReadWriter, from Opener, paths []string, o SendOptions) error {
	d := newDuplex(ctx, rw)
	s := &source{duplex: d, from: from, opt: o, failures: failures{report: o.Report}}
	return d.end(s.run(paths))
}

// source is the sending role, for a client (Send) or, where serving is set,
// behind scp -f. A serving source takes the steps of scp's: it waits for each
// reply, reports what it cannot send, and goes on after any refusal.
type source struct {
	*duplex
	failures
	from    Opener
	opt     SendOptions
	serving bool
	waiting []awaited     // replies that are due, in order
	above   []os.FileInfo // the directories around the current one
}

// awaited is a reply that is due, for a record or, with kind 0, for data or
// for nothing yet: a sink speaks first.
type awaited struct {
	kind Kind
	path string
}

func (s *source) run(paths []string) error {
	s.expect(0, "")
	if _, err := s.settle(); err != nil {
		return err
	}
	for _, path := range paths {
		if err := s.send(path, baseName(path)); err != nil {
			return err
		}
	}
	if _, err := s.settle(); err != nil {
		return err
	}
	return s.err()
}

func (s *source) expect(kind Kind, path string) {
	s.waiting = append(s.waiting, awaited{kind, path})
}

// settle sends what was written and reads all replies due. It reports whether
// the last of them was consent.
func (s *source) settle() (bool, error) {
	if err := s.Flush(); err != nil {
		return false, err
	}
	ok := true
	for _, a := range s.waiting {
		var err error
		if ok, err = s.reply(a); err != nil {
			return false, err
		}
	}
	s.waiting = s.waiting[:0]
	return ok, nil
}

func (s *source) reply(a awaited) (bool, error) {
	err := s.ReadReply()
	if err == nil {
		return true, nil
	}
	refusal, ok := errors.AsType[*Refusal](err)
	if !ok || refusal.Fatal || !s.harmless(a.kind) {
		return false, desync(pathError(a.path, err))
	}
	s.note(a.path, refusal)
	return false, nil
}

// harmless reports whether the source may go on after a refusal in reply to
// kind.
func (s *source) harmless(kind Kind) bool {
	return s.serving || kind == KindFile || kind == KindDir
}

func (s *source) send(path, name string) error {
	if err := s.ctx.Err(); err != nil {
		return err
	}
	f, info, err := s.open(path)
	if err != nil {
		return s.fail(path, err)
	}
	defer f.Close()
	switch {
	case info.Mode().IsRegular():
		return s.file(f, info, path, name)
	case info.IsDir() && s.opt.Recursive:
		return s.dir(f, info, path, name)
	}
	return s.fail(path, errNotRegular)
}

var errNotRegular = errors.New("not a regular file")

// open does not wait for the other end of a FIFO.
func (s *source) open(path string) (*os.File, os.FileInfo, error) {
	f, err := s.from.OpenFile(path, os.O_RDONLY|openNonblock, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// fail notes that a file cannot be sent. There is no reply to the report.
func (s *source) fail(path string, err error) error {
	s.note(path, err)
	if !s.serving {
		return nil
	}
	return s.WriteRefusal(false, refusalText(path, err))
}

func (s *source) file(f *os.File, info os.FileInfo, path, name string) error {
	rec := Record{Kind: KindFile, Mode: unixMode(info.Mode()), Size: info.Size(), Name: name}
	if ok, err := s.begin(rec, info, path); !ok || err != nil {
		return err
	}
	if err := s.data(tallyReader{newTally(s.opt.Progress, path, rec.Size), f}, rec.Size, path); err != nil {
		return err
	}
	s.expect(0, path)
	return s.step()
}

func (s *source) data(r io.Reader, size int64, path string) error {
	bad, err := s.writePadded(r, size, path)
	if bad != nil {
		s.note(path, bad)
	}
	return err
}

// begin sends the record of a file or directory and reports whether the sink
// took it. The times go out in the same write: they are never refused.
func (s *source) begin(rec Record, info os.FileInfo, path string) (bool, error) {
	if s.serving && !ValidName(rec.Name) {
		rec.Name = visName(rec.Name)
	}
	line, err := entryLine(rec)
	if err != nil {
		return false, s.fail(path, err)
	}
	if s.opt.Preserve {
		if ok, err := s.times(info, path); !ok || err != nil {
			return false, err
		}
	}
	s.expect(rec.Kind, path)
	if err := s.write(line); err != nil {
		return false, err
	}
	return s.settle()
}

func (s *source) times(info os.FileInfo, path string) (bool, error) {
	s.expect(KindTimes, path)
	if err := s.WriteT(info.ModTime(), accessTime(info)); err != nil {
		return false, err
	}
	if !s.serving {
		return true, nil
	}
	return s.settle()
}

// step is where a serving source waits for a reply and a client's goes on: what
// it sends next does not depend on it.
func (s *source) step() error {
	if !s.serving {
		return nil
	}
	_, err := s.settle()
	return err
}
