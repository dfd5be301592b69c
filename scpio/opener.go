package scpio

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// An Opener opens the files a source sends. *os.Root is one that keeps to a
// directory, Directory one that does not.
type Opener interface {
	OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error)
}

// Directory is an Opener for the operating system's paths; those that are not
// absolute are taken from the directory it names, "" being the current one.
type Directory string

// OpenFile opens a file as os.OpenFile does.
func (d Directory) OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error) {
	path, err := d.path(name)
	if err != nil {
		return nil, err
	}
	return os.OpenFile(path, flag, perm)
}

func (d Directory) path(name string) (string, error) {
	switch {
	case name == "":
		return "", &fs.PathError{Op: "open", Path: name, Err: syscall.ENOENT}
	case d == "" || name[0] == '/':
		return name, nil
	}
	return fmt.Sprintf("%s/%s", d, name), nil
}
