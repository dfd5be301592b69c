package scpio_test

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/scpfs/scpfs/scpio"
)

func testFetchRange(t *testing.T, r *remote) {
	contents := strings.Repeat("0123456789", 20_000)
	r.write(t, "f", contents)
	have := r.attr(t, "f")
	size := int64(len(contents))
	for _, at := range []struct{ off, size int64 }{{0, 1}, {0, size}, {1, size - 1}, {65535, 65538}, {size - 1, 1}, {12345, 100_000}} {
		var got bytes.Buffer
		check(t, r.FetchRange(t.Context(), "f", have, at.off, at.size, &got))
		if got.String() != contents[at.off:at.off+at.size] {
			t.Errorf("%d bytes from %d are not those of the file", at.size, at.off)
		}
	}
	if err := r.FetchRange(t.Context(), "f", have, size-1, 2, &bytes.Buffer{}); err == nil {
		t.Error("a range beyond the end was fetched")
	}
	r.write(t, "f", contents+"x")
	if err := r.FetchRange(t.Context(), "f", have, 0, 1, &bytes.Buffer{}); !errors.Is(err, scpio.ErrChanged) {
		t.Errorf("a range of a changed file: %v, want ErrChanged", err)
	}
}

// testTornRange shortens a file, or writes to it, while a range is fetched: of
// what does not come there is enough all the same for the shell to go on.
func testTornRange(t *testing.T, r *remote) {
	const whole = 16 << 20
	for _, size := range []int64{0, whole - 1, whole + 1} {
		r.write(t, "f", "")
		check(t, os.Truncate(r.path("f"), whole))
		have := r.attr(t, "f")
		n := int64(0)
		err := r.FetchRange(t.Context(), "f", have, 1, whole-1, writerFunc(func(p []byte) (int, error) {
			if n == 0 {
				check(t, os.Truncate(r.path("f"), size))
			}
			n += int64(len(p))
			return len(p), nil
		}))
		if !errors.Is(err, scpio.ErrTorn) || n != whole-1 {
			t.Errorf("truncated to %d: %d bytes, %v, want ErrTorn", size, n, err)
		}
		r.stat(t, "f")
	}
}

func (r *remote) attr(t *testing.T, name string) scpio.Attr {
	t.Helper()
	e, err := r.Stat(t.Context(), name)
	check(t, err)
	return e.Attr
}
