package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"syscall"
	"testing"
)

func TestFactsAreKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "known", "host")
	want := facts{Root: "/srv", UID: 1000, GID: 100, Groups: []uint32{100, 4}}
	if _, err := loadFacts(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("before: %v", err)
	}
	for range 2 {
		if err := want.save(file); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := loadFacts(file); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, bad := range []string{"", "{}", "{", `{"Root":"srv"}`, `[1]`} {
		if err := os.WriteFile(file, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := loadFacts(file); err == nil {
			t.Errorf("%q is taken for facts", bad)
		}
	}
}

type lockedOut struct{}

func (lockedOut) Error() string   { return "locked out" }
func (lockedOut) Permanent() bool { return true }

// TestUnreachable: only what may pass by itself has a mount begin without its
// host.
func TestUnreachable(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end()
	for _, test := range []struct {
		ctx  context.Context
		err  error
		want bool
	}{
		{t.Context(), syscall.ECONNREFUSED, true},
		{t.Context(), nil, false},
		{t.Context(), lockedOut{}, false},
		{ended, syscall.ECONNREFUSED, false},
	} {
		if got := unreachable(test.ctx, test.err); got != test.want {
			t.Errorf("%v: %v", test.err, got)
		}
	}
}
