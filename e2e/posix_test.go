package e2e_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/posixtest"
	"golang.org/x/sys/unix"

	"github.com/scpfs/scpfs/scpio/scptest"
)

// posixExceptions are the tests of go-fuse that a mount is not meant to pass,
// each with one in its place that says why.
var posixExceptions = map[string]func(t *testing.T, mnt string){
	// It wants two descriptors of one process to have locks against each
	// other. By POSIX these locks are the process's.
	"FcntlFlockLocksFile": sameAsPlain(lockTwice),
	// What has no place on the other side is refused, as by a file system
	// without extended attributes.
	"XAttr":      refusesXattrs,
	"XAttrLarge": refusesXattrs,
}

func TestPosix(t *testing.T) {
	srv := scptest.Start(t)
	for name, test := range posixtest.All {
		t.Run(name, func(t *testing.T) {
			if instead := posixExceptions[name]; instead != nil {
				test = instead
			}
			m := mountAt(t, srv, mountOptions{patience: 5 * time.Minute}) // some do thousands of things
			t.Cleanup(func() {
				if t.Skipped() {
					t.Error("skipped: an exception without a reason")
				}
			})
			test(t, m.Point)
		})
	}
}

func TestPosixExceptionsExist(t *testing.T) {
	for name := range posixExceptions {
		if posixtest.All[name] == nil {
			t.Errorf("there is no test %s", name)
		}
	}
}

// sameAsPlain expects of a mount what a plain directory does.
func sameAsPlain(probe func(dir string) error) func(t *testing.T, mnt string) {
	return func(t *testing.T, mnt string) {
		want := probe(t.TempDir())
		if got := probe(mnt); !errors.Is(got, want) {
			t.Errorf("got %v, a plain directory %v", got, want)
		}
	}
}

// lockTwice takes a lock by one descriptor, and one that excludes it by
// another of the same process.
func lockTwice(dir string) error {
	for i := range 2 {
		f, err := os.OpenFile(filepath.Join(dir, "locked"), os.O_RDWR|os.O_CREATE, 0o644)
		if err != nil {
			return err
		}
		defer f.Close()
		lock := unix.Flock_t{Type: []int16{unix.F_WRLCK, unix.F_RDLCK}[i]}
		if err := unix.FcntlFlock(f.Fd(), unix.F_SETLK, &lock); err != nil {
			return err
		}
	}
	return nil
}

func refusesXattrs(t *testing.T, mnt string) {
	file := filepath.Join(mnt, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	_, get := unix.Getxattr(file, "user.x", nil)
	_, list := unix.Listxattr(file, nil)
	for op, err := range map[string]error{
		"getxattr":    get,
		"listxattr":   list,
		"setxattr":    unix.Setxattr(file, "user.x", []byte("value"), 0),
		"removexattr": unix.Removexattr(file, "user.x"),
	} {
		if !errors.Is(err, unix.ENOTSUP) {
			t.Errorf("%s: got %v, want %v", op, err, unix.ENOTSUP)
		}
	}
}
