package scpio_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/scpfs/scpfs/scpio"
	"github.com/scpfs/scpfs/scpio/scptest"
)

func testFetch(t *testing.T, r *remote) {
	for name, contents := range map[string]string{
		"empty":    "",
		"small":    "hello",
		"records":  "C0644 5 x\nE\n\x00\x01no\n",
		"megabyte": strings.Repeat("0123456789abcdef", 3<<16),
		"-p":       "a dash",
	} {
		r.write(t, name, contents)
		got, a, err := r.fetch(t.Context(), name, scpio.Attr{})
		if err != nil || got != contents || a.Size != int64(len(contents)) {
			t.Errorf("%s: got %d bytes, %+v, %v", name, len(got), a, err)
		}
	}
}

// testFetchErrors has targets that must not be read, nor block.
func testFetchErrors(t *testing.T, r *remote) {
	r.mkdir(t, "dir")
	r.write(t, "file", "secret")
	r.symlink(t, "file", "link")
	r.symlink(t, "nowhere", "dangling")
	check(t, syscall.Mkfifo(r.path("fifo"), 0o600))
	for path, want := range map[string]syscall.Errno{
		"missing": syscall.ENOENT, "dir": syscall.EISDIR, "link": syscall.ELOOP, "dangling": syscall.ELOOP,
		"fifo": syscall.EINVAL, "file/x": syscall.ENOTDIR, "missing/x": syscall.ENOENT,
	} {
		got, _, err := r.fetch(t.Context(), path, scpio.Attr{})
		wantErrno(t, "fetch "+path, err, want)
		if got != "" {
			t.Errorf("fetch %s gave %q", path, got)
		}
		_, _, err = r.fetch(t.Context(), path, scpio.Attr{Ino: 1})
		wantErrno(t, "conditional fetch "+path, err, want)
	}
}

func testConditional(t *testing.T, r *remote) {
	r.write(t, "file", "one")
	_, have, err := r.fetch(t.Context(), "file", scpio.Attr{})
	check(t, err)
	if got, a, err := r.fetch(t.Context(), "file", have); err != nil || got != "" || a.Ino != have.Ino {
		t.Errorf("unchanged: got %q, %+v, %v", got, a, err)
	}
	r.write(t, "file", "two")
	if got, _, err := r.fetch(t.Context(), "file", have); err != nil || got != "two" {
		t.Errorf("changed: got %q, %v", got, err)
	}
}

// results collects what FetchMany gives.
type results struct {
	contents map[int]*bytes.Buffer
	errs     map[int]error
}

func (r *remote) fetchMany(t *testing.T, paths []string) results {
	t.Helper()
	got := results{map[int]*bytes.Buffer{}, map[int]error{}}
	err := r.FetchMany(t.Context(), paths,
		func(i int, _ scpio.Attr) (io.Writer, error) {
			got.contents[i] = new(bytes.Buffer)
			return got.contents[i], nil
		},
		func(i int, _ scpio.Attr, err error) { got.errs[i] = err })
	check(t, err)
	if len(got.errs) != len(paths) {
		t.Errorf("done was called for %d of %d files", len(got.errs), len(paths))
	}
	return got
}

func testFetchMany(t *testing.T, r *remote) {
	var paths []string
	for i := range 300 {
		paths = append(paths, fmt.Sprintf("a file with a rather long name, so that one command cannot have all of them %d", i))
		r.write(t, paths[i], fmt.Sprint(i))
	}
	r.mkdir(t, "dir")
	r.symlink(t, paths[0], "link")
	check(t, syscall.Mkfifo(r.path("fifo"), 0o600))
	bad := map[int]syscall.Errno{3: syscall.ENOENT, 5: syscall.EISDIR, 7: syscall.ELOOP, 9: syscall.EINVAL}
	paths[3], paths[5], paths[7], paths[9] = "missing", "dir", "link", "fifo"
	paths[11] = "new\nline\nT0 0 0 0"
	r.write(t, paths[11], "11")
	got := r.fetchMany(t, paths)
	for i, path := range paths {
		if want, ok := bad[i]; ok {
			wantErrno(t, "fetch "+path, got.errs[i], want)
			continue
		}
		if got.errs[i] != nil || got.contents[i] == nil || got.contents[i].String() != fmt.Sprint(i) {
			t.Errorf("file %d: got %v, %v", i, got.contents[i], got.errs[i])
		}
	}
}

