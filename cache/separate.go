package cache

import "context"

// A host gives the inode of a file that is gone to the next file that it makes. So
// two names that were learned at different times can have one inode number without
// being one file. Where one of them is open that shows here (see numberOf);
// otherwise only to who remembers which numbers were returned for which names.

// InUseBy has a function asked whether somebody remembers an inode number as that
// of a file with a name. A new file does not get it then. It is called with locks
// held: it must not wait, nor call the Cache.
func (c *Cache) InUseBy(asked func(ino uint64) bool) { c.users.Store(&asked) }

func (c *Cache) inUse(ino uint64) bool {
	asked := c.users.Load()
	return asked != nil && (*asked)(ino)
}

// Doubt says that a name may not be there any more: who asks for it next asks the
// host.
func (c *Cache) Doubt(path string) {
	c.tree.expire(path)
	c.tell(Notice{Path: path})
}

// Separate says that two names cannot be of one file, though path was found with
// the inode number that other was returned with. Neither is believed any longer; and
// if the host says again that path has the number, and no second link, it has another
// one here from now on. It returns the attributes of path.
func (c *Cache) Separate(ctx context.Context, path, other string, ino uint64) (Attr, error) {
	c.tree.expire(path)
	c.Doubt(other)
	e, err := c.Lookup(ctx, path)
	if err != nil || e.Attr.Ino != ino || linked(e.Attr) {
		return e.Attr, err
	}
	if f := c.byNumber(ino); f != nil && f.opened() {
		return e.Attr, nil
	}
	c.ino.gone(ino)
	e, err = c.Lookup(ctx, path)
	return e.Attr, err
}
