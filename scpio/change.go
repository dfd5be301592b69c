package scpio

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"time"
)

// change runs a command of the library that answers with the attributes of
// the one file it touched.
func (c *Client) change(ctx context.Context, op, path, command string) (Attr, error) {
	return c.changeFrom(ctx, op, "", path, command)
}

// changeFrom is change of a file that had another name.
func (c *Client) changeFrom(ctx context.Context, op, from, path, command string) (Attr, error) {
	var a Attr
	err := c.do(ctx, op, path, func(sh *shell) error {
		if err := sh.send(command); err != nil {
			return err
		}
		e, err := sh.one(c.abs(path))
		if a = e.Attr; err == nil {
			c.tellAbove(sh, path, from)
		}
		return err
	})
	return a, err
}

// silent runs a command of the library that answers with nothing.
func (c *Client) silent(ctx context.Context, op, path, command string) error {
	return c.do(ctx, op, path, func(sh *shell) error {
		if err := sh.send(command); err != nil {
			return err
		}
		for _, err := range sh.records(c.abs(path)) {
			return err
		}
		c.tellAbove(sh, path, "")
		return nil
	})
}

// Create makes an empty regular file where there is nothing, exclusively on
// the host: of several clients one succeeds, the others get EEXIST.
func (c *Client) Create(ctx context.Context, path string, mode uint32) (Attr, error) {
	return c.change(ctx, "create", path, "N "+c.arg(path)+" "+modeArgs(mode, 0o666))
}

// Mkdir makes a directory.
func (c *Client) Mkdir(ctx context.Context, path string, mode uint32) (Attr, error) {
	return c.change(ctx, "mkdir", path, c.mkdir(path, mode))
}

func (c *Client) mkdir(path string, mode uint32) string {
	return "D " + c.arg(path) + " " + modeArgs(mode, 0o777)
}

// modeArgs are the umask with which a program that asks for the mode full
// makes a file of the mode, and the mode again where that is not enough.
func modeArgs(mode, full uint32) string {
	exact := "''"
	switch mode & 07777 &^ full {
	case 0:
	case 01000:
		exact = "+t" // leaves an inherited set-group-ID bit alone
	default:
		exact = octal(mode)
	}
	return fmt.Sprintf("%04o %s", full&^mode, exact)
}

// octal is a mode of five digits: with these chmod also clears the
// set-ID bits of a directory.
func octal(mode uint32) string { return fmt.Sprintf("%05o", mode&07777) }

// Mknod makes a FIFO or, for root, a device: mode has the type.
func (c *Client) Mknod(ctx context.Context, path string, mode, rdev uint32) (Attr, error) {
	kind := map[uint32]string{syscall.S_IFIFO: "p", syscall.S_IFCHR: "c", syscall.S_IFBLK: "b"}[mode&syscall.S_IFMT]
	if kind == "" {
		return Attr{}, fail("mknod", path, syscall.EOPNOTSUPP)
	}
	cmd := "t mknod -m " + octal(mode) + " " + c.arg(path) + " " + kind
	if kind != "p" {
		cmd += fmt.Sprintf(" %d %d", rdev>>8&0xfff, rdev&0xff|rdev>>12&^0xff)
	}
	a, err := c.change(ctx, "mknod", path, cmd+";f $? "+c.arg(path))
	if kind != "p" {
		a.Rdev = rdev
	}
	return a, err
}

// Remove removes a name that is not a directory's.
func (c *Client) Remove(ctx context.Context, path string) error {
	return c.silent(ctx, "unlink", path, c.remove("rm", path))
}

// Rmdir removes an empty directory.
func (c *Client) Rmdir(ctx context.Context, path string) error {
	return c.silent(ctx, "rmdir", path, c.remove("rmdir", path))
}

func (c *Client) remove(program, path string) string { return "remove " + program + " " + c.arg(path) }

// Link gives a file another name and returns its new attributes.
func (c *Client) Link(ctx context.Context, path, link string) (Attr, error) {
	if err := c.usable(path); err != nil {
		return Attr{}, fail("link", link, err)
	}
	return c.change(ctx, "link", link, "H "+c.arg(path)+" "+c.arg(link))
}

// Symlink makes a symbolic link with the text target.
func (c *Client) Symlink(ctx context.Context, target, path string) (Attr, error) {
	if err := usable(target); err != nil {
		return Attr{}, fail("symlink", path, err)
	}
	return c.change(ctx, "symlink", path, c.symlink(target, path))
}

func (c *Client) symlink(target, path string) string { return "Y " + quote(target) + " " + c.arg(path) }

// Flags of Rename, with the values of renameat2(2).
const (
	RenameNoReplace = 1
	RenameExchange  = 2
)

