package cache_test

import "testing"

// find(1) asks for the disk with each directory that it reads: the host is
// asked once for all of them.
func TestStatfsIsBelieved(t *testing.T) {
	w := newWorld(t)
	w.fake.Reset()
	first, err := w.Statfs(t.Context())
	if err != nil || first.Blocks == 0 {
		t.Fatalf("got %+v, %v", first, err)
	}
	for range 100 {
		if st, err := w.Statfs(t.Context()); err != nil || st != first {
			t.Fatalf("got %+v, %v, want %+v", st, err, first)
		}
	}
	// The clock may pass the two seconds once on a machine that is busy.
	if n := w.fake.Calls()["Statfs"]; n > 2 {
		t.Errorf("the host was asked %d times", n)
	}
}
