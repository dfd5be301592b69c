package scpio

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// Serve does what the command says over in and out, as scp does at the far end
// of a connection, and takes paths that are not absolute from dir. It has no
// bounds but the rights of the process. An error stands for exit status 1; the
// other side has been told of it where that is possible.
//
// When ctx is done, in and out are closed if they are io.Closers.
func (c ServerCommand) Serve(ctx context.Context, in io.Reader, out io.Writer, dir string) error {
	d := newDuplex(ctx, serverStream{in, out})
	if c.Source {
		return d.end(c.source(d, Directory(dir)))
	}
	return d.end(c.sink(d, Directory(dir)))
}

// serverStream joins the two streams of a command.
type serverStream struct {
	io.Reader
	io.Writer
}

// Close closes those of the two that can be.
func (s serverStream) Close() error {
	var errs []error
	for _, stream := range []any{s.Reader, s.Writer} {
		if c, ok := stream.(io.Closer); ok {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}

func (c ServerCommand) source(d *duplex, from Opener) error {
	o := SendOptions{Recursive: c.Recursive, Preserve: c.Preserve}
	s := &source{duplex: d, from: from, opt: o, serving: true}
	paths := make([]string, len(c.Paths))
	for i, path := range c.Paths {
		paths[i] = withoutSlashes(path)
	}
	return s.run(paths)
}

func (c ServerCommand) sink(d *duplex, dir Directory) error {
	s := &sink{duplex: d, opt: ReceiveOptions{Recursive: c.Recursive}, serving: true}
	if len(c.Paths) != 1 {
		return s.giveUp(errors.New("ambiguous target"))
	}
	name := c.Paths[0]
	path, isDir, err := c.find(dir, name)
	if err != nil {
		return s.giveUp(servedError{name, err})
	}
	if isDir {
		s.base = name
	} else {
		s.only = name
	}
	into, closeTarget := c.openTarget(path, isDir)
	defer closeTarget()
	return s.run(into)
}

// find tells whether the path of scp -t is a directory to write into, or else
// the name of what comes, which may be a symbolic link to anywhere.
func (c ServerCommand) find(dir Directory, name string) (path string, isDir bool, err error) {
	path, err = dir.path(name)
	if err != nil {
		return "", false, err
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	info, err := os.Stat(path)
	isDir = err == nil && info.IsDir()
	switch {
	case !c.TargetDir || isDir:
		return path, isDir, nil
	case err == nil:
		err = syscall.ENOTDIR
	}
	return "", false, err
}

// openTarget opens a directory, or the one that name belongs into. A sink that
// cannot write says so of each file, not at once.
func (c ServerCommand) openTarget(path string, isDir bool) (Target, func() error) {
	o := TargetOptions{Preserve: c.Preserve, InPlace: true}
	dir, name := path, ""
	if !isDir {
		dir, name = filepath.Dir(withoutSlashes(path)), baseName(path)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return unusable{err}, func() error { return nil }
	}
	if isDir {
		return NewLocalDir(root, o), root.Close
	}
	return NewLocalName(root, name, o), root.Close
}

// unusable refuses everything for one reason.
type unusable struct{ err error }

func (u unusable) File(Record) (TargetFile, error) { return nil, u.err }
func (u unusable) Dir(Record) (Target, error)      { return nil, u.err }
func (u unusable) Close() error                    { return nil }
