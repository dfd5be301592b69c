package scpio

import (
	"io"
	"os"
	"syscall"
)

// maxDepth bounds how deep directories are sent and received. It keeps a
// hostile side from using up descriptors, of which each level holds one.
const maxDepth = 256

// dir sends a directory with all in it.
func (s *source) dir(f *os.File, info os.FileInfo, path, name string) error {
	if s.loops(info) || len(s.above) == maxDepth {
		return s.fail(path, syscall.ELOOP)
	}
	rec := Record{Kind: KindDir, Mode: unixMode(info.Mode()), Name: name}
	if ok, err := s.begin(rec, info, path); !ok || err != nil {
		return err
	}
	s.above = append(s.above, info)
	defer func() { s.above = s.above[:len(s.above)-1] }()
	if err := s.children(f, path); err != nil {
		return err
	}
	s.expect(KindEnd, path)
	if err := s.WriteE(); err != nil {
		return err
	}
	return s.step()
}

// children sends what is in a directory, in the order the system lists it and
// by parts, as there may be very many.
func (s *source) children(f *os.File, path string) error {
	for {
		names, err := f.Readdirnames(256)
		for _, name := range names {
			if err := s.send(path+"/"+name, name); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return s.fail(path, err)
		}
	}
}

// loops reports whether a symbolic link has led back to a directory that is
// being sent.
func (s *source) loops(info os.FileInfo) bool {
	for _, above := range s.above {
		if os.SameFile(above, info) {
			return true
		}
	}
	return false
}
