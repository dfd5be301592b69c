package cache

import (
	"context"
	"slices"
	"syscall"
)

// The bits of an access mask, as of access(2).
const (
	mayRead  = 4
	mayWrite = 2
	mayExec  = 1
)

// Access tells whether the account on the host may use a file: by its mode
// bits, and where these say no by asking the host, which may have reasons
// that bits cannot tell, such as an access control list.
func (c *Cache) Access(ctx context.Context, path string, ino uint64, mask uint32) error {
	a, err := c.Getattr(ctx, path, true, ino)
	if err != nil {
		return err
	}
	return c.permits(ctx, path, a, mask)
}

func (c *Cache) permits(ctx context.Context, path string, a Attr, mask uint32) error {
	if c.bitsPermit(a, mask) {
		return nil
	}
	if f := c.liveAt(path); f != nil {
		if _, ours := f.authority(); ours {
			return syscall.EACCES
		}
	}
	if _, k := c.backlog.look(path); k == known {
		return syscall.EACCES
	}
	return c.remote.Access(ctx, path, mask)
}

// allowed tells whether a file may be opened.
func (c *Cache) allowed(ctx context.Context, path string, a Attr, flags int) error {
	var mask uint32
	switch flags & syscall.O_ACCMODE {
	case syscall.O_RDONLY:
		mask = mayRead
	case syscall.O_WRONLY:
		mask = mayWrite
	default:
		mask = mayRead | mayWrite
	}
	if flags&syscall.O_TRUNC != 0 {
		mask |= mayWrite
	}
	return c.permits(ctx, path, a, mask)
}

// bitsPermit is the check by mode bits that the host's kernel would make.
func (c *Cache) bitsPermit(a Attr, mask uint32) bool {
	switch {
	case c.o.UID == 0:
		return mask&mayExec == 0 || isDir(a) || a.Mode&0o111 != 0
	case c.o.UID == a.UID:
		return a.Mode>>6&mask == mask
	case c.o.GID == a.GID || slices.Contains(c.o.Groups, a.GID):
		return a.Mode>>3&mask == mask
	}
	return a.Mode&mask == mask
}
