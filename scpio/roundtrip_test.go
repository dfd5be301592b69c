package scpio_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/scpfs/scpfs/scpio"
	"github.com/scpfs/scpfs/scpio/scptest"
)

// TestRoundTrips counts what each operation waits for on the wire.
func TestRoundTrips(t *testing.T) {
	srv := scptest.Start(t)
	link := scptest.NewLink(t, srv.Addr, scptest.LinkOptions{RTT: 60 * time.Millisecond})
	r := newRemote(t, srv.Via(t, link), scpio.Options{})
	t.Logf("connecting and New: %d round trips", link.RoundTrips())
	ctx := t.Context()
	var small []string
	for i := range 50 {
		small = append(small, fmt.Sprint(i))
		r.write(t, small[i], "x")
	}
	large := strings.Repeat("x", 1<<20)
	have := r.stat(t, "0")
	up := link.BytesDown()
	steps := []struct {
		name string
		want int
		op   func() error
	}{
		{"stat", 1, func() error { _, err := r.Stat(ctx, "0"); return err }},
		{"list", 1, func() error { _, _, err := r.List(ctx, ""); return err }},
		{"fetch", 1, func() error { _, _, err := r.fetch(ctx, "0", scpio.Attr{}); return err }},
		{"conditional fetch", 1, func() error { _, _, err := r.fetch(ctx, "0", have); return err }},
		{"fetch of 50", 1, func() error { r.fetchMany(t, small); return nil }},
		{"store", 1, func() error { _, err := r.store(ctx, "new", "x", scpio.Attr{}); return err }},
		{"store of 128 KiB", 1, func() error { _, err := r.store(ctx, "new128", large[:128<<10], scpio.Attr{}); return err }},
		{"store of what was appended", 1, func() error {
			_, err := r.storeRest(t, "1", "x"+large[:128<<10], 1, r.attrOf(t, "1"))
			return err
		}},
		{"create", 1, func() error { _, err := r.Create(ctx, "c", 0o644); return err }},
		{"mkdir", 1, func() error { _, err := r.Mkdir(ctx, "d", 0o755); return err }},
		{"link", 1, func() error { _, err := r.Link(ctx, "0", "l"); return err }},
		{"symlink", 1, func() error { _, err := r.Symlink(ctx, "0", "s"); return err }},
		{"rename", 1, func() error { _, err := r.Rename(ctx, "c", "d/e", 0); return err }},
		{"setattr", 1, func() error {
			_, err := r.Setattr(ctx, "0", scpio.Change{Mode: new(uint32(0o600)), Mtime: new(int64(5))})
			return err
		}},
		{"truncate", 1, func() error { _, err := r.Truncate(ctx, "1", r.attrOf(t, "1"), 5); return err }},
		{"batch of 52", 1, func() error { return r.smallBatch(t) }},
		{"unlink", 1, func() error { return r.Remove(ctx, "0") }},
		{"statfs", 1, func() error { _, err := r.Statfs(ctx, ""); return err }},
		{"access", 1, func() error { return r.Access(ctx, "1", 7&^1) }},
	}
	for _, s := range steps {
		link.Reset()
		check(t, s.op())
		if got := link.RoundTrips(); got > s.want {
			t.Errorf("%s takes %d round trips, want %d", s.name, got, s.want)
		}
	}
	if got := r.largeStore(t, link, large); got > 2 {
		t.Errorf("store of 1 MiB takes %d round trips, want 2", got)
	}
	t.Logf("all of them brought %d bytes", link.BytesDown()-up)
}

// largeStore counts the round trips of a store that does not fit in one go:
// the least of some, as the server opens its window while it reads, and what
// is sent after that counts as an answer to it.
func (r *remote) largeStore(t *testing.T, link *scptest.Link, contents string) int {
	t.Helper()
	least := 1 << 30
	for i := range 10 {
		link.Reset()
		_, err := r.store(t.Context(), fmt.Sprint("large", i), contents, scpio.Attr{})
		check(t, err)
		least = min(least, link.RoundTrips())
	}
	return least
}

// TestConditionalSendsNothing measures what a conditional fetch of a large
// file brings.
func TestConditionalSendsNothing(t *testing.T) {
	srv := scptest.Start(t)
	r, link := through(t, srv, scptest.LinkOptions{}, scpio.Options{})
	r.write(t, "file", strings.Repeat("x", 1<<20))
	have := r.stat(t, "file")
	before := link.BytesDown()
	if _, _, err := r.fetch(t.Context(), "file", have); err != nil {
		t.Fatal(err)
	}
	if got := link.BytesDown() - before; got > 2000 {
		t.Errorf("%d bytes came of an unchanged file", got)
	}
}

// smallBatch stores 50 files in two directories that it makes.
func (r *remote) smallBatch(t *testing.T) error {
	t.Helper()
	var steps []scpio.Step
	for _, dir := range []string{"b1", "b2"} {
		steps = append(steps, scpio.Step{Op: "mkdir", Path: dir, Mode: 0o755})
		for i := range 25 {
			steps = append(steps, storing(fmt.Sprint(dir, "/", i), "contents", scpio.Attr{}))
		}
	}
	_, err := firstError(t.Context(), r.Client, steps)
	return err
}
