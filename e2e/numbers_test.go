package e2e_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/scpfs/scpfs/scpio/scptest"
)

// TestInodeNumberGivenAway has the host remove a file that is believed here, and
// give its inode number to another one, which is looked up here. Who opens the first
// name does not get the other file.
func TestInodeNumberGivenAway(t *testing.T) {
	t.Parallel()
	m := mountAt(t, scptest.Start(t), mountOptions{words: []string{"cache_timeout=3"}})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(m.there("other"), []byte("old"), 0o644))
	_, err := os.Stat(m.path("other"))
	must(err)
	old := time.Now().Add(3 * time.Second)
	time.Sleep(1500 * time.Millisecond)
	names := make([]string, 8)
	for i := range names {
		names[i] = fmt.Sprint("first", i)
		must(os.WriteFile(m.path(names[i]), []byte("first"), 0o644))
	}
	first := giveInode(t, m.there(), names, "other")
	time.Sleep(time.Until(old))
	_, err = os.Stat(m.path("other"))
	must(err)

	f, err := os.OpenFile(m.path(first), os.O_WRONLY, 0)
	if err == nil { // it may be said to be there still
		f.WriteString("written to the first")
		f.Close()
	} else if !errors.Is(err, syscall.ENOENT) {
		t.Error(err)
	}
	if got, err := os.ReadFile(m.there("other")); err != nil || string(got) != "the other" {
		t.Errorf("the other file on the host has %q, %v", got, err)
	}
	if got, err := os.ReadFile(m.path("other")); err != nil || string(got) != "the other" {
		t.Errorf("the other file has %q, %v", got, err)
	}
}

// giveInode removes files in a directory and gives the inode number of one of them to
// a new file, which takes the place of another. The numbers of the others may go to
// whoever makes files on this machine just then.
func giveInode(t *testing.T, dir string, names []string, to string) (given string) {
	t.Helper()
	was := map[uint64]string{}
	for _, name := range names {
		was[inode(t, filepath.Join(dir, name))] = name
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 1000 {
		name := filepath.Join(dir, fmt.Sprint("new", i))
		if err := os.WriteFile(name, []byte("the other"), 0o644); err != nil {
			t.Fatal(err)
		}
		given, ok := was[inode(t, name)]
		if !ok {
			continue
		}
		if err := os.Rename(name, filepath.Join(dir, to)); err != nil {
			t.Fatal(err)
		}
		return given
	}
	scptest.Missing(t, "ext4", "the file system of temporary files does not give inode numbers again")
	return ""
}

func inode(t *testing.T, path string) uint64 {
	t.Helper()
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return st.Sys().(*syscall.Stat_t).Ino
}
