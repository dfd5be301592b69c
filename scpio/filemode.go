package scpio

import (
	"io/fs"
	"os"
	"syscall"
	"time"
)

// openNonblock keeps an open from waiting for the other end of a FIFO.
const openNonblock = syscall.O_NONBLOCK

var specialBits = []struct {
	unix uint32
	mode fs.FileMode
}{
	{syscall.S_ISUID, fs.ModeSetuid},
	{syscall.S_ISGID, fs.ModeSetgid},
	{syscall.S_ISVTX, fs.ModeSticky},
}

// unixMode is the permission part of a mode as records have it.
func unixMode(m fs.FileMode) uint32 {
	mode := uint32(m.Perm())
	for _, b := range specialBits {
		if m&b.mode != 0 {
			mode |= b.unix
		}
	}
	return mode
}

// fileMode is the inverse of unixMode.
func fileMode(mode uint32) fs.FileMode {
	m := fs.FileMode(mode & 0o777)
	for _, b := range specialBits {
		if mode&b.unix != 0 {
			m |= b.mode
		}
	}
	return m
}

func accessTime(info os.FileInfo) time.Time {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return info.ModTime()
	}
	return time.Unix(st.Atim.Unix())
}

// settable reports whether the system can be given t: beyond these years its
// nanoseconds do not fit.
func settable(t time.Time) bool {
	return 1678 <= t.Year() && t.Year() < 2262
}
