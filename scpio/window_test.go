package scpio_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/scpfs/scpfs/scpio"
	"github.com/scpfs/scpfs/scpio/scptest"
)

// TestStoreWindow stores a file again and again while others on the host
// replace it, and write to it in place, at any moment: also between the
// comparison and the rename. A version that was ever there is there at the
// end, or was known to whoever replaced it. It needs a host with perl: where
// nothing can swap two names the moment stays (see docs/consistency.md).
func TestStoreWindow(t *testing.T) {
	r := newRemote(t, scptest.Start(t, slowSwap(t)), scpio.Options{})
	for _, foreign := range []struct {
		name   string
		change func(*contest) error
	}{{"replaced", (*contest).replace}, {"written to", (*contest).overwrite}} {
		t.Run(foreign.name, func(t *testing.T) {
			c := &contest{r: r, based: map[string]string{}}
			r.write(t, "file", c.version())
			stores, conflicts := 100, 0
			var others sync.WaitGroup
			end := make(chan struct{})
			others.Go(func() { c.disturb(t, end, foreign.change) })
			for range stores {
				if err := c.store(t); errors.Is(err, scpio.ErrChanged) {
					conflicts++
				} else if err != nil {
					t.Error(err)
				}
			}
			close(end)
			others.Wait()
			c.judge(t)
			t.Logf("%d stores, %d of them refused, among %d versions", stores, conflicts, c.count)
			for _, name := range strings.Fields(r.names(t)) {
				if strings.HasPrefix(name, ".scpfs-") {
					t.Errorf("left behind: %s", name)
				}
			}
		})
	}
}

// slowSwap makes a host whose helper takes its time between the comparison and
// the rename, and before it swaps back, so that others come in between.
func slowSwap(t *testing.T) scptest.Option {
	t.Helper()
	perl := scptest.Need(t, "perl")[0]
	env, dir := farm(t)
	script := `#!/bin/sh
[ "$1" = -e ] || exec ` + perl + ` "$@"
pause='select undef, undef, undef, 0.01;'
source=$(printf %s "$2" | sed "s/unless (rename2(/$pause &/; s/rename2(.*) or rename2(/$pause &/")
[ "$source" != "$2" ] || exit 1
shift 2
exec ` + perl + ` -e "$source" "$@"
`
	check(t, os.Remove(filepath.Join(dir, "mv"))) // so the shell cannot do it instead
	check(t, os.Remove(filepath.Join(dir, "perl")))
	check(t, os.WriteFile(filepath.Join(dir, "perl"), []byte(script), 0o755))
	return env
}

// contest is a file that several write to. Each version is a text of its own.
type contest struct {
	r *remote

	mu    sync.Mutex // guards the fields below
	count int
	based map[string]string // of each version that was there, the one that it replaced
	read  []string          // by who wrote over them, be that where it may
}

func (c *contest) version() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count++
	return fmt.Sprintf("version %08d\n", c.count)
}

func (c *contest) replaced(version, by string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.based[by] = version
}

// store replaces what it has just seen.
func (c *contest) store(t *testing.T) error {
	a, was, next := c.r.stat(t, "file"), c.r.read(t, "file"), c.version()
	_, err := c.r.store(t.Context(), "file", next, a)
	if err == nil {
		c.replaced(was, next)
	}
	return err
}

// disturb changes the file at random moments.
func (c *contest) disturb(t *testing.T, end chan struct{}, change func(*contest) error) {
	for {
		select {
		case <-end:
			return
		case <-time.After(time.Duration(rand.IntN(100_000)) * time.Microsecond):
		}
		if err := change(c); err != nil {
			t.Error(err)
			return
		}
	}
}

// replace puts another file in its place, and sees what it replaces.
func (c *contest) replace() error {
	next, mine := c.version(), c.r.path("mine")
	if err := os.WriteFile(mine, []byte(next), 0o644); err != nil {
		return err
	}
	if err := unix.Renameat2(unix.AT_FDCWD, mine, unix.AT_FDCWD, c.r.path("file"), unix.RENAME_EXCHANGE); err != nil {
		return err
	}
	was, err := os.ReadFile(mine)
	c.replaced(string(was), next)
	return err
}

// overwrite writes to it in place. If it is another file just after that, the
// write may have come too late; or in time, if the file is put back.
func (c *contest) overwrite() error {
	f, err := os.OpenFile(c.r.path("file"), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	was := make([]byte, len("version 00000000\n"))
	if _, err := f.ReadAt(was, 0); err != nil {
		return err
	}
	next := c.version()
	if _, err := f.WriteAt([]byte(next), 0); err != nil {
		return err
	}
	c.mu.Lock()
	c.read = append(c.read, string(was))
	c.mu.Unlock()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	if now, err := os.Stat(c.r.path("file")); err != nil || !os.SameFile(now, st) {
		return err
	}
	c.replaced(string(was), next)
	return nil
}

// judge looks for each version that was there.
func (c *contest) judge(t *testing.T) {
	known := map[string]bool{}
	for _, name := range strings.Fields(c.r.names(t)) {
		if name == "file" || strings.Contains(name, ".conflict-") {
			known[c.r.read(t, name)] = true
		}
	}
	for _, was := range c.based {
		known[was] = true
	}
	for _, was := range c.read {
		known[was] = true
	}
	lost := 0
	for version := range c.based {
		if !known[version] {
			lost++
			t.Logf("lost: %q, which was based on %q", version, c.based[version])
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d versions were lost", lost, len(c.based))
	}
}
