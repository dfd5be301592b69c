package cache

import (
	"context"
	"syscall"
)

// Rmdir removes an empty directory.
func (c *Cache) Rmdir(ctx context.Context, path string) error {
	if c.hasOurs(path) {
		return syscall.ENOTEMPTY
	}
	if done, err := c.rmdirLater(ctx, path); done || err != nil {
		return err
	}
	if err := c.backlog.settle(ctx, path); err != nil {
		return err
	}
	stay := c.leave(c.tree.last(path))
	if err := c.remote.Rmdir(ctx, path); err != nil {
		stay()
		return c.failed(err, path)
	}
	c.changed(path)
	c.tree.remove(path)
	c.relink(path, Attr{Mode: syscall.S_IFDIR}, -1)
	return nil
}

// hasOurs tells whether a directory has files of which the host does not know, so that
// it may find it empty.
func (c *Cache) hasOurs(dir string) bool {
	for _, f := range c.liveIn(dir) {
		if _, ours := f.authority(); ours {
			return true
		}
	}
	return false
}

// relink counts a name that came, by 1, or went, by -1, in its directory's
// links.
func (c *Cache) relink(path string, a Attr, by int) {
	if dir, _ := split(path); isDir(a) {
		c.backlog.relink(dir, by)
	}
}

// rmdirLater removes a directory that is known to be empty. It reports whether
// that can wait.
func (c *Cache) rmdirLater(ctx context.Context, path string) (bool, error) {
	if !c.apart() || !c.defers(path) {
		return false, nil
	}
	e, err := c.entry(ctx, path)
	if err != nil || !isDir(e.Attr) {
		return false, err
	}
	entries, err := c.Readdir(ctx, path)
	switch {
	case err != nil:
		return false, err
	case len(entries) > 0:
		return false, syscall.ENOTEMPTY
	}
	return true, c.postpone(&change{kind: unmaking, path: path, base: e.Attr})
}
