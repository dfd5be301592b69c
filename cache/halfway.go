package cache

import (
	"bytes"
	"context"
	"errors"
)

// A host appends in the file itself by several calls: for the bytes, the mode and
// the times. If it dies between them the file is neither what it was nor what it
// was to be. It is no foreign change for that.

// halfway tells whether what the host has is an append of ours that it did not
// bring to its end: the file that was expected, longer, and as far as it goes
// what we have. All of that is compared, which takes no more than a copy of ours
// would that is stored beside it.
func (f *File) halfway(ctx context.Context, path string, now Attr, u Upload) (bool, error) {
	was := u.Expect
	if !isRegular(now) || idOf(now) != idOf(was) || was.Size < leastKept || now.Size <= was.Size || now.Size > u.Size {
		return false, nil
	}
	for _, s := range []span{{was.Size, now.Size}, {0, was.Size}} { // where a foreign append differs comes first
		w := &comparer{with: u, off: s.Off}
		err := f.c.remote.FetchRange(ctx, path, now, s.Off, s.End-s.Off, w)
		switch {
		case untold(err):
			return false, err
		case err != nil || w.off != s.End:
			return false, nil
		}
	}
	return true, nil
}

// comparer is a writer of what is to be the same as an upload, from an offset
// on.
type comparer struct {
	with Upload
	off  int64
}

var errDiffers = errors.New("the contents differ")

func (w *comparer) Write(p []byte) (int, error) {
	ours := make([]byte, len(p))
	if n, err := w.with.Contents.ReadAt(ours, w.off); n < len(p) {
		return 0, errors.Join(errDiffers, err)
	}
	if !bytes.Equal(ours, p) {
		return 0, errDiffers
	}
	w.off += int64(len(p))
	return len(p), nil
}
