package scpio

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// TargetOptions say how files are written.
type TargetOptions struct {
	// Preserve sets modes exactly as they came. Otherwise new files get them
	// less the umask and without setuid, setgid and sticky bit, and files that
	// exist keep theirs.
	Preserve bool
	// InPlace overwrites the file that has the name, which keeps its links and
	// owner, but mixes old and new content if the transfer is cut. Otherwise a
	// file is written under a temporary name and renamed when it is whole.
	InPlace bool
}

// LocalDir is the Target that writes below a directory of this machine. It
// cannot be made to leave it, by names or by symbolic links.
type LocalDir struct {
	root *os.Root
	opt  TargetOptions

	rec   Record      // the record it comes from, if it is one of Dir's
	extra fs.FileMode // permissions only lent until Close
}

// NewLocalDir returns a Target that writes below root, which stays the
// caller's to close.
func NewLocalDir(root *os.Root, o TargetOptions) *LocalDir {
	return &LocalDir{root: root, opt: o}
}

// Dir makes a directory or uses the one that is there.
func (d *LocalDir) Dir(rec Record) (Target, error) {
	extra, err := d.mkdir(rec)
	if err != nil {
		return nil, err
	}
	sub, err := d.root.OpenRoot(rec.Name)
	if err != nil {
		return nil, err
	}
	return &LocalDir{root: sub, opt: d.opt, rec: rec, extra: extra}, nil
}

// mkdir makes a directory that its owner can fill, and says which permissions
// it was not to have.
func (d *LocalDir) mkdir(rec Record) (fs.FileMode, error) {
	perm := fs.FileMode(rec.Mode & 0o777)
	err := d.root.Mkdir(rec.Name, perm|0o700)
	if !errors.Is(err, fs.ErrExist) {
		return 0o700 &^ perm, err
	}
	info, err := d.root.Stat(rec.Name)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "mkdir", Path: rec.Name, Err: syscall.ENOTDIR}
	}
	return 0, err
}

// Close gives the directory its mode and times, now that nothing is written
// into it any more.
func (d *LocalDir) Close() error {
	defer d.root.Close()
	return errors.Join(d.setMode(), setTimes(d.root, ".", d.rec))
}

func (d *LocalDir) setMode() error {
	if d.opt.Preserve {
		return step("set mode", d.root.Chmod(".", fileMode(d.rec.Mode)))
	}
	if d.extra == 0 {
		return nil
	}
	info, err := d.root.Stat(".")
	if err != nil {
		return err
	}
	return step("set mode", d.root.Chmod(".", info.Mode()&^d.extra))
}

// File begins a file. What is there and is no regular file, a device say, is
// never replaced.
func (d *LocalDir) File(rec Record) (TargetFile, error) {
	info, err := d.root.Lstat(rec.Name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		info = nil
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, &fs.PathError{Op: "open", Path: rec.Name, Err: syscall.EISDIR}
	}
	if d.opt.InPlace || info != nil && !replaceable(info) {
		return d.overwrite(rec)
	}
	return d.create(rec, info)
}

func replaceable(info os.FileInfo) bool {
	return info.Mode().IsRegular() || info.Mode()&fs.ModeSymlink != 0
}

// LocalName is a LocalDir that gives one name to whatever it is sent, as scp -t
// does with a target that is not a directory.
type LocalName struct {
	dir  *LocalDir
	name string
}

// NewLocalName returns a Target for what is to be called name below root, which
// stays the caller's to close.
func NewLocalName(root *os.Root, name string, o TargetOptions) *LocalName {
	return &LocalName{dir: NewLocalDir(root, o), name: name}
}

// File begins the file of that name.
func (n *LocalName) File(rec Record) (TargetFile, error) {
	rec.Name = n.name
	return n.dir.File(rec)
}

// Dir makes the directory of that name.
func (n *LocalName) Dir(rec Record) (Target, error) {
	rec.Name = n.name
	return n.dir.Dir(rec)
}

// Close does nothing.
func (n *LocalName) Close() error { return nil }

// nothing takes everything and keeps none of it.
type nothing struct{}

func (nothing) File(Record) (TargetFile, error) { return discard{}, nil }
func (nothing) Dir(Record) (Target, error)      { return nothing{}, nil }
func (nothing) Close() error                    { return nil }
