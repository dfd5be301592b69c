package e2e_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/scpfs/scpfs/scpio/scptest"
)

// TestCachePrivate: nobody else reads what is kept here.
func TestCachePrivate(t *testing.T) {
	dir := newDir(t, "")
	m := mountAt(t, scptest.Start(t), mountOptions{cache: filepath.Join(dir, "sub", "cache")})
	writeFile(t, m.path("file"), "data\n")
	wantPrivate(t, filepath.Join(dir, "sub"))
	m.Unmount()
	wantPrivate(t, filepath.Join(dir, "sub"))
}

func wantPrivate(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode()&0o077 != 0 {
			t.Errorf("%s: mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestCacheSize: contents over the budget go, the oldest first.
func TestCacheSize(t *testing.T) {
	m := mountAt(t, scptest.Start(t), mountOptions{words: []string{"cache_size=3M"}})
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		writeAged(t, m.there(name), strings.Repeat(name, mib))
	}
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		wantFile(t, m.path(name), strings.Repeat(name, mib))
	}
	waitUntil(t, "the cache is within its budget", func() bool { return kept(t, m.Cache) <= 3*mib })
	if got := kept(t, m.Cache); got < 2*mib {
		t.Errorf("only %d bytes are kept", got)
	}
}

// kept is the size of all contents in a cache.
func kept(t testing.TB, cache string) int64 {
	t.Helper()
	objects, err := filepath.Glob(filepath.Join(cache, "*", "*", "objects", "*"))
	if err != nil {
		t.Fatal(err)
	}
	var sum int64
	for _, name := range objects {
		if info, err := os.Stat(name); err == nil { // else it has just gone
			sum += info.Size()
		}
	}
	return sum
}

// TestMinFree: a disk without the room that is to stay free takes nothing.
func TestMinFree(t *testing.T) {
	m := mountAt(t, scptest.Start(t), mountOptions{words: []string{"min_free=100%"}})
	writeAged(t, m.there("file"), "data\n")
	_, err := os.ReadFile(m.path("file"))
	wantErrno(t, "read", err, syscall.ENOSPC)
	f, err := os.Create(m.path("new"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString("x")
	wantErrno(t, "write", err, syscall.ENOSPC)
	f.Close() // nothing was written
}

// TestForeignChanges: without a timeout what others do on the host is seen at
// once: new, changed, replaced and removed files.
func TestForeignChanges(t *testing.T) {
	m := mountAt(t, scptest.Start(t), mountOptions{words: []string{"cache_timeout=0", "entry_timeout=0", "attr_timeout=0"}})
	_, err := os.Stat(m.path("file"))
	wantErrno(t, "stat", err, syscall.ENOENT)
	for _, step := range []struct{ script, want string }{
		{"echo one >file", "one\n"},
		{"echo two >file", "two\n"},
		{"echo three >new; mv new file", "three\n"},
		{"echo more >>file", "three\nmore\n"},
		{": >file", ""},
		{"rm file; ln -s other file; echo other >other", "other\n"},
	} {
		shell(t, m.Remote, step.script)
		wantFile(t, m.path("file"), step.want)
		wantNames(t, m.Point, strings.Fields(run(t, m.Remote, "ls")))
	}
	shell(t, m.Remote, "rm file")
	_, err = os.Stat(m.path("file"))
	wantErrno(t, "stat", err, syscall.ENOENT)
}

// replaceThere is a foreign change, made by this process: to start another one
// closes a copy of what is open here, and a close stores.
func replaceThere(t *testing.T, m *mounted) {
	t.Helper()
	writeFile(t, m.there("new"), "theirs\n")
	if err := os.Rename(m.there("new"), m.there("file")); err != nil {
		t.Fatal(err)
	}
}

// TestConflict: a file that is changed on both sides, by each policy.
func TestConflict(t *testing.T) {
	srv := scptest.Start(t)
	for _, tt := range []struct {
		policy string
		err    error
		there  string // what the host has under the name
		copies int    // of ours beside it
	}{
		{"keep-both", syscall.ESTALE, "theirs\n", 1},
		{"local", nil, "ours\n", 0},
		{"remote", syscall.ESTALE, "theirs\n", 0},
		{"fail", syscall.ESTALE, "theirs\n", 0},
	} {
		t.Run(tt.policy, func(t *testing.T) {
			t.Parallel()
			m := mountAt(t, srv, mountOptions{words: []string{"conflict=" + tt.policy}})
			writeFile(t, m.path("file"), "the first\n")
			f, err := os.OpenFile(m.path("file"), os.O_WRONLY|os.O_TRUNC, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteString("ours\n"); err != nil {
				t.Fatal(err)
			}
			replaceThere(t, m)
			if err := f.Sync(); !errors.Is(err, tt.err) {
				t.Errorf("fsync: got %v, want %v", err, tt.err)
			}
			wantFile(t, m.there("file"), tt.there)
			copies, err := filepath.Glob(m.there("file.conflict-*"))
			if err != nil || len(copies) != tt.copies {
				t.Fatalf("copies: %q, %v", copies, err)
			}
			for _, name := range copies {
				wantFile(t, name, "ours\n")
			}
			if tt.policy == "fail" { // ours is here alone, so that the name is not taken from it
				if err := os.Remove(m.path("file")); !errors.Is(err, syscall.EBUSY) {
					t.Errorf("remove: got %v, want EBUSY", err)
				}
				m.ask("resolve", m.Point, "file", "--keep=remote", "--yes")
				wantFile(t, m.path("file"), "theirs\n")
			}
			if err := os.Remove(m.path("file")); err != nil { // or what is ours stays unsent
				t.Error(err)
			}
		})
	}
}
