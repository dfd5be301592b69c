package scpio

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
)

// Listing is one directory of a subtree.
type Listing = struct {
	Path    string // of the directory
	Self    Entry  // the directory itself, without a name
	Entries []Entry
}

// ListTree lists a directory and everything below in one round trip, and
// calls each with every directory that has been listed completely, while the
// others are still to come: all of them, or as many as have been when limit
// entries have come, which more tells. Directories that may not be read are
// left out, and so are those of devices, whose numbers only List tells. After
// an error nothing that each was told is to be believed.
func (c *Client) ListTree(ctx context.Context, path string, limit int, each func(Listing)) (more bool, err error) {
	err = c.retry(ctx, "list", path, func(sh *shell) error {
		w := treeWalk{root: path, each: each}
		if err := sh.send("L 1000000 " + c.arg(path)); err != nil {
			return err
		}
		return w.read(sh, c.abs(path), limit)
	})
	if errors.Is(err, errEnough) {
		return true, nil // the shell is ended: find cannot be told to stop
	}
	return false, err
}

var errEnough = errors.New("enough entries")

// treeWalk puts the records of find, which come in pre-order, together to
// directories. A directory is complete when the walk has left it.
type treeWalk struct {
	root  string
	open  []*Listing // from the root down to where the walk is
	empty []Listing  // complete, if it turns out that they could be read
	each  func(Listing)
	count int
	file  bool // the root is no directory
}

func (w *treeWalk) read(sh *shell, abs string, limit int) error {
	for {
		e, end, err := sh.record(abs)
		if err != nil {
			return err
		}
		if end != nil {
			return w.finish(*end)
		}
		if err := w.add(e); err != nil {
			return err
		}
		if w.count++; w.count > limit {
			return errEnough
		}
	}
}

// add takes a record in; its name is a path below the root.
func (w *treeWalk) add(e Entry) error {
	if e.Name == "" {
		w.file = !isDir(e.Attr)
		w.enter(w.root, e)
		return nil
	}
	below, name := parent(e.Name), e.Name[strings.LastIndexByte(e.Name, '/')+1:]
	dir := join(w.root, below)
	depth := len(w.open)
	for depth > 0 && w.open[depth-1].Path != dir {
		depth--
	}
	if depth == 0 || name == "" || name == "." || name == ".." {
		return fmt.Errorf("an entry out of place: %w", syscall.EPROTO)
	}
	w.leave(depth)
	e.Name = name
	at := w.open[depth-1]
	at.Entries = append(at.Entries, e)
	if isDir(e.Attr) {
		w.enter(join(dir, name), e)
	}
	return nil
}

func (w *treeWalk) enter(path string, e Entry) {
	e.Name = ""
	w.open = append(w.open, &Listing{Path: path, Self: e})
}

// leave completes the directories from a depth on.
func (w *treeWalk) leave(depth int) {
	for i := len(w.open) - 1; i >= depth; i-- {
		switch l := *w.open[i]; {
		case len(l.Entries) == 0:
			w.empty = append(w.empty, l)
		case !slices.ContainsFunc(l.Entries, needsNumber):
			w.each(l)
		}
	}
	w.open = w.open[:depth]
}

// needsNumber tells whether an entry lacks its device number, which find
// does not tell: its directory is left to List.
func needsNumber(e Entry) bool { return isDevice(e.Attr) && e.Attr.Rdev == 0 }

// finish ends a walk by the status of find. Names that were gone when their
// turn came are no error. Where a directory could not be read for want of
// permission, the empty ones may be it, and are left out. After any other
// error one that was told to be complete may not be.
func (w *treeWalk) finish(a answer) error {
	if a.status != 0 && w.count == 0 {
		return hostError(a)
	}
	if w.file {
		return &Error{Err: syscall.ENOTDIR}
	}
	refused := false
	for line := range strings.Lines(a.said) {
		switch errnoOfLine(line) {
		case syscall.ENOENT:
		case syscall.EACCES:
			refused = true
		default:
			return hostError(a)
		}
	}
	w.leave(0)
	if !refused {
		for _, l := range w.empty {
			w.each(l)
		}
	}
	return nil
}
