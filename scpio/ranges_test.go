package scpio_test

import (
	"bytes"
	"errors"
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

func (r *remote) attr(t *testing.T, name string) scpio.Attr {
	t.Helper()
	e, err := r.Stat(t.Context(), name)
	check(t, err)
	return e.Attr
}