// rewriting rewrites a file in a loop until its function is called.
func rewriting(path string, size int) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := byte(0); ctx.Err() == nil; i++ {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return
			}
			f.Write(bytes.Repeat([]byte{i}, size))
			f.Close()
		}
	})
	return func() { cancel(); wg.Wait() }
}

// testTorn fetches a file that is being rewritten: all of one version, or an
// error that says that it is not.
func testTorn(t *testing.T, r *remote) {
	const size = 4 << 20
	r.write(t, "file", strings.Repeat("\x00", size))
	defer rewriting(r.path("file"), size)()
	torn := 0
	for range 5 {
		got, _, err := r.fetch(t.Context(), "file", scpio.Attr{})
		switch {
		case errors.Is(err, scpio.ErrTorn):
			torn++
		case err != nil:
			t.Fatal(err)
		case strings.Count(got, got[:1]) != size:
			t.Fatal("a mixture of two versions was taken for one")
		}
	}
	if torn == 0 {
		t.Error("no fetch of a file that is being rewritten was torn")
	}
}

// testShrinking fetches a file that is cut short once its transfer has begun.
func testShrinking(t *testing.T, r *remote) {
	r.write(t, "file", strings.Repeat("x", 32<<20))
	var once sync.Once
	_, err := r.Fetch(t.Context(), "file", scpio.Attr{}, func(scpio.Attr) (io.Writer, error) {
		return writerFunc(func(p []byte) (int, error) {
			once.Do(func() { os.Truncate(r.path("file"), 10) })
			return len(p), nil
		}), nil
	})
	if err == nil {
		t.Error("a file that shrank while it was fetched passed for whole")
	}
	if got, _, err := r.fetch(t.Context(), "file", scpio.Attr{}); err != nil || len(got) != 10 {
		t.Errorf("afterwards: got %d bytes, %v", len(got), err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestFetchLocalError checks that an error of the caller's own comes back as
// it is, for begin and the writer alike.
func TestFetchLocalError(t *testing.T) {
	r := newLocal(t, "/bin/sh")
	r.write(t, "small", "x")
	r.write(t, "large", strings.Repeat("x", 8<<20))
	for _, name := range []string{"small", "large"} {
		_, err := r.Fetch(t.Context(), name, scpio.Attr{}, func(scpio.Attr) (io.Writer, error) { return nil, syscall.EDQUOT })
		wantErrno(t, "begin that fails", err, syscall.EDQUOT)
		_, err = r.Fetch(t.Context(), name, scpio.Attr{}, func(scpio.Attr) (io.Writer, error) {
			return writerFunc(func([]byte) (int, error) { return 0, syscall.EDQUOT }), nil
		})
		wantErrno(t, "writer that fails", err, syscall.EDQUOT)
		if got, _, err := r.fetch(t.Context(), "small", scpio.Attr{}); err != nil || got != "x" {
			t.Errorf("afterwards: got %q, %v", got, err)
		}
	}
}

// TestFetchWithoutScp has hosts on which scp says nothing, or is gone.
func TestFetchWithoutScp(t *testing.T) {
	for engine, record := range map[string]string{"gnu": found("f", "", 5), "stat": statted("81a4", "a", 5)} {
		for _, text := range []string{record + record + end, record + record + marker + " 127\x00\x00", strings.Repeat(record, 5)} {
			c, err := newFake(t, hostAnswer(engine), text)
			check(t, err)
			wantErrno(t, "fetch by "+engine, fetch(t.Context(), c), syscall.EIO)
			c.Close()
		}
	}
	for _, path := range []string{programs(t), scptest.Busybox(t)} {
		_ = os.Remove(filepath.Join(path, "perl"))
		r := newLocalOn(t, t.TempDir(), path, filepath.Join(path, "sh"))
		r.write(t, "file", "x")
		check(t, os.Remove(filepath.Join(path, "scp")))
		_, _, err := r.fetch(t.Context(), "file", scpio.Attr{})
		wantErrno(t, "fetch by "+r.Host().Engine, err, syscall.EIO)
	}
}
