package scpio

import (
	"cmp"
	"errors"
	"fmt"
	"io"
)

// sink is the receiving role, for a client (Receive) or, where serving is set,
// behind scp -t: then any name is taken, and the source may end the whole with
// an E record or by leaving directories open.
type sink struct {
	*duplex
	failures
	opt     ReceiveOptions
	serving bool
	base    string // path of the target, for messages
	only    string // the same of a target that is no directory
	asked   int    // how many of opt.Names were answered
	depth   int    // of directories open
	times   Record // a T record that waits for what it belongs to
	ended   bool   // the source has closed its output
}

func (s *sink) run(into Target) error {
	if err := s.ack(); err != nil {
		return err
	}
	if err := s.level(into, s.base); err != nil {
		return err
	}
	if !s.serving && s.asked < len(s.opt.Names) {
		return desync(fmt.Errorf("remote answered %d of %d requests: %w",
			s.asked, len(s.opt.Names), io.ErrUnexpectedEOF))
	}
	return s.err()
}

func (s *sink) ack() error {
	if s.opt.Acked {
		return nil
	}
	if err := s.WriteOK(); err != nil {
		return err
	}
	return s.Flush()
}

// level receives what belongs into one directory, to its end or that of the
// stream.
func (s *sink) level(t Target, path string) error {
	for !s.ended {
		rec, err := s.Next()
		switch {
		case err == io.EOF:
			return s.eof()
		case err != nil:
			return s.lost(err)
		case rec.Kind == KindEnd:
			return s.endOfDir()
		}
		if err := s.record(t, path, rec); err != nil {
			return err
		}
	}
	return nil
}

func (s *sink) eof() error {
	if s.depth > 0 && !s.serving {
		return cut(io.EOF)
	}
	s.ended = true
	return nil
}

// lost tells the source, if it is still there, why nothing more is taken.
func (s *sink) lost(err error) error {
	if bad, ok := errors.AsType[*ProtocolError](err); ok {
		s.giveUp(errors.New("protocol error: " + cmp.Or(bad.Reason, "not a record")))
	}
	return err
}

func (s *sink) endOfDir() error {
	if s.depth == 0 && !s.serving {
		return s.giveUp(errors.New("remote ended a directory that it did not begin"))
	}
	return s.ack()
}

func (s *sink) record(t Target, path string, rec Record) error {
	switch rec.Kind {
	case KindTimes:
		s.times = rec
		return s.ack()
	case KindFile, KindDir:
		return s.entry(t, path, rec)
	}
	return s.said(path, rec.refusal())
}

// said takes a report of the source, which has no reply. Outside directories it
// stands in place of a file that was asked for.
func (s *sink) said(path string, refusal *Refusal) error {
	if s.depth == 0 && s.asked < len(s.opt.Names) {
		path = s.opt.Names[s.asked]
		s.asked++
	}
	s.note(path, refusal)
	if refusal.Fatal {
		return refusal
	}
	return nil
}

func (s *sink) entry(t Target, path string, rec Record) error {
	if err := s.admit(rec); err != nil {
		return s.giveUp(err)
	}
	rec.Mtime, rec.Atime = s.times.Mtime, s.times.Atime
	s.times = Record{}
	path = s.label(path, rec.Name)
	if rec.Kind == KindDir {
		return s.dir(t, path, rec)
	}
	return s.file(t, path, rec)
}

// admit checks that rec is something that was asked for.
func (s *sink) admit(rec Record) error {
	if rec.Kind == KindDir && !s.opt.Recursive {
		return errors.New("protocol error: received directory without -r")
	}
	if rec.Kind == KindDir && s.depth == maxDepth {
		return errors.New("protocol error: directories are too deep")
	}
	if s.serving || s.depth > 0 {
		return nil
	}
	if s.asked == len(s.opt.Names) || !NameMatches(s.opt.Names[s.asked], rec.Name) {
		return unasked(rec.Name)
	}
	s.asked++
	return nil
}

// giveUp refuses what the source sent and ends the stream, since what follows
// would only be more of it.
func (s *sink) giveUp(err error) error {
	if s.opt.Acked {
		return desync(err)
	}
	if werr := s.WriteRefusal(!s.serving, "scp: "+wireText(err)); werr == nil {
		s.Flush() // the source may be gone already
	}
	return desync(err)
}

// refuse answers with an error of the file at path.
func (s *sink) refuse(path string, err error) error {
	s.note(path, err)
	if s.opt.Acked {
		return nil
	}
	if err := s.WriteRefusal(false, refusalText(path, err)); err != nil {
		return err
	}
	return s.Flush()
}

func (s *sink) file(t Target, path string, rec Record) error {
	f, err := t.File(rec)
	if err != nil {
		if err := s.refuse(path, err); err != nil || !s.opt.Acked {
			return err
		}
		return s.content(discard{}, path, rec)
	}
	if err := s.ack(); err != nil {
		f.Close(err)
		return err
	}
	return s.content(f, path, rec)
}

// content receives data and verdict. After a bad verdict the source is told
// that all is well, which it is on this side.
func (s *sink) content(f TargetFile, path string, rec Record) error {
	to := &stickyWriter{w: tallyWriter{newTally(s.opt.Progress, path, rec.Size), f}}
	verdict := s.ReadData(to, rec.Size)
	if errors.Is(verdict, ErrDesync) {
		f.Close(verdict)
		return verdict
	}
	if verdict != nil {
		s.note(path, verdict)
	}
	if to.err != nil {
		f.Close(to.err)
		return s.refuse(path, to.err)
	}
	if err := f.Close(verdict); err != nil {
		return s.refuse(path, err)
	}
	return s.ack()
}

func (s *sink) dir(t Target, path string, rec Record) error {
	sub, err := t.Dir(rec)
	if err != nil {
		if err := s.refuse(path, err); err != nil || !s.opt.Acked {
			return err
		}
		sub = nothing{}
	}
	return s.below(sub, path)
}

func (s *sink) below(sub Target, path string) error {
	s.depth++
	err := s.ack()
	if err == nil {
		err = s.level(sub, path)
	}
	s.depth--
	if cerr := sub.Close(); cerr != nil {
		s.note(path, cerr) // the reply to E is gone: a second one would be read as another's
	}
	return err
}

// label is the path of what is received, as messages have it.
func (s *sink) label(path, name string) string {
	switch {
	case s.depth == 0 && s.only != "":
		return s.only
	case path == "":
		return name
	}
	return path + "/" + name
}
