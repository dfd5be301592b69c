package cache_test

import (
	"context"
	"os"
	"syscall"
	"testing"

	"github.com/scpfs/scpfs/cache"
)

// halfway is a host whose disk fills up in the middle of the first store, which
// it does in place.
type halfway struct {
	cache.Remote
	w    *world
	done bool
}

func (h *halfway) Store(ctx context.Context, path string, u cache.Upload) (cache.Attr, error) {
	if h.done {
		return h.Remote.Store(ctx, path, u)
	}
	h.done = true
	f, err := os.OpenFile(h.w.path(path), os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return cache.Attr{}, err
	}
	defer f.Close()
	if _, err := f.WriteString("ha"); err != nil {
		return cache.Attr{}, err
	}
	e, err := h.Remote.Stat(ctx, path)
	if err != nil {
		return cache.Attr{}, err
	}
	return e.Attr, syscall.ENOSPC
}

// What a store has done by halves is not taken for a foreign change when it is
// tried again.
func TestStoreByHalves(t *testing.T) {
	w := newWorld(t)
	w.put("f", "old")
	w.make(os.Link(w.path("f"), w.path("g")))
	w.host.Remote = &halfway{Remote: w.fake, w: w}
	h := w.openFile("f", os.O_RDWR)
	w.write(h, "half and half", 0)
	if err := h.Flush(t.Context()); err != syscall.ENOSPC {
		t.Errorf("flush says %v", err)
	}
	w.wantThere("f", "ha")
	w.flush(h)
	h.Release()
	w.wantThere("f", "half and half")
	w.wantThere("g", "half and half")
	w.wantNames("", "f", "g")
	w.wantLogged(0)
}
