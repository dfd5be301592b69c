package cache

import (
	"context"
	"errors"
	"syscall"
)

// doubt is about a file that was sent to the host, which did not answer: it may
// have it. That goes with the file to its next store, but stays behind when the
// file gets another name, or none, or is replaced: then what the host may have
// under the old name has to go. It may be about nothing but uploads that are not
// complete.
type doubt struct {
	tried []trial  // what it may be
	temps []string // of these uploads
}

func (d doubt) any() bool { return len(d.tried)+len(d.temps) > 0 }

// takeDoubt is what may be under the name of a file, instead of what the host is
// known to have. The file itself knows of it no more.
func (f *File) takeDoubt() doubt {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.tried) == 0 {
		return doubt{}
	}
	d := doubt{f.tried, f.temps}
	f.tried, f.temps = nil, nil
	return d
}

// giveBack has a file take care of a doubt, with its next store.
func (f *File) giveBack(d doubt) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tried, f.temps = append(d.tried, f.tried...), append(d.temps, f.temps...)
}

// inherit takes in that a file takes the place of another, of which the host may
// have more than is known. That is in the log before the record of the other
// leaves it.
func (f *File) inherit(from *File) {
	if from == nil {
		return
	}
	if d := from.takeRest(); d.any() {
		f.giveBack(d)
		f.renote()
	}
}

// takeRest is takeDoubt with the uploads that certainly failed.
func (f *File) takeRest() doubt {
	d := f.takeDoubt()
	d.temps = append(d.temps, f.takeTemps()...)
	return d
}

// ascertain asks the host whether it has a file whose store was not answered.
func (f *File) ascertain(ctx context.Context, path string) error {
	d := f.takeDoubt()
	if !d.any() {
		return nil
	}
	now, err := f.c.stray(ctx, path, d)
	switch {
	case err != nil:
		f.giveBack(d)
	case now.Ino != 0:
		f.rebase(now)
	}
	return err
}

// stray is what the host has under a name of a doubt; nothing, if it is something
// else.
func (c *Cache) stray(ctx context.Context, path string, d doubt) (Attr, error) {
	if err := c.discard(ctx, d.temps); err != nil { // one that is not complete yet must not become so
		return Attr{}, err
	}
	if len(d.tried) == 0 {
		return Attr{}, nil
	}
	now, err := c.remote.Stat(ctx, path)
	switch {
	case isGone(err):
		return Attr{}, nil
	case err != nil:
		return Attr{}, err
	case !isOneOf(now.Attr, d.tried):
		return Attr{}, nil
	}
	return now.Attr, nil
}

// discard removes what uploads have left.
func (c *Cache) discard(ctx context.Context, temps []string) error {
	for _, t := range temps {
		if err := c.remote.Discard(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// restOnly tells whether a change is about nothing but the rest of uploads, which
// is no change that anybody has made.
func (ch *change) restOnly() bool {
	return ch.base.Ino == 0 && len(ch.doubt.tried) == 0 && len(ch.doubt.temps) > 0
}

// removeStray removes what a doubt is about, if it is there. It reports whether
// the name is dealt with.
func (c *Cache) removeStray(ctx context.Context, ch *change) (bool, error) {
	now, err := c.stray(ctx, ch.path, ch.doubt)
	if err != nil {
		return false, err
	}
	if now.Ino == 0 {
		return ch.base.Ino == 0, nil
	}
	if err := c.remote.RemoveIf(ctx, ch.path, now); !isGone(err) && !errors.Is(err, syscall.ESTALE) {
		return true, err
	}
	return true, nil
}

// removeDoubtful has the host remove what it has under the name of a file that it
// is not known to have: what the file was to take the place of, or the file itself.
func (c *Cache) removeDoubtful(f *File, path string) error {
	over, d := f.overAttr(), f.takeDoubt()
	if over.Ino == 0 && !d.any() {
		return nil
	}
	err := c.postpone(&change{kind: removing, path: path, base: over, doubt: d})
	if err != nil {
		f.giveBack(d)
	}
	return err
}
