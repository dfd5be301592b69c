package cache_test

import (
	"context"
	"fmt"
	"io"

	"github.com/scpfs/scpfs/cache"
)

// atOnce is a host that makes each change at once, as far as somebody else can
// tell: see docs/consistency.md for the moment between comparison and change.
type atOnce struct {
	cache.Remote
	*duel
}

func (a *atOnce) Stat(ctx context.Context, path string) (cache.Entry, error) {
	e, err := a.Remote.Stat(ctx, path)
	if ctx.Value(program{}) != nil {
		a.saw(e)
	}
	a.note("[stat %s for a program %v: %d, %v]", path, ctx.Value(program{}), e.Attr.Size, err)
	return e, err
}

func (a *atOnce) Fetch(ctx context.Context, path string, have cache.Attr, begin func(cache.Attr) (io.Writer, error)) (cache.Attr, error) {
	got, err := a.Remote.Fetch(ctx, path, have, begin)
	a.saw(cache.Entry{Attr: got})
	return got, err
}

func (a *atOnce) FetchMany(ctx context.Context, paths []string, begin func(int, cache.Attr) (io.Writer, error), done func(int, cache.Attr, error)) error {
	return a.Remote.FetchMany(ctx, paths, begin, func(i int, got cache.Attr, err error) {
		a.saw(cache.Entry{Attr: got})
		done(i, got, err)
	})
}

func (a *atOnce) List(ctx context.Context, path string) (cache.Entry, []cache.Entry, error) {
	self, entries, err := a.Remote.List(ctx, path)
	a.saw(entries...)
	return self, entries, err
}

func (a *atOnce) ListTree(ctx context.Context, path string, limit int, each func(cache.Listing)) (bool, error) {
	return a.Remote.ListTree(ctx, path, limit, func(l cache.Listing) {
		a.saw(l.Entries...)
		each(l)
	})
}

func (a *atOnce) Store(ctx context.Context, path string, u cache.Upload) (cache.Attr, error) {
	defer a.change()()
	got, err := a.Remote.Store(ctx, path, u)
	a.note("[store %d in %s: %v]", u.Size, path, err)
	return got, err
}

func (a *atOnce) Batch(ctx context.Context, steps []cache.Step, done func(int, cache.Attr, error)) error {
	defer a.change()()
	return a.Remote.Batch(ctx, steps, func(i int, got cache.Attr, err error) {
		a.note("[%s %s %s: %v]", steps[i].Op, steps[i].Path, steps[i].To, err)
		done(i, got, err)
	})
}

func (a *atOnce) Remove(ctx context.Context, path string) error {
	defer a.change()()
	err := a.Remote.Remove(ctx, path)
	a.note("[remove %s: %v]", path, err)
	return err
}

func (a *atOnce) RemoveIf(ctx context.Context, path string, have cache.Attr) error {
	defer a.change()()
	err := a.Remote.RemoveIf(ctx, path, have)
	a.note("[remove %s if it has %d: %v]", path, have.Size, err)
	return err
}

func (a *atOnce) Rename(ctx context.Context, from, to string, flags uint32) (cache.Attr, error) {
	defer a.change()()
	got, err := a.Remote.Rename(ctx, from, to, flags)
	a.note("[rename %s %s: %v]", from, to, err)
	return got, err
}

func (a *atOnce) RenameIf(ctx context.Context, from, to string, old, over *cache.Attr) (cache.Attr, error) {
	defer a.change()()
	got, err := a.Remote.RenameIf(ctx, from, to, old, over)
	a.note("[rename %s %s if these have %s and %s: %v]", from, to, sizeOf(old), sizeOf(over), err)
	return got, err
}

// sizeOf says which text is expected, or "-".
func sizeOf(a *cache.Attr) string {
	if a == nil {
		return "-"
	}
	return fmt.Sprint(a.Size)
}

// change is one of ours.
func (a *atOnce) change() (done func()) {
	a.duel.calls.RLock()
	return a.duel.calls.RUnlock
}
