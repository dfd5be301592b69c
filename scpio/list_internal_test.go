package scpio

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

// TestListingWithoutEnd: a listing takes no more memory than it may.
func TestListingWithoutEnd(t *testing.T) {
	if size := unsafe.Sizeof(Entry{}); size > entrySize {
		t.Errorf("an entry takes %d bytes, and is counted as %d", size, entrySize)
	}
	for what, e := range map[string]Entry{
		"names":                 {Name: strings.Repeat("x", 200)},
		"links":                 {Name: "x", Target: strings.Repeat("x", 4000)},
		"the directory, always": {},
	} {
		l := listing{room: 1 << 20}
		n, err := 0, error(nil)
		for ; err == nil && n < 1<<20; n++ {
			err = l.add(e)
		}
		if took := n * (entrySize + len(e.Name) + len(e.Target)); !errors.Is(err, syscall.EPROTO) || took > 2<<20 {
			t.Errorf("%s: %d came, of %d bytes, then %v", what, n, took, err)
		}
	}
	l := listing{room: 1 << 20}
	for i := range 5000 {
		if err := l.add(Entry{Name: fmt.Sprint(i)}); err != nil || len(l.entries) != i+1 {
			t.Fatalf("%d are listed: %v", i, err)
		}
	}
}
