package scpio_test

import (
	"syscall"
	"testing"
)

// testFetchTail: the end of a file comes with its attributes, whatever version
// it is.
func testFetchTail(t *testing.T, r *remote) {
	r.write(t, "log", "0123456789")
	for _, tt := range []struct {
		off, most int64
		want      string
	}{{4, 100, "456789"}, {4, 3, "456"}, {0, 10, "0123456789"}, {10, 5, ""}, {15, 5, ""}} {
		a, tail, err := r.FetchTail(t.Context(), "log", tt.off, tt.most)
		if err != nil || string(tail) != tt.want || a.Size != 10 || a.Ino != r.stat(t, "log").Ino {
			t.Errorf("%d bytes from %d: got %q of %d bytes, %v, want %q", tt.most, tt.off, tail, a.Size, err, tt.want)
		}
	}
	r.mkdir(t, "dir")
	_, _, err := r.FetchTail(t.Context(), "dir", 0, 1)
	wantErrno(t, "the tail of a directory", err, syscall.EISDIR)
	_, _, err = r.FetchTail(t.Context(), "none", 0, 1)
	wantErrno(t, "the tail of nothing", err, syscall.ENOENT)
	r.symlink(t, "log", "link")
	_, _, err = r.FetchTail(t.Context(), "link", 0, 1)
	wantErrno(t, "the tail of a link", err, syscall.ELOOP)
}
