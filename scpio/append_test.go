package scpio_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/scpfs/scpfs/scpio"
	"github.com/scpfs/scpfs/scpio/scptest"
)

// TestAppendInPlace appends a little to a large file: it stays the same file, whoever else has a name of it, and nothing is copied on the host.
func TestAppendInPlace(t *testing.T) {
	scptest.Need(t, "perl")
	env, dir := farm(t)
	r := newRemote(t, scptest.Start(t, env), scpio.Options{Shells: 1})
	check(t, os.Remove(dir+"/cp"))
	old, rest := noise(1<<20), noise(128<<10)
	for name, prepare := range map[string]func(){
		"alone":            func() {},
		"with other links": func() { check(t, os.Link(r.path("file"), r.path("link"))) },
		"of another mode":  func() { check(t, os.Chmod(r.path("file"), 0o604)) },
	} {
		t.Run(name, func(t *testing.T) {
			check(t, errors.Join(os.RemoveAll(r.path("file")), os.RemoveAll(r.path("link"))))
			r.write(t, "file", old)
			prepare()
			was := r.stat(t, "file")
			a, err := r.storeRest(t, "file", old+rest, len(old), was)
			check(t, err)
			if r.read(t, "file") != old+rest || a.Ino != was.Ino || a.Nlink != was.Nlink {
				t.Errorf("%d bytes are there, as %+v, before it was %+v", len(r.read(t, "file")), a, was)
			}
			if want := r.attrOf(t, "file"); !same(a, want) || a.Mtime != 1700000000123456789 || a.Mode&07777 != 0o640 {
				t.Errorf("told %+v, there is %+v", a, want)
			}
			if left := r.names(t); strings.Contains(left, ".scpfs-") {
				t.Errorf("left are %s", left)
			}
		})
	}
}

// TestAppendElsewhere has appends that others could see half of, or that cannot
// be made in place: the file is replaced as a whole.
func TestAppendElsewhere(t *testing.T) {
	scptest.Need(t, "perl")
	r := newRemote(t, scptest.Start(t), scpio.Options{Shells: 1})
	text := noise(1 << 18)
	for name, c := range map[string]struct {
		keep, size int
		held       bool // by a reader
	}{
		"of more than is sent at once": {100, 101 + 128<<10, false},
		"while somebody has it":        {100, 200, true},
	} {
		t.Run(name, func(t *testing.T) {
			r.write(t, "file", text[:c.keep])
			f, err := os.Open(r.path("file"))
			check(t, err)
			defer f.Close()
			if !c.held {
				check(t, f.Close())
			}
			was := r.stat(t, "file")
			a, err := r.storeRest(t, "file", text[:c.size], c.keep, was)
			check(t, err)
			if r.read(t, "file") != text[:c.size] || a.Ino == was.Ino || !same(a, r.stat(t, "file")) {
				t.Errorf("%d bytes are there, as %+v, before it was %+v", len(r.read(t, "file")), a, was)
			}
			if st, err := f.Stat(); c.held && (err != nil || st.Size() != int64(c.keep)) {
				t.Errorf("who had it open sees %v, %v", st, err)
			}
		})
	}
	if left := r.names(t); left != "file" {
		t.Errorf("left are %s", left)
	}
}

// TestAppendIsSeenWhole reads a file on the host while it is appended to.
func TestAppendIsSeenWhole(t *testing.T) {
	scptest.Need(t, "perl")
	r := newRemote(t, scptest.Start(t), scpio.Options{Shells: 1})
	const part = 128 << 10
	text := noise(10 * part)
	r.write(t, "file", text[:part])
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			got, err := os.ReadFile(r.path("file"))
			if err != nil || len(got)%part != 0 || string(got) != text[:len(got)] {
				t.Errorf("the host has %d bytes, %v", len(got), err)
			}
			time.Sleep(5 * time.Millisecond)
		}
	})
	was, inPlace := r.stat(t, "file"), 0
	for i := 2; i <= 10; i++ {
		a, err := r.storeRest(t, "file", text[:i*part], (i-1)*part, was)
		check(t, err)
		if a.Ino == was.Ino {
			inPlace++
		}
		was = a
	}
	cancel()
	wg.Wait()
	t.Logf("%d of 9 were made in place", inPlace)
}

