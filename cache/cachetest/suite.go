package cachetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/scpfs/scpfs/cache"
)

// Run checks what every Remote must do. Each of its tests opens a Remote of
// an empty directory, dir on this machine, which it looks at directly too.
func Run(t *testing.T, open func(t *testing.T) (remote cache.Remote, dir string)) {
	for name, test := range map[string]func(*testing.T, *subject){
		"Access":       testAccess,
		"Batch":        testBatch,
		"Create":       testCreate,
		"Discard":      testDiscard,
		"Fetch":        testFetch,
		"FetchErrors":  testFetchErrors,
		"Interrupted":  testInterrupted,
		"Link":         testLink,
		"List":         testList,
		"Mkdir":        testMkdir,
		"Mknod":        testMknod,
		"Remove":       testRemove,
		"RemoveIf":     testRemoveIf,
		"RenameIf":     testRenameIf,
		"Rename":       testRename,
		"RenameDir":    testRenameDir,
		"RenameFlags":  testRenameFlags,
		"Setattr":      testSetattr,
		"Stat":         testStat,
		"Statfs":       testStatfs,
		"StoreChanged": testStoreChanged,
		"StoreFrom":    testStoreFrom,
		"StoreLinked":  testStoreLinked,
		"StoreNew":     testStoreNew,
		"StoreOver":    testStoreOver,
		"Symlink":      testSymlink,
		"Truncate":     testTruncate,
	} {
		t.Run(name, func(t *testing.T) {
			r, dir := open(t)
			test(t, &subject{r, dir})
		})
	}
}

// subject is the Remote under test.
type subject struct {
	cache.Remote
	dir string
}

func (s *subject) abs(path string) string { return filepath.Join(s.dir, path) }

func (s *subject) write(t *testing.T, path, text string) {
	t.Helper()
	check(t, os.WriteFile(s.abs(path), []byte(text), 0o644))
}

func (s *subject) read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(s.abs(path))
	check(t, err)
	return string(b)
}

func (s *subject) stat(t *testing.T, path string) cache.Attr {
	t.Helper()
	e, err := s.Stat(t.Context(), path)
	check(t, err)
	return e.Attr
}

// same checks attributes against what the kernel here says.
func (s *subject) same(t *testing.T, path string, got cache.Attr) {
	t.Helper()
	var st syscall.Stat_t
	check(t, syscall.Lstat(s.abs(path), &st))
	want := attrOf(&st)
	got.Atime, want.Atime = 0, 0
	if want.Mode&syscall.S_IFMT == syscall.S_IFDIR {
		got.Nlink, want.Nlink = 0, 0 // not all file systems count them alike
	}
	if got != want {
		t.Errorf("%s: got %+v, want %+v", path, got, want)
	}
}

func (s *subject) fetch(ctx context.Context, path string, have cache.Attr) (string, cache.Attr, error) {
	var b bytes.Buffer
	a, err := s.Fetch(ctx, path, have, func(cache.Attr) (io.Writer, error) { b.Reset(); return &b, nil })
	return b.String(), a, err
}

// upload is a store of a text with ordinary attributes.
func upload(text string, expect cache.Attr) cache.Upload {
	return cache.Upload{
		Contents: strings.NewReader(text), Size: int64(len(text)),
		Mode: 0o640, Atime: 1600000000e9, Mtime: 1600000001123456e3, Expect: expect,
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, what string, err error, want ...syscall.Errno) {
	t.Helper()
	for _, w := range want {
		if errors.Is(err, w) {
			return
		}
	}
	t.Errorf("%s: %v, want %v", what, err, want)
}
