package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
)

// A workload is what is done with one mount, from fresh: what comes later in
// it finds the caches as the earlier left them.
type workload struct {
	name    string
	whole   bool                                      // nobody does a part of it: it does not grow, or is one file
	mounts  bool                                      // its first step mounts
	prepare func(ctx context.Context, s *stage) error // makes the remote directory
	steps   []step
}

// A step is a row of the table. Time runs during run, or during scp for the
// tool that can copy whole files only.
type step struct {
	row    string
	bulk   bool // the link is all that bounds it
	run    func(ctx context.Context, s *stage) error
	scp    func(ctx context.Context, s *stage) error // nil where it has no such thing
	verify func(ctx context.Context, s *stage) error
}

// workloads are all there are, in the order of the table.
func workloads() []workload {
	return []workload{
		mountWorkload(), treeWorkload(), flatWorkload(), smallWorkload(), largeWorkload(), endsWorkload(),
		appendWorkload(), saveWorkload(), unpackWorkload(), overwriteWorkload(), copyWorkload(), gitWorkload(), cloneWorkload(),
	}
}

// borrow has the stage work on a fixture, which it does not change.
func (s *stage) borrow(path string, err error) error {
	s.remote = path
	return err
}

// own has the stage work on its own copy of a fixture.
func (s *stage) own(ctx context.Context, path string, err error) error {
	if err != nil {
		return err
	}
	return copyTree(ctx, s.env, path, s.remote)
}

// small is the tree of small files that several workloads use.
func (s *stage) small() (string, error) {
	return s.fixtures.tree(s.count(100), s.count(2000), 500, 8000)
}

// large is the file that several workloads use.
func (s *stage) large() (string, error) {
	return s.fixtures.file(s.size(256 << 20))
}

// readAll reads files one after the other, as cat would, into s.data.
func (s *stage) readAll(paths []string) error {
	s.data = s.data[:0]
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		s.data = append(s.data, data)
	}
	return nil
}

// paths are the regular files of a tree as they are called below top.
func paths(tree, top string) ([]string, error) {
	entries, err := list(tree)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, e := range entries {
		if e.size >= 0 {
			all = append(all, filepath.Join(top, e.path))
		}
	}
	return all, nil
}

// readInto reads a file into memory that is there already, so that the time is
// that of reading.
func readInto(path string, memory []byte) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	const piece = 1 << 20
	for at := 0; at < len(memory); {
		n, err := f.Read(memory[at:min(at+piece, len(memory))])
		at += n
		if errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// touched is memory that the kernel has really given.
func touched(size int64) []byte {
	memory := make([]byte, size)
	for i := 0; i < len(memory); i += os.Getpagesize() {
		memory[i] = 1
	}
	return memory
}