// TestAppendOnFullDisk: an append for which there is no room leaves the file as it
// was, and tells the version that it is now.
func TestAppendOnFullDisk(t *testing.T) {
	needRoot(t)
	scptest.Need(t, "perl")
	r := newRemote(t, scptest.Start(t), scpio.Options{})
	r.onHost(t, "mount -t tmpfs -o size=64k none "+r.dir)
	t.Cleanup(func() { r.onHost(t, "umount "+r.dir) })
	text := noise(60 << 10) // and a page for the rest, before it is appended
	ctx := t.Context()
	have, err := r.store(ctx, "file", text, scpio.Attr{})
	check(t, err)
	a, err := r.storeRest(t, "file", text+"more", len(text), have)
	wantErrno(t, "append on a full disk", err, syscall.ENOSPC)
	if got, is, err := r.fetch(ctx, "file", scpio.Attr{}); err != nil || got != text || !same(a, is) {
		t.Errorf("%d bytes are there, as %+v, told %+v: %v", len(got), is, a, err)
	}
	if have, err = r.store(ctx, "file", "short", a); err == nil {
		_, err = r.storeRest(t, "file", "short, and more", 5, have)
	}
	check(t, err)
	if got, _, err := r.fetch(ctx, "file", scpio.Attr{}); err != nil || got != "short, and more" {
		t.Errorf("%q is there: %v", got, err)
	}
	r.onHost(t, fmt.Sprintf("cd %s && [ $(ls -A | wc -l) = 1 ]", r.dir))
}

// TestAppendAmidChanges has others rename, replace and write to a file while it is
// appended to. What was appended is in the file that it was meant for, once, or it
// is nowhere.
func TestAppendAmidChanges(t *testing.T) {
	scptest.Need(t, "perl")
	r := newRemote(t, scptest.Start(t), scpio.Options{Shells: 1})
	const old, ours, theirs = "old;", "ours;", "theirs;"
	write := func(name string, flags int) error {
		f, err := os.OpenFile(r.path(name), os.O_WRONLY|flags, 0o644)
		if err != nil {
			return err
		}
		_, err = f.WriteString(theirs)
		return errors.Join(err, f.Close())
	}
	rename := func() error { return os.Rename(r.path("file"), r.path("gone")) }
	kinds := map[string]struct {
		change     func() error
		file, gone string // what there is at the end where the append came first
	}{
		"append":  {func() error { return write("file", os.O_APPEND) }, old + ours + theirs, ""},
		"rename":  {rename, "", old + ours},
		"replace": {func() error { return errors.Join(rename(), write("file", os.O_CREATE|os.O_EXCL)) }, theirs, old + ours},
	}
	var first, refused int
	for i := range 12 {
		for name, k := range kinds {
			check(t, errors.Join(os.RemoveAll(r.path("file")), os.RemoveAll(r.path("gone"))))
			r.write(t, "file", old)
			was := r.stat(t, "file")
			var wg sync.WaitGroup
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 250 * time.Microsecond)
				if err := k.change(); err != nil {
					t.Error(err)
				}
			})
			_, err := r.storeRest(t, "file", old+ours, len(old), was)
			wg.Wait()
			file, _ := os.ReadFile(r.path("file"))
			gone, _ := os.ReadFile(r.path("gone"))
			switch {
			case err == nil && string(file) == k.file && string(gone) == k.gone:
				first++
			case errors.Is(err, scpio.ErrChanged) && !strings.Contains(fmt.Sprintf("%s%s", file, gone), ours):
				refused++
			default:
				t.Errorf("%s after %d: %v, file %q, gone %q", name, i*250, err, file, gone)
			}
		}
	}
	t.Logf("%d appends came first, %d were refused", first, refused)
	if left := r.names(t); strings.Contains(left, ".scpfs-") {
		t.Errorf("left are %s", left)
	}
}
