package scpio_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/scpfs/scpfs/scpio"
	"github.com/scpfs/scpfs/scpio/scptest"
)

// benchRemote makes a client of a fresh directory on a server without delay,
// so that what is measured is the work of both sides.
func benchRemote(b *testing.B) *remote {
	b.Helper()
	srv := scptest.Start(b)
	dir, err := os.MkdirTemp(srv.Home, "r")
	if err != nil {
		b.Fatal(err)
	}
	c, err := scpio.New(b.Context(), dialer(srv), scpio.Options{Root: dir})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	return &remote{c, srv, dir}
}

// BenchmarkOperations is what one operation costs where the network costs
// nothing: processes, most of all.
func BenchmarkOperations(b *testing.B) {
	r := benchRemote(b)
	if err := os.Mkdir(r.path("ten"), 0o755); err != nil {
		b.Fatal(err)
	}
	for i := range 10 {
		if err := os.WriteFile(r.path(fmt.Sprint("ten/", i)), nil, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	for name, op := range r.operations() {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := op(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// operations are such as can be repeated.
func (r *remote) operations() map[string]func(context.Context) error {
	contents := strings.Repeat("x", 4<<10)
	var over scpio.Attr
	n := 0
	fresh := func() string { n++; return fmt.Sprint("f", n) }
	return map[string]func(context.Context) error{
		"stat":   func(ctx context.Context) error { _, err := r.Stat(ctx, "ten/1"); return err },
		"list":   func(ctx context.Context) error { _, _, err := r.List(ctx, "ten"); return err },
		"access": func(ctx context.Context) error { return r.Access(ctx, "ten/1", 2) },
		"statfs": func(ctx context.Context) error { _, err := r.Statfs(ctx, ""); return err },
		"setattr": func(ctx context.Context) error {
			_, err := r.Setattr(ctx, "ten/1", scpio.Change{Mode: new(uint32(0o600)), Mtime: new(int64(5e9 + 5))})
			return err
		},
		"fetch":  func(ctx context.Context) error { _, _, err := r.fetch(ctx, "ten/1", scpio.Attr{}); return err },
		"create": func(ctx context.Context) error { _, err := r.Create(ctx, fresh(), 0o644); return err },
		"store":  func(ctx context.Context) error { _, err := r.store(ctx, fresh(), contents, scpio.Attr{}); return err },
		"store over": func(ctx context.Context) (err error) {
			over, err = r.store(ctx, "over", contents, over)
			return err
		},
		"create and store": func(ctx context.Context) error {
			name := fresh()
			a, err := r.Create(ctx, name, 0o644)
			if err == nil {
				_, err = r.store(ctx, name, contents, a)
			}
			return err
		},
		"atomic save": func(ctx context.Context) error {
			if _, err := r.store(ctx, "temporary", contents, scpio.Attr{}); err != nil {
				return err
			}
			_, err := r.Rename(ctx, "temporary", "saved", 0)
			return err
		},
		"unlink": func(ctx context.Context) error {
			if err := os.WriteFile(r.path("gone"), nil, 0o644); err != nil {
				return err
			}
			return r.Remove(ctx, "gone")
		},
		"mkdir": func(ctx context.Context) error { _, err := r.Mkdir(ctx, fresh(), 0o755); return err },
	}
}

// BenchmarkBatch makes 100 directories with 20 small files each.
func BenchmarkBatch(b *testing.B) {
	r := benchRemote(b)
	contents := strings.Repeat("x", 2<<10)
	for n := 0; b.Loop(); n++ {
		var steps []scpio.Step
		for d := range 100 {
			dir := fmt.Sprint("n", n, "d", d)
			steps = append(steps, scpio.Step{Op: "mkdir", Path: dir, Mode: 0o755})
			for f := range 20 {
				steps = append(steps, storing(fmt.Sprint(dir, "/", f), contents, scpio.Attr{}))
			}
		}
		err := r.Batch(b.Context(), steps, func(_ int, _ scpio.Attr, err error) {
			if err != nil {
				b.Error(err)
			}
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
