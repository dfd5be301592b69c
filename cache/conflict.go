package cache

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"
)

// Policy says what is done when a file has been changed here and on the
// host.
type Policy int

const (
	// KeepBoth leaves the host's file under its name, and stores ours
	// beside it as NAME.conflict-HOST-TIME. The program gets ESTALE.
	KeepBoth Policy = iota
	// Local puts ours in the place of the host's.
	Local
	// Theirs drops ours; the program gets ESTALE.
	Theirs
	// Fail gives the program ESTALE, and keeps ours here, unsent.
	Fail
)

// conflict ends a store that met a foreign change of the file. Called with
// the file locked.
func (f *File) conflict(ctx context.Context, path string, u Upload) error {
	now, err := f.c.stat(ctx, path) // which is what a person decides about, see Resolve
	if untold(err) {
		return err // it may be ours, whose answer was lost
	}
	if err == nil {
		ours, err := f.derives(ctx, path, now.Attr, u)
		if err != nil {
			return err
		}
		if ours {
			f.rebase(now.Attr)
			return f.storeLocked(ctx)
		}
	}
	if isGone(err) {
		f.c.tree.forget(path)
	} else if f.c.o.Conflict == KeepBoth {
		f.c.conflicts.untold.add(path)
	}
	f.c.changed(path)
	f.c.tree.expire(path)
	defer f.c.tell(Notice{Path: path})
	f.c.log.Warn("a file was changed here and on the host", "path", path)
	switch f.c.o.Conflict {
	case Local:
		return f.overrule(ctx, path)
	case Theirs:
		return f.yield()
	case Fail:
		return f.insist()
	}
	return f.keepBoth(ctx, path)
}

// derives tells whether our contents derive from what the host has now,
// though it is not the version expected: only attributes were changed there,
// or it is what we stored ourselves, all or some of it, without having heard of
// it.
func (f *File) derives(ctx context.Context, path string, now Attr, u Upload) (bool, error) {
	expect := u.Expect
	changed := expect.Ino != 0 && sameContents(now, expect) && !sameVersion(now, expect)
	if changed || f.arrivedLate(now) {
		return true, nil
	}
	return f.halfway(ctx, path, now, u)
}

// insist keeps ours here. It is not stored again before a program asks.
func (f *File) insist() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stuck = true
	return syscall.ESTALE
}

// rebase says which version of the host the contents derive from.
func (f *File) rebase(a Attr) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.base, f.over = a, Attr{}
	f.alteredLocked(0) // by whom, nobody knows
}

// yield drops ours: to those who have it open it is a file that was removed.
func (f *File) yield() error {
	f.detach()
	f.mu.Lock()
	f.abandonLocked()
	f.mu.Unlock()
	f.retire()
	return syscall.ESTALE
}

// detach takes all its names and its place on the host from a file.
func (f *File) detach() {
	for _, name := range f.names() {
		f.c.unname(name)
	}
	f.c.ino.gone(f.ino)
}

// become gives a file another name for all that it has, at once: what has none, and
// is not open, is nobody's. It reports whether the name is free.
func (f *File) become(name string) bool {
	c := f.c
	c.mu.Lock()
	defer c.mu.Unlock()
	dir, base := split(name)
	if c.live[dir][base] != nil {
		return false
	}
	for _, p := range f.names() {
		dir, base := split(p)
		c.removeLiveLocked(dir, base)
		f.removePath(p)
	}
	c.addPathLocked(f, name)
	c.ino.gone(f.ino)
	return true
}

// overrule stores ours in the place of whatever the host has.
func (f *File) overrule(ctx context.Context, path string) error {
	now, err := f.c.remote.Stat(ctx, path)
	switch {
	case isGone(err):
		f.rebase(Attr{})
	case err != nil:
		return err
	default:
		f.rebase(now.Attr)
	}
	return f.storeLocked(ctx)
}

// keepBoth stores ours beside the host's. The file that is open here is the
// copy from then on.
func (f *File) keepBoth(ctx context.Context, path string) error {
	copied, err := f.storeBeside(ctx, path)
	f.c.conflicts.add(Conflict{Kind: "conflict", Path: path, Copy: copied})
	if errors.Is(err, syscall.ESTALE) {
		f.c.log.Warn("our version was stored beside the host's", "path", path, "copy", copied)
	}
	return err
}

// storeBeside gives the file a new name, made of the old one, and stores it there. The
// error is ESTALE, which is told by a later store if this one fails: the file has its
// new name all the same.
func (f *File) storeBeside(ctx context.Context, path string) (name string, err error) {
	c := f.c
	f.rebase(Attr{})
	f.mu.Lock()
	f.beside = true
	f.mu.Unlock()
	for try := range 100 {
		name = copyName(path, "conflict", c.o.Hostname, try)
		if !f.become(name) {
			continue
		}
		f.renote()
		f.sendAll()
		u, _, seq, err := f.upload()
		if err != nil {
			return name, err
		}
		a, err := f.send(ctx, name, u)
		if err == nil {
			err = f.stored(name, a, seq)
			f.landed()
			c.tell(Notice{Path: name})
			return name, err
		}
		f.landed()
		if !errors.Is(err, syscall.ESTALE) {
			return name, err
		}
	}
	return name, fmt.Errorf("there are too many copies of %s: %w", path, syscall.EEXIST)
}

// copyName is a name beside another that says where it comes from. The
// original is cut where the whole would be longer than a name can be.
func copyName(path, why, host string, try int) string {
	dir, name := split(path)
	suffix := fmt.Sprintf(".%s-%s-%s", why, cut(strings.ReplaceAll(host, "/", "-"), 64), time.Now().UTC().Format("20060102T150405Z"))
	if try > 0 {
		suffix += fmt.Sprintf("-%d", try)
	}
	return join(dir, cut(name, maxName-len(suffix))+suffix)
}

// cut is text of at most n bytes, not cut within a character.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for i := n; i > max(n-utf8.UTFMax, 0); i-- {
		if utf8.RuneStart(text[i]) {
			return text[:i]
		}
	}
	return text[:n]
}
