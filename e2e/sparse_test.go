package e2e_test

import (
	"os"
	"testing"
	"time"

	"github.com/scpfs/scpfs/scpio/scptest"
)

// TestSparse: a file with a hole, written at both ends, arrives with its size
// and its ends. The hole goes over the wire as zeros, so it is small here;
// SCPFS_LONG makes it 5 GiB, beyond what 32 bits can count.
func TestSparse(t *testing.T) {
	size := int64(64 * mib)
	limit := lifetime
	if os.Getenv("SCPFS_LONG") != "" {
		size, limit = 5<<30, 20*time.Minute
	}
	m := mountAt(t, scptest.Start(t), mountOptions{patience: limit})
	f, err := os.Create(m.path("sparse"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	for _, at := range []int64{0, size - 3} {
		if _, err := f.WriteAt([]byte("end"), at); err != nil {
			t.Fatal(err)
		}
	}
	begin := time.Now()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d MiB stored in %v", size/mib, time.Since(begin).Round(time.Millisecond))
	m.Unmount()
	wantEnds(t, m.there("sparse"), size)
	m.Mount()
	wantEnds(t, m.path("sparse"), size)
}

// wantEnds looks at the size and both ends of a file.
func wantEnds(t testing.TB, path string, size int64) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() != size {
		t.Fatalf("%s: %v, %v; want %d bytes", path, info.Size(), err, size)
	}
	buf := make([]byte, 6)
	for _, tt := range []struct {
		at   int64
		want string
	}{{0, "end\x00\x00\x00"}, {size / 2, "\x00\x00\x00\x00\x00\x00"}, {size - 6, "\x00\x00\x00end"}} {
		if _, err := f.ReadAt(buf, tt.at); err != nil || string(buf) != tt.want {
			t.Errorf("%s at %d: got %q, %v", path, tt.at, buf, err)
		}
	}
}
