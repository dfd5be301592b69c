package fsops

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

func (e *Executor) rename(op Op) string {
	return said(unix.Renameat2(unix.AT_FDCWD, e.path(op.Path), unix.AT_FDCWD, e.path(op.Path2), uint(op.Flags)))
}

func (e *Executor) link(op Op) string {
	return said(unix.Linkat(unix.AT_FDCWD, e.path(op.Path), unix.AT_FDCWD, e.path(op.Path2), 0))
}

// linkFd gives a name to an open file, above all to one that has none.
func (e *Executor) linkFd(op Op) string {
	return e.withFd(op.Slot, func(fd int) string {
		return said(unix.Linkat(unix.AT_FDCWD, fmt.Sprint("/proc/self/fd/", fd), unix.AT_FDCWD, e.path(op.Path), unix.AT_SYMLINK_FOLLOW))
	})
}

func (e *Executor) symlink(op Op) string {
	return said(unix.Symlinkat(op.Path, unix.AT_FDCWD, e.path(op.Path2)))
}

func (e *Executor) readlink(op Op) string {
	b := make([]byte, 4096)
	n, err := unix.Readlink(e.path(op.Path), b)
	if err != nil {
		return said(err)
	}
	return fmt.Sprintf("%q", b[:n])
}

func (e *Executor) unlink(op Op) string { return said(unix.Unlink(e.path(op.Path))) }
func (e *Executor) rmdir(op Op) string  { return said(unix.Rmdir(e.path(op.Path))) }
func (e *Executor) mkdir(op Op) string  { return said(unix.Mkdir(e.path(op.Path), op.Mode)) }
func (e *Executor) mkfifo(op Op) string { return said(unix.Mkfifo(e.path(op.Path), op.Mode&0o777)) }

// readdir gives the names with their types. An entry whose inode number is
// not that of the file is told too.
func (e *Executor) readdir(op Op) string {
	fd, err := unix.Open(e.path(op.Path), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return said(err)
	}
	defer unix.Close(fd)
	entries, err := list(fd)
	if err != nil {
		return said(err)
	}
	var all []string
	for _, d := range entries {
		all = append(all, fmt.Sprintf("%q %s%s", d.name, typeNames[uint32(d.kind)<<12], strange(fd, d)))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func strange(dir int, d dirent) string {
	var st unix.Stat_t
	if d.name == "." || d.name == ".." {
		return ""
	}
	if err := unix.Fstatat(dir, d.name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return " " + said(err)
	}
	if st.Ino != d.ino {
		return fmt.Sprintf(" inode %d listed as %d", st.Ino, d.ino)
	}
	return ""
}
