package cache_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/scpfs/scpfs/cache"
	"github.com/scpfs/scpfs/cache/cachetest"
)

// TestStrayOfLostAnswer: a file that the host has, without having said so, is not
// left there when it is renamed, replaced or removed here before it is known: a new
// one, or one that has taken the place of another.
func TestStrayOfLostAnswer(t *testing.T) {
	for _, through := range []bool{false, true} {
		for _, older := range []bool{false, true} {
			for name, do := range map[string]func(w *world) error{
				"renamed": func(w *world) error { return w.Rename(context.Background(), "new", "other", 0) },
				"removed": func(w *world) error { return w.Unlink(context.Background(), "new") },
				"replaced": func(w *world) error {
					h := w.create("other")
					w.write(h, "text", 0)
					err := h.Flush(context.Background())
					h.Release()
					if err == nil {
						err = w.Rename(context.Background(), "other", "new", 0)
					}
					return err
				},
				"replaced by what the host has": func(w *world) error { return w.Rename(context.Background(), "there", "new", 0) },
			} {
				t.Run(fmt.Sprint(name, " ", through, " ", older), func(t *testing.T) { testStray(t, through, older, name, do) })
			}
		}
	}
}

// TestStoreRefusedAndThenSilence: the host has a store whose answer was lost, refuses
// it the next time, and is away when it is asked why. That is no conflict.
func TestStoreRefusedAndThenSilence(t *testing.T) {
	for _, through := range []bool{false, true} {
		w := newWorld(t, func(o *cache.Options) { o.WriteBack = !through })
		w.put("f", "old")
		h := w.openFile("f", os.O_WRONLY|os.O_TRUNC)
		w.write(h, "text", 0)
		lost := func(error) error { return syscall.ENOTCONN }
		w.host.On(cachetest.Hook{Method: "Store", Path: "f", Times: 1, After: lost})
		w.host.On(cachetest.Hook{Method: "Stat", Path: "f", Times: 1, After: lost})
		for range 3 {
			if err := h.Flush(t.Context()); err != nil && (!through || err != syscall.ENOTCONN) {
				t.Errorf("flush says %v", err)
			}
		}
		h.Release()
		w.sent()
		w.wantNames("", "f")
		w.wantThere("f", "text")
	}
}

func testStray(t *testing.T, through, older bool, name string, do func(w *world) error) {
	w := newWorld(t, func(o *cache.Options) { o.WriteBack = !through })
	if name == "replaced by what the host has" {
		w.put("there", "text")
	}
	if older {
		w.put("new", "older")
		w.want("new", "older")
	}
	w.host.On(cachetest.Hook{Method: "Store", Path: "new", Times: 1, After: func(error) error { return syscall.ENOTCONN }})
	var h *cache.Handle
	if older {
		h = w.openFile("new", os.O_WRONLY|os.O_TRUNC)
	} else {
		h = w.create("new")
	}
	w.write(h, "text", 0)
	if err := h.Flush(context.Background()); through != (err != nil) {
		t.Errorf("close: %v", err)
	}
	h.Release()
	w.eventually("the host has it", func() bool { b, _ := os.ReadFile(w.path("new")); return string(b) == "text" })
	time.Sleep(50 * time.Millisecond) // it is known then that the host is away
	w.make(do(w))
	w.sent()
	switch name {
	case "removed":
		w.wantNames("")
	case "renamed":
		w.wantNames("", "other")
		w.wantThere("other", "text")
	default:
		w.wantNames("", "new")
		w.wantThere("new", "text")
	}
}

// cutOff is a host whose connection breaks in the middle of each store, and of
// each removal of what that has left.
type cutOff struct {
	cache.Remote
	w    *world
	good atomic.Bool
	left atomic.Int32
}

func (h *cutOff) Store(ctx context.Context, path string, u cache.Upload) (cache.Attr, error) {
	if h.good.Load() {
		return h.Remote.Store(ctx, path, u)
	}
	h.left.Add(1)
	return cache.Attr{}, errors.Join(syscall.ENOTCONN, os.WriteFile(h.w.path(u.Temp), []byte("ha"), 0o600))
}

func (h *cutOff) Batch(ctx context.Context, steps []cache.Step, done func(int, cache.Attr, error)) error {
	if h.good.Load() {
		return h.Remote.Batch(ctx, steps, done)
	}
	return syscall.ENOTCONN
}

func (h *cutOff) Discard(ctx context.Context, temp string) error {
	if h.good.Load() {
		return h.Remote.Discard(ctx, temp)
	}
	return syscall.ENOTCONN
}

// TestRestOfStoreThatIsNotRepeated: what a store that was cut off has left on the
// host is removed, also if the file is replaced or removed here before it is
// stored again; by the next mount, if this one dies.
func TestRestOfStoreThatIsNotRepeated(t *testing.T) {
	for name, do := range map[string]func(w *world) error{
		"replaced": func(w *world) error { return w.Rename(context.Background(), "other", "file", 0) },
		"removed":  func(w *world) error { return w.Unlink(context.Background(), "file") },
		"replaced by what the host has": func(w *world) error {
			return w.Rename(context.Background(), "there", "file", 0)
		},
	} {
		for _, remount := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " ", remount), func(t *testing.T) {
				w := newWorld(t, func(o *cache.Options) { o.WriteBack = true })
				w.put("file", "old")
				if name == "replaced by what the host has" {
					w.put("there", "text")
				}
				host := &cutOff{Remote: w.host.Remote, w: w}
				w.host.Remote = host
				w.want("file", "old")
				w.save("file", "new")
				w.eventually("a store was cut off", func() bool { return host.left.Load() > 0 })
				if name == "replaced" {
					w.save("other", "text")
				}
				w.eventually(name, func() bool { return do(w) == nil }) // not before the host is known to be away
				if remount {
					w.remount()
				}
				host.good.Store(true)
				w.sent()
				if name == "removed" {
					w.wantNames("")
				} else {
					w.wantNames("", "file")
				}
			})
		}
	}
}
