package cachetest

import (
	"context"
	"io"
	"slices"
	"sync"
	"syscall"

	"github.com/scpfs/scpfs/cache"
)

// Hook is what accompanies calls of a Remote.
type Hook struct {
	Method string // "Stat", "List", ...; "*" is every one
	Path   string // of the file concerned; "*" is every one
	Times  int    // how many calls; 0: all

	// Before runs before the call; its error is the call's, which is not
	// made then.
	Before func(ctx context.Context) error
	// During runs in the middle of a Fetch or a Store: when the contents
	// begin to flow.
	During func()
	// After runs after the call, and makes its error.
	After func(err error) error
}

// Faulty is a Remote that goes wrong as told.
type Faulty struct {
	cache.Remote

	mu    sync.Mutex // guards the field below
	hooks []*Hook
}

// NewFaulty wraps a Remote.
func NewFaulty(r cache.Remote) *Faulty { return &Faulty{Remote: r} }

// On sets a hook for calls from now on. Of several for the same call the
// first set is used, until its Times are over.
func (f *Faulty) On(h Hook) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hooks = append(f.hooks, &h)
}

// Clear takes all hooks away.
func (f *Faulty) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hooks = nil
}

// Fail makes the calls of a method fail from now on.
func (f *Faulty) Fail(method string, err error) {
	f.On(Hook{Method: method, Path: "*", Before: func(context.Context) error { return err }})
}

// Leave makes the host one that cannot be reached, until Clear.
func (f *Faulty) Leave() { f.Fail("*", syscall.EHOSTUNREACH) }

// Block makes the next call of a method wait. It returns what is closed once
// the call is there, and what lets it go on; it also ends with its context.
func (f *Faulty) Block(method, path string) (arrived <-chan struct{}, release func()) {
	there, gone := make(chan struct{}), make(chan struct{})
	f.On(Hook{Method: method, Path: path, Times: 1, Before: func(ctx context.Context) error {
		close(there)
		select {
		case <-gone:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}})
	return there, sync.OnceFunc(func() { close(gone) })
}

// hook is what is set for a call.
func (f *Faulty) hook(method, path string) Hook {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, h := range f.hooks {
		if h.Method != "*" && h.Method != method || h.Path != "*" && h.Path != path {
			continue
		}
		if h.Times == 1 {
			f.hooks = slices.Delete(f.hooks, i, i+1)
		} else if h.Times > 1 {
			h.Times--
		}
		return *h
	}
	return Hook{}
}

// through makes a call with what is set for it.
func through[T any](ctx context.Context, h Hook, call func() (T, error)) (T, error) {
	if h.Before != nil {
		if err := h.Before(ctx); err != nil {
			var none T
			return none, err
		}
	}
	got, err := call()
	if h.After == nil {
		return got, err
	}
	was := err
	if err = h.After(err); err != nil && was == nil {
		var none T // the answer is lost
		return none, err
	}
	return got, err
}

// only is through for a call that gives nothing but an error.
func only(ctx context.Context, h Hook, call func() error) error {
	_, err := through(ctx, h, func() (struct{}, error) { return struct{}{}, call() })
	return err
}

// Stat implements [cache.Remote].
func (f *Faulty) Stat(ctx context.Context, path string) (cache.Entry, error) {
	return through(ctx, f.hook("Stat", path), func() (cache.Entry, error) { return f.Remote.Stat(ctx, path) })
}

// List implements [cache.Remote].
func (f *Faulty) List(ctx context.Context, path string) (self cache.Entry, entries []cache.Entry, err error) {
	entries, err = through(ctx, f.hook("List", path), func() (all []cache.Entry, err error) {
		self, all, err = f.Remote.List(ctx, path)
		return all, err
	})
	return self, entries, err
}

// Fetch implements [cache.Remote].
func (f *Faulty) Fetch(ctx context.Context, path string, have cache.Attr, begin func(cache.Attr) (io.Writer, error)) (cache.Attr, error) {
	h := f.hook("Fetch", path)
	return through(ctx, h, func() (cache.Attr, error) {
		return f.Remote.Fetch(ctx, path, have, func(a cache.Attr) (io.Writer, error) {
			w, err := begin(a)
			if h.During != nil {
				h.During()
			}
			return w, err
		})
	})
}

// Store implements [cache.Remote].
func (f *Faulty) Store(ctx context.Context, path string, u cache.Upload) (cache.Attr, error) {
	h := f.hook("Store", path)
	return through(ctx, h, func() (cache.Attr, error) {
		if h.During != nil {
			u.Contents = &first{ReaderAt: u.Contents, do: h.During}
		}
		return f.Remote.Store(ctx, path, u)
	})
}

// first runs something before the first read.
type first struct {
	io.ReaderAt
	once sync.Once
	do   func()
}

func (f *first) ReadAt(p []byte, off int64) (int, error) {
	f.once.Do(f.do)
	return f.ReaderAt.ReadAt(p, off)
}

// FetchRange implements [cache.Remote].
func (f *Faulty) FetchRange(ctx context.Context, path string, have cache.Attr, off, size int64, w io.Writer) error {
	h := f.hook("FetchRange", path)
	return only(ctx, h, func() error {
		if h.During != nil {
			w = &begun{w, h.During}
		}
		return f.Remote.FetchRange(ctx, path, have, off, size, w)
	})
}

// begun runs something after the first write.
type begun struct {
	io.Writer
	do func()
}

func (b *begun) Write(p []byte) (int, error) {
	n, err := b.Writer.Write(p)
	if b.do != nil {
		b.do()
		b.do = nil
	}
	return n, err
}

// ListTree implements [cache.Remote].
func (f *Faulty) ListTree(ctx context.Context, path string, limit int, each func(cache.Listing)) (bool, error) {
	return through(ctx, f.hook("ListTree", path), func() (bool, error) { return f.Remote.ListTree(ctx, path, limit, each) })
}

// FetchTail implements [cache.Remote].
func (f *Faulty) FetchTail(ctx context.Context, path string, off, most int64) (a cache.Attr, tail []byte, err error) {
	tail, err = through(ctx, f.hook("FetchTail", path), func() (t []byte, err error) {
		a, t, err = f.Remote.FetchTail(ctx, path, off, most)
		return t, err
	})
	return a, tail, err
}
