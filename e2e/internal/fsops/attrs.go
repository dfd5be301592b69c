package fsops

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// recent is the time behind which a time is "now": that of a change, which
// differs between any two file systems. Times that are set are before it.
const recent = 1262304000 // 2010

var typeNames = map[uint32]string{
	unix.S_IFREG: "file", unix.S_IFDIR: "dir", unix.S_IFLNK: "link", unix.S_IFIFO: "fifo",
}

// describe is what of a file's attributes can be compared. The size of a
// directory is its file system's own affair; so is its time, since a store
// here makes and renames a file in it. What goes through a FIFO stays on this
// machine, and so does the time of that.
func (e *Executor) describe(st *unix.Stat_t) string {
	s := fmt.Sprintf("%s %04o nlink %d owner %d:%d", typeNames[st.Mode&unix.S_IFMT], st.Mode&0o7777, st.Nlink, st.Uid, st.Gid)
	if kind := st.Mode & unix.S_IFMT; kind == unix.S_IFDIR || kind == unix.S_IFIFO {
		return s
	}
	return fmt.Sprintf("%s size %d mtime %s", s, st.Size, stamp(st.Mtim, e.whole))
}

func stamp(t unix.Timespec, whole bool) string {
	switch {
	case t.Sec > recent:
		return "now"
	case whole:
		return fmt.Sprint(t.Sec)
	}
	return fmt.Sprintf("%d.%09d", t.Sec, t.Nsec)
}

func (e *Executor) described(st *unix.Stat_t, err error) string {
	if err != nil {
		return said(err)
	}
	return e.describe(st)
}

func (e *Executor) stat(op Op) string {
	var st unix.Stat_t
	err := unix.Stat(e.path(op.Path), &st)
	return e.described(&st, err)
}

func (e *Executor) lstat(op Op) string {
	var st unix.Stat_t
	err := unix.Lstat(e.path(op.Path), &st)
	return e.described(&st, err)
}

func (e *Executor) fstat(op Op) string {
	return e.withFd(op.Slot, func(fd int) string {
		var st unix.Stat_t
		err := unix.Fstat(fd, &st)
		return e.described(&st, err)
	})
}

func (e *Executor) chmod(op Op) string { return said(unix.Chmod(e.path(op.Path), op.Mode)) }

func (e *Executor) fchmod(op Op) string {
	return e.withFd(op.Slot, func(fd int) string { return said(unix.Fchmod(fd, op.Mode)) })
}

func (e *Executor) chown(op Op) string {
	return said(unix.Lchown(e.path(op.Path), op.Flags, op.Flags))
}

func (e *Executor) access(op Op) string {
	return said(unix.Access(e.path(op.Path), uint32(op.Flags)))
}

// utimens sets both times, and tells what the file has then: also that of a
// directory, which can be compared only now.
func (e *Executor) utimens(op Op) string {
	t := unix.NsecToTimespec(op.Time)
	flags := op.Flags * unix.AT_SYMLINK_NOFOLLOW
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, e.path(op.Path), []unix.Timespec{t, t}, flags); err != nil {
		return said(err)
	}
	var st unix.Stat_t
	if err := unix.Fstatat(unix.AT_FDCWD, e.path(op.Path), &st, flags); err != nil {
		return said(err)
	}
	return stamp(st.Mtim, e.whole)
}

func (e *Executor) futimens(op Op) string {
	return e.withFd(op.Slot, func(fd int) string {
		t := unix.NsecToTimespec(op.Time)
		err := unix.UtimesNanoAt(unix.AT_FDCWD, fmt.Sprint("/proc/self/fd/", fd), []unix.Timespec{t, t}, 0)
		return said(err)
	})
}
