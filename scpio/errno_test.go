package scpio_test

import (
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/scpfs/scpfs/scpio"
)

func TestErrnoOf(t *testing.T) {
	for said, want := range map[string]syscall.Errno{
		"find: '/a': No such file or directory\n":                                    syscall.ENOENT,
		"mv: cannot move '/a' to '/b': Directory not empty":                          syscall.ENOTEMPTY,
		"mv: cannot overwrite directory '/a' with non-directory":                     syscall.EISDIR,
		"mv: cannot overwrite non-directory '/a' with directory '/b'":                syscall.ENOTDIR,
		"mv: cannot move 'a' to a subdirectory of itself, 'a/b'":                     syscall.EINVAL,
		"scp: /a: set times: Operation not permitted":                                syscall.EPERM,
		"scp: /x: Permission denied":                                                 syscall.EACCES,
		"/bin/sh: 1: cannot create /a: File exists":                                  syscall.EEXIST,
		"sh: can't create /a: nonexistent directory":                                 syscall.ENOENT,
		"rm: cannot remove '/No such file or directory': Is a directory":             syscall.EISDIR,
		"rm: cannot remove '/a\nNo such file or directory': Operation not permitted": syscall.EPERM,
		"scp: /a: Disk quota exceeded":                                               syscall.EDQUOT,
		"scp: /a: Quota exceeded":                                                    syscall.EDQUOT,
		"dd: error writing '/proc/self/fd/4': Disk quota exceeded":                   syscall.EDQUOT,
		"mkdir: can't create directory '/a': No space left on device":                syscall.ENOSPC,
		"touch: /a: I/O error":                                                       syscall.EIO,
		"ln: /a: hard link not allowed for directory":                                syscall.EPERM,
		"warning: x\nmkdir: can't create directory 'a': Read-only file system":       syscall.EROFS,
		"w:1: text file busy: /a":                                                    syscall.ETXTBSY,
		"":                                                                           syscall.EIO,
		"something else went on":                                                     syscall.EIO,
	} {
		if got := scpio.ErrnoOf(said); got != want {
			t.Errorf("%q: got %v, want %v", said, got, want)
		}
	}
}

func FuzzErrno(f *testing.F) {
	f.Add("mv: cannot move '/a' to '/b': Directory not empty", "x")
	f.Add("\n\n\r", "\n")
	f.Fuzz(func(t *testing.T, said, name string) {
		if scpio.ErrnoOf(said) == 0 {
			t.Errorf("no errno of %q", said)
		}
		if got := scpio.ErrnoOf("rm: cannot remove '" + name + "': Read-only file system"); got != syscall.EROFS {
			t.Errorf("the name %q changed the errno to %v", name, got)
		}
	})
}

// TestErrnoNotOurs: nothing that a host says of a file passes for the loss of the
// connection, the end of an operation or a foreign change.
func TestErrnoNotOurs(t *testing.T) {
	ours := []syscall.Errno{
		syscall.ENOTCONN, syscall.EHOSTUNREACH, syscall.ETIMEDOUT, syscall.EINTR, syscall.ECANCELED, syscall.ESTALE,
	}
	texts := []string{"Stale file handle", "Stale NFS file handle", "Socket not connected", "Operation timed out"}
	for e := syscall.Errno(1); e < 134; e++ {
		texts = append(texts, strings.ToUpper(e.Error()[:1])+e.Error()[1:])
	}
	for _, text := range texts {
		for _, said := range []string{"stat: cannot statx '/a': " + text, text + "\n", "w:1: " + strings.ToLower(text) + ": /a"} {
			if got := scpio.ErrnoOf(said); slices.Contains(ours, got) {
				t.Errorf("%q: got %v", said, got)
			}
		}
	}
}
