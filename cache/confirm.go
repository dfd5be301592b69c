package cache

import (
	"context"
	"slices"
	"syscall"
)

// confirm makes sure that a name is one of a file that is open under another
// name. What we know of the two may be of different times: since we learned
// of the one, the host may have given the other the inode, by a rename, or as
// that of a file that is gone. Then who opens the name would read, and write
// to, another file. ESTALE has the kernel look the name up again. Called with
// the file locked.
func (f *File) confirm(ctx context.Context, path string) error {
	other := f.otherName(path)
	if other == "" {
		return nil
	}
	is, err := f.c.stat(ctx, path)
	if isGone(err) || err == nil && f.c.ino.number(idOf(is.Attr)) != f.ino {
		f.c.tree.expire(path)
		return syscall.ESTALE
	}
	if err != nil {
		return err
	}
	was, err := f.c.stat(ctx, other)
	switch {
	case err == nil && idOf(was.Attr) == idOf(is.Attr):
		if linked(was.Attr) && linked(is.Attr) {
			return nil // two names of one file
		}
		// The inode went from one to the other between the two questions.
		f.c.tree.expire(path)
		return syscall.ESTALE
	case err != nil && !isGone(err):
		return err
	case f.otherName(path) != other:
		return f.confirm(ctx, path) // renamed just now
	}
	f.c.ino.gone(f.ino)
	if f.c.liveAt(path) == f {
		f.c.unname(path)
	}
	return syscall.ESTALE
}

// otherName is a name of a file that is open, if there is a doubt whether a
// path is one as well: not where it has been linked, as far as we know.
func (f *File) otherName(path string) string {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if path == "" || linked(f.base) && slices.Contains(f.paths, path) {
		return ""
	}
	for _, p := range f.paths {
		if p != path {
			return p
		}
	}
	return ""
}
