package scpio

import (
	"strings"
	"syscall"
)

// errnoTexts are the endings of messages that programs print for an errno
// under LC_ALL=C: glibc's and musl's strerror texts, and what shells and
// coreutils say in words of their own. The longest match counts.
//
// None gives an errno that says something of us: that the connection is lost
// (ENOTCONN, EHOSTUNREACH, ETIMEDOUT), that an operation was ended (EINTR,
// ECANCELED), or that a file is not the version expected (ESTALE). Of a file the
// host says such words where it is on a dead mount of the host's own, and
// what failed there fails again however often it is tried.
var errnoTexts = []struct {
	text  string
	errno syscall.Errno
}{
	{"No such file or directory", syscall.ENOENT},
	{"nonexistent directory", syscall.ENOENT}, // busybox ash, redirection
	{"Directory nonexistent", syscall.ENOENT}, // dash, redirection
	{"No such file", syscall.ENOENT},
	{"Permission denied", syscall.EACCES},
	{"Operation not permitted", syscall.EPERM},
	{"File exists", syscall.EEXIST},
	{"cannot create existing file", syscall.EEXIST},
	{"Not a directory", syscall.ENOTDIR},
	{"Path has non-directory component", syscall.ENOTDIR}, // busybox
	{"Is a directory", syscall.EISDIR},
	{"is a directory", syscall.EISDIR},
	{"not a regular file", syscall.EINVAL},
	{"Directory not empty", syscall.ENOTEMPTY},
	{"No space left on device", syscall.ENOSPC},
	{"Disk quota exceeded", syscall.EDQUOT},
	{"Quota exceeded", syscall.EDQUOT}, // musl
	{"Read-only file system", syscall.EROFS},
	{"File name too long", syscall.ENAMETOOLONG},
	{"Filename too long", syscall.ENAMETOOLONG}, // musl
	{"Too many levels of symbolic links", syscall.ELOOP},
	{"Symbolic link loop", syscall.ELOOP}, // musl
	{"Text file busy", syscall.ETXTBSY},
	{"Device or resource busy", syscall.EBUSY},
	{"Resource busy", syscall.EBUSY}, // musl
	{"Invalid cross-device link", syscall.EXDEV},
	{"Cross-device link", syscall.EXDEV}, // musl
	{"Too many links", syscall.EMLINK},
	{"File too large", syscall.EFBIG},
	{"Invalid argument", syscall.EINVAL},
	{"Input/output error", syscall.EIO},
	{"I/O error", syscall.EIO}, // musl
	{"Operation not supported", syscall.EOPNOTSUPP},
	{"Not supported", syscall.EOPNOTSUPP}, // musl
	{"Function not implemented", syscall.ENOSYS},
	{"Stale file handle", syscall.EIO},
	{"Cannot allocate memory", syscall.ENOMEM},
	{"Too many open files", syscall.EMFILE},
	{"No such device or address", syscall.ENXIO},
	{"No such device", syscall.ENODEV},
	{"Transport endpoint is not connected", syscall.EIO},
	{"Argument list too long", syscall.E2BIG},
	{"Value too large for defined data type", syscall.EOVERFLOW},
	{"Numerical result out of range", syscall.ERANGE},
	{"Broken pipe", syscall.EPIPE},
}

// errnoPhrases are recognised inside a message, behind its own prefix.
var errnoPhrases = []struct {
	text  string
	errno syscall.Errno
}{
	{"hard link not allowed for directory", syscall.EPERM},
	{"to a subdirectory of itself", syscall.EINVAL},     // mv d d/x
	{"cannot overwrite directory", syscall.EISDIR},      // GNU mv f d
	{"cannot overwrite non-directory", syscall.ENOTDIR}, // GNU mv d f
	{"are the same file", syscall.EEXIST},
	{"inter-device move failed", syscall.EXDEV},
}

// errnoOf finds the errno in what a program on the host printed. A message
// is matched from its right end because the name in front of it is
// anybody's text; of several lines the last that tells counts. EIO stands
// for everything unknown.
func errnoOf(said string) syscall.Errno {
	lines := strings.Split(strings.TrimRight(said, "\n"), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		if e := errnoOfLine(lines[i]); e != 0 {
			return e
		}
	}
	return syscall.EIO
}

func errnoOfLine(line string) syscall.Errno {
	line = strings.TrimRight(line, " \t\r")
	best := 0
	var errno syscall.Errno
	for _, t := range errnoTexts {
		if len(t.text) > best && strings.HasSuffix(line, t.text) {
			best, errno = len(t.text), t.errno
		}
	}
	if errno != 0 {
		return errno
	}
	for _, p := range errnoPhrases {
		if strings.Contains(line, p.text) {
			return p.errno
		}
	}
	for _, t := range errnoTexts { // as zsh says it, in front of the path
		if strings.Contains(line, ": "+strings.ToLower(t.text)+": /") {
			return t.errno
		}
	}
	return 0
}
