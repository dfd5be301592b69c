package cachetest

import (
	"context"
	"os"
	"syscall"

	"github.com/scpfs/scpfs/cache"
)

// Batch implements [cache.Remote]: one step after the other.
func (d *Dir) Batch(ctx context.Context, steps []cache.Step, done func(int, cache.Attr, error)) error {
	if err := d.enter(ctx, "Batch"); err != nil {
		notDone(steps, 0, done)
		return err
	}
	for i, s := range steps {
		a, err := step(ctx, d, s)
		done(i, a, err)
	}
	return nil
}

// notDone reports the steps from one on as not executed.
func notDone(steps []cache.Step, from int, done func(int, cache.Attr, error)) {
	for i := from; i < len(steps); i++ {
		done(i, cache.Attr{}, &os.PathError{Op: steps[i].Op, Path: steps[i].Path, Err: syscall.ECANCELED})
	}
}

// step makes one change by the method for it.
func step(ctx context.Context, r cache.Remote, s cache.Step) (cache.Attr, error) {
	switch s.Op {
	case "store":
		if s.Upload.Size > 128<<10 || s.Upload.From != "" {
			return cache.Attr{}, syscall.EINVAL
		}
		s.Upload.Keep = 0
		return r.Store(ctx, s.Path, s.Upload)
	case "mkdir":
		return r.Mkdir(ctx, s.Path, s.Mode)
	case "symlink":
		return r.Symlink(ctx, s.Target, s.Path)
	case "rename":
		return r.Rename(ctx, s.Path, s.To, 0)
	case "remove":
		if s.Upload.Expect.Ino != 0 {
			return cache.Attr{}, r.RemoveIf(ctx, s.Path, s.Upload.Expect)
		}
		return cache.Attr{}, r.Remove(ctx, s.Path)
	case "rmdir":
		return cache.Attr{}, r.Rmdir(ctx, s.Path)
	case "setattr":
		return r.Setattr(ctx, s.Path, s.Change)
	}
	return cache.Attr{}, syscall.EINVAL
}

// methods are those that the hooks for a step go by.
var methods = map[string]string{
	"store": "Store", "mkdir": "Mkdir", "symlink": "Symlink", "rename": "Rename",
	"remove": "Remove", "rmdir": "Rmdir", "setattr": "Setattr",
}

// Batch implements [cache.Remote]. Besides its own hooks, which go by the path
// of the first step, it has those of the methods that do the same as a step. A
// step that a hook makes fail with ENOTCONN ends the batch: of the step itself
// it is not known then whether it was done, and those after it were not.
func (f *Faulty) Batch(ctx context.Context, steps []cache.Step, done func(int, cache.Attr, error)) error {
	if len(steps) == 0 {
		return nil
	}
	reported := 0
	err := only(ctx, f.hook("Batch", steps[0].Path), func() error {
		for i, s := range steps {
			a, err := f.step(ctx, s)
			reported++
			done(i, a, err)
			if isLost(err) {
				return err
			}
		}
		return nil
	})
	notDone(steps, reported, done)
	return err
}

func isLost(err error) bool { return errno(err) == syscall.ENOTCONN }

func (f *Faulty) step(ctx context.Context, s cache.Step) (cache.Attr, error) {
	h := f.hook(methods[s.Op], s.Path)
	if h.During != nil {
		s.Upload.Contents = &first{ReaderAt: s.Upload.Contents, do: h.During}
	}
	return through(ctx, h, func() (cache.Attr, error) {
		var got cache.Attr
		var failed error
		err := f.Remote.Batch(ctx, []cache.Step{s}, func(_ int, a cache.Attr, err error) { got, failed = a, err })
		if err != nil {
			return got, err
		}
		return got, failed
	})
}

// Discard implements [cache.Remote].
func (d *Dir) Discard(ctx context.Context, temp string) error {
	if err := d.enter(ctx, "Discard"); err != nil {
		return err
	}
	for _, name := range []string{temp, temp + "+"} {
		if err := os.RemoveAll(d.abs(name)); err != nil {
			return err
		}
	}
	return nil
}

// Discard implements [cache.Remote].
func (f *Faulty) Discard(ctx context.Context, temp string) error {
	return only(ctx, f.hook("Discard", temp), func() error { return f.Remote.Discard(ctx, temp) })
}
