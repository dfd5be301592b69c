package scpio

import (
	"context"
	"strings"
)

// RemoveIf removes a name that is not a directory's, if its file still has the
// contents of the version have: the same inode, size and time of the last
// write. Else it fails with [ErrChanged], also when there is no such name any
// more.
func (c *Client) RemoveIf(ctx context.Context, path string, have Attr) error {
	return c.silent(ctx, "unlink", path, c.removeIf(path, have))
}

func (c *Client) removeIf(path string, have Attr) string {
	return "r " + c.arg(path) + " " + c.contents(&have)
}

// RenameIf is [Client.Rename] without flags of what still is as expected: from
// has the contents of the version old, and to those of the version over; one
// whose Ino is 0 says that there is nothing, nil that it may be anything. Of a
// directory it is expected only that it is one. Else it fails with [ErrChanged] and
// nothing is renamed.
func (c *Client) RenameIf(ctx context.Context, from, to string, old, over *Attr) (Attr, error) {
	if err := c.usable(from, to); err != nil {
		return Attr{}, fail("rename", from, err)
	}
	cmd := strings.Join([]string{"m", c.arg(from), c.arg(to), c.contents(old), c.contents(over)}, " ")
	if p, q := parent(from), parent(to); p != q {
		cmd += " " + c.arg(p) + " " + c.arg(q)
	}
	return c.changeFrom(ctx, "rename", from, to, cmd)
}

// contents is the part of a version that an attribute alone does not change, as
// the library's function q takes it: the beginning of what v prints.
func (c *Client) contents(a *Attr) string {
	switch {
	case a == nil:
		return "''"
	case a.Ino == 0:
		return "-"
	case isDir(*a):
		return "/"
	}
	v := versionOf(c.Host().Engine, *a)
	return quote(v[:strings.LastIndexAny(v, changeTimeBegins(c.Host().Engine))+1])
}

// changeTimeBegins is what stands in front of the time of the last change of
// attributes in a version.
func changeTimeBegins(engine string) string {
	if engine == "gnu" {
		return " "
	}
	return "|"
}
