package scpio

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
)

// localFile is a file that LocalDir receives.
type localFile struct {
	*os.File
	root *os.Root
	opt  TargetOptions
	rec  Record
	temp string      // where it is until it is whole, "" if written in place
	old  os.FileInfo // of the file that temp replaces, if there is one
}

func (d *LocalDir) overwrite(rec Record) (TargetFile, error) {
	flags := os.O_WRONLY | os.O_CREATE | openNonblock
	f, err := d.root.OpenFile(rec.Name, flags, fs.FileMode(rec.Mode&0o777))
	if err != nil {
		return nil, err
	}
	return &localFile{File: f, root: d.root, opt: d.opt, rec: rec}, nil
}

func (d *LocalDir) create(rec Record, old os.FileInfo) (TargetFile, error) {
	temp := ".scpfs-" + rand.Text()[:16]
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	f, err := d.root.OpenFile(temp, flags, fs.FileMode(rec.Mode&0o777))
	if err != nil {
		return nil, err
	}
	return &localFile{File: f, root: d.root, opt: d.opt, rec: rec, temp: temp, old: old}, nil
}

// Close publishes a file that came whole and removes one that did not. Written
// in place it has its length set, even to bad content, for the old is gone.
func (f *localFile) Close(err error) error {
	if f.temp == "" {
		return f.finish(err)
	}
	if err != nil {
		f.drop()
		return nil
	}
	return f.publish()
}

func (f *localFile) finish(err error) error {
	if _, bad := errors.AsType[*Refusal](err); err != nil && !bad {
		return f.File.Close()
	}
	return errors.Join(
		f.truncate(),
		f.setMode(),
		step("close", f.File.Close()),
		setTimes(f.root, f.rec.Name, f.rec),
	)
}

// publish renames the file. Its content counts for more than its attributes:
// an error of these is told, but does not keep it back.
func (f *localFile) publish() error {
	attrs := f.setMode()
	if err := f.File.Close(); err != nil {
		f.drop()
		return step("close", err)
	}
	attrs = errors.Join(attrs, setTimes(f.root, f.temp, f.rec))
	if err := f.root.Rename(f.temp, f.rec.Name); err != nil {
		f.drop()
		return err
	}
	return attrs
}

func (f *localFile) drop() {
	f.File.Close()
	f.root.Remove(f.temp)
}

// truncate cuts off what is left of a longer file. Devices have no length.
func (f *localFile) truncate() error {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	return step("truncate", f.Truncate(f.rec.Size))
}

func (f *localFile) setMode() error {
	switch {
	case f.opt.Preserve:
		return step("set mode", f.Chmod(fileMode(f.rec.Mode)))
	case f.old != nil && f.old.Mode().IsRegular():
		return step("set mode", f.Chmod(f.old.Mode().Perm()))
	}
	return nil
}

// setTimes sets the times that came with rec, if any did.
func setTimes(root *os.Root, name string, rec Record) error {
	if rec.Mtime.IsZero() {
		return nil
	}
	if !settable(rec.Mtime) || !settable(rec.Atime) {
		return step("set times", errors.New("out of range"))
	}
	return step("set times", root.Chtimes(name, rec.Atime, rec.Mtime))
}

func step(name string, err error) error {
	if err == nil {
		return nil
	}
	return &stepError{name, err}
}

// discard is a file of which nothing is kept.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) Close(error) error           { return nil }
