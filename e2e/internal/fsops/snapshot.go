package fsops

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Snapshot describes all that is below a directory, a line for each name:
// attributes, contents, targets, and which names are one file.
func Snapshot(root string, whole bool) (string, error) {
	e := &Executor{root: root, whole: whole}
	first := map[uint64]string{} // name of an inode
	var b strings.Builder
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return fmt.Errorf("lstat %s: %w", path, err)
		}
		name := under(root, path)
		first[st.Ino] = cmp.Or(first[st.Ino], name)
		what, err := inside(path, st.Mode)
		fmt.Fprintf(&b, "%q %s %s is %q\n", name, e.describe(&st), what, first[st.Ino])
		return err
	})
	return b.String(), err
}

func inside(path string, mode uint32) (string, error) {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		b, err := os.ReadFile(path)
		return sum(b), err
	case unix.S_IFLNK:
		return os.Readlink(path)
	}
	return "", nil
}

// Diff are the lines that only one of two descriptions has.
func Diff(got, want string) string {
	in := func(s string) map[string]bool {
		lines := map[string]bool{}
		for l := range strings.Lines(s) {
			lines[l] = true
		}
		return lines
	}
	var b strings.Builder
	inGot, inWant := in(got), in(want)
	for l := range strings.Lines(got) {
		if !inWant[l] {
			b.WriteString("got  " + l)
		}
	}
	for l := range strings.Lines(want) {
		if !inGot[l] {
			b.WriteString("want " + l)
		}
	}
	return b.String()
}
