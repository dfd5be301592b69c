package cache_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/scpfs/scpfs/cache"
)

// crowd is several programs that work on the same few files. As under a
// kernel, what changes names goes one by one, and the rest does not.
type crowd struct {
	*world
	names sync.RWMutex
}

// sane are the errors that a program can get where others do as it does.
var sane = []error{syscall.ENOENT, syscall.EEXIST, syscall.ESTALE, syscall.EBUSY, syscall.ENOTEMPTY, syscall.ENOTDIR, syscall.EISDIR, syscall.EINVAL}

func (c *crowd) check(what string, err error) {
	for _, e := range sane {
		if err == nil || errors.Is(err, e) {
			return
		}
	}
	c.t.Errorf("%s: %v", what, err)
}

func (c *crowd) path(r *rand.Rand) string {
	return []string{"", "d/", "e/"}[r.IntN(3)] + string(rune('a'+r.IntN(3)))
}

// find looks a name up, and again if it was another's by then.
func (c *crowd) find(path string) (cache.Entry, error) {
	c.names.RLock()
	defer c.names.RUnlock()
	return c.Lookup(context.Background(), path)
}

// rename and its like change names.
func (c *crowd) change(what string, do func() error) {
	c.names.Lock()
	defer c.names.Unlock()
	c.check(what, do())
}

func (c *crowd) edit(r *rand.Rand, path string) {
	ctx := context.Background()
	e, err := c.find(path)
	if err != nil {
		c.check("lookup", err)
		return
	}
	h, err := c.Open(ctx, path, e.Attr.Ino, []int{os.O_RDWR, os.O_RDWR | os.O_TRUNC, os.O_RDONLY, os.O_WRONLY | os.O_APPEND}[r.IntN(4)])
	if err != nil {
		c.check("open", err)
		return
	}
	defer h.Release()
	for range r.IntN(4) {
		if _, err := h.WriteAt(ctx, []byte(strings.Repeat("x", r.IntN(100))), r.Int64N(200)); err != nil {
			c.t.Errorf("write: %v", err)
		}
	}
	if r.IntN(4) > 0 {
		if err := h.Fsync(ctx); err != nil {
			c.t.Errorf("fsync without anybody on the host: %v", err)
		}
	}
}

func (c *crowd) create(r *rand.Rand, path string) {
	c.change("create", func() error {
		h, err := c.Create(context.Background(), path, []int{os.O_RDWR, os.O_RDWR | os.O_EXCL}[r.IntN(2)], 0o644)
		if err != nil {
			return err
		}
		defer h.Release()
		_, err = h.WriteAt(context.Background(), []byte(path), 0)
		return err
	})
}

// relink swaps two names, of files or of directories, or links a file.
func (c *crowd) relink(r *rand.Rand, p, q string) {
	ctx := context.Background()
	switch r.IntN(3) {
	case 0:
		c.change("exchange", func() error { return c.Rename(ctx, p, q, cache.Exchange) })
	case 1:
		c.change("exchange of directories", func() error { return c.Rename(ctx, "d", "e", cache.Exchange) })
	default:
		c.change("link", func() error {
			e, err := c.Lookup(ctx, p)
			if err == nil {
				_, err = c.Link(ctx, p, e.Attr.Ino, q)
			}
			return err
		})
	}
}

// step is one thing that a program does.
func (c *crowd) step(r *rand.Rand) {
	ctx := context.Background()
	p, q := c.path(r), c.path(r)
	if r.IntN(4) == 0 {
		c.relink(r, p, q)
		return
	}
	switch r.IntN(12) {
	case 0:
		c.change("unlink", func() error { return c.Unlink(ctx, p) })
	case 1:
		c.change("rename", func() error { return c.Rename(ctx, p, q, 0) })
	case 2, 3:
		c.change("rename without replacement", func() error { return c.Rename(ctx, p, q, cache.NoReplace) })
	case 4, 5:
		dir := []string{"", "d", "e"}[r.IntN(3)]
		_, err := c.Readdir(ctx, dir)
		c.check("readdir", err)
	case 6, 7:
		c.create(r, p)
	default:
		c.edit(r, p)
	}
}

// With nobody else on the host there are no conflicts, whatever several
// programs do with files here at the same time; and in the end the host has
// what they see.
func TestManyPrograms(t *testing.T) {
	w := newWorld(t)
	w.mkdir("d")
	w.mkdir("e")
	c := &crowd{world: w}
	var wg sync.WaitGroup
	for i := range 4 {
		r := rand.New(rand.NewPCG(uint64(i), 1))
		wg.Go(func() {
			for range 250 {
				c.step(r)
			}
		})
	}
	wg.Wait()
	seen := map[string]string{}
	for _, dir := range []string{"", "d/", "e/"} {
		for name, a := range w.entries(strings.TrimSuffix(dir, "/")) {
			if a.Mode&syscall.S_IFMT == syscall.S_IFREG {
				seen[dir+name] = w.read(dir + name)
			}
		}
	}
	if err := w.Close(context.Background()); err != nil {
		t.Errorf("close: %v", err)
	}
	w.Cache = nil
	for path, want := range seen {
		w.wantThere(path, want)
	}
	if got, want := len(w.names(""))+len(w.names("d"))+len(w.names("e"))-2, len(seen); got != want {
		t.Errorf("the host has %d files, %d were seen: %q %q %q", got, want, w.names(""), w.names("d"), w.names("e"))
	}
	w.wantLogged(0)
	if s := fmt.Sprint(w.names(""), w.names("d"), w.names("e")); strings.Contains(s, "conflict") {
		t.Errorf("there are conflicts: %s", s)
	}
}