// Rename is renameat2(2): it replaces a file or an empty directory at the
// target unless flags says otherwise, never copies (EXDEV), and returns the
// attributes of the file at its new name. An exchange where the host has no
// means for it is EINVAL, as from a file system that does not support it.
func (c *Client) Rename(ctx context.Context, from, to string, flags uint32) (Attr, error) {
	how := map[uint32]string{0: "''", RenameNoReplace: "new", RenameExchange: "swap"}[flags]
	if how == "" {
		return Attr{}, fail("rename", from, syscall.EINVAL)
	}
	if err := c.usable(from, to); err != nil {
		return Attr{}, fail("rename", from, err)
	}
	cmd := c.rename(from, to, how)
	var a Attr
	err := c.do(ctx, "rename", from, func(sh *shell) error {
		if err := sh.send(cmd); err != nil {
			return err
		}
		first, n, end, err := sh.answered("")
		if err != nil {
			return err
		}
		if a, err = outcome(first.Attr, n, end); err == nil {
			c.tellAbove(sh, to, from)
		}
		return err
	})
	return a, err
}

// rename is the command; the directories go with it where they are two.
func (c *Client) rename(from, to, how string) string {
	cmd := "M " + c.arg(from) + " " + c.arg(to) + " " + how
	if p, q := parent(from), parent(to); p != q {
		cmd += " " + c.arg(p) + " " + c.arg(q)
	}
	return cmd
}

func parent(path string) string {
	return path[:max(strings.LastIndexByte(path, '/'), 0)]
}

// Setattr changes attributes.
func (c *Client) Setattr(ctx context.Context, path string, ch Change) (Attr, error) {
	if ch == (Change{}) {
		e, err := c.Stat(ctx, path)
		return e.Attr, err
	}
	return c.change(ctx, "setattr", path, c.setattr(path, ch))
}

func (c *Client) setattr(path string, ch Change) string {
	mode := "''"
	if ch.Mode != nil {
		mode = octal(*ch.Mode)
	}
	return fmt.Sprintf("setattr %s %s %s %s %s",
		c.arg(path), quote(owner(ch)), mode, c.optionalDate(ch.Atime), c.optionalDate(ch.Mtime))
}

func owner(ch Change) string {
	o := ""
	if ch.UID != nil {
		o = fmt.Sprint(*ch.UID)
	}
	if ch.GID != nil {
		o += fmt.Sprint(":", *ch.GID)
	}
	return o
}

func (c *Client) optionalDate(ns *int64) string {
	if ns == nil {
		return "''"
	}
	return c.date(*ns)
}

// date is a time as the host's touch takes it: with nanoseconds, or, by
// busybox's, in whole seconds. There the second before 1970 cannot be told
// from an error of mktime(3), and becomes the next one.
func (c *Client) date(ns int64) string {
	t := time.Unix(0, ns).UTC()
	if c.Host().NanoTime {
		return quote(t.Format("2006-01-02 15:04:05.999999999"))
	}
	if t.Unix() == -1 {
		t = time.Unix(0, 0).UTC()
	}
	return quote(t.Format("2006-01-02 15:04:05"))
}

// Truncate sets the size of a file that is still the version of have, else
// it fails with [ErrChanged].
func (c *Client) Truncate(ctx context.Context, path string, have Attr, size int64) (Attr, error) {
	return c.change(ctx, "truncate", path, fmt.Sprintf("T %s %s %d", c.arg(path), c.version(have), size))
}

// Access asks the host whether the account may use a file: mask has the
// bits of access(2).
func (c *Client) Access(ctx context.Context, path string, mask uint32) error {
	cmd := "U " + c.arg(path)
	for i, flag := range []string{"x", "w", "r"} {
		if mask&(1<<i) != 0 {
			cmd += " " + flag
		}
	}
	return c.silent(ctx, "access", path, cmd)
}

// Statfs describes the file system of a directory.
func (c *Client) Statfs(ctx context.Context, path string) (Statfs, error) {
	var st Statfs
	err := c.retry(ctx, "statfs", path, func(sh *shell) error {
		if err := sh.send("G " + c.arg(path)); err != nil {
			return err
		}
		text, a, err := sh.raw(4096)
		if err != nil {
			return err
		}
		if err := hostError(a); err != nil {
			return err
		}
		_, err = fmt.Sscan(text, &st.Bsize, &st.Blocks, &st.Bfree, &st.Bavail, &st.Files, &st.Ffree, &st.Namelen)
		if err != nil {
			return &Error{Err: syscall.ENOSYS, Said: saying(text)}
		}
		return nil
	})
	return st, err
}
