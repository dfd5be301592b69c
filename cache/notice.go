package cache

// Notice tells that something has changed that was not the subject of a
// request: who remembers answers, as the kernel does, has to ask again.
type Notice struct {
	// Path is a name under which something else may be than before. The
	// attributes of its directory have changed as well.
	Path string
	// Attr says that the name itself is what it was.
	Attr bool
	// Self says that it is a directory whose own attributes have changed.
	Self bool
	// Gone says that what had the name does not exist any more, also if it
	// was a directory.
	Gone bool
	// Below says that the same may be so for all names in the directory
	// Path; Deep, for those below these too.
	Below, Deep bool
	// Ino, if not 0, is an open file whose contents are others now; Path
	// is meaningless then.
	Ino uint64
	// From is the offset from which on they are: the rest of the file Ino
	// was appended to. Shown is to be called when that is known.
	From int64
}

// OnNotice has a function told of such changes. It is called with locks
// held: it must not wait, nor call the Cache.
func (c *Cache) OnNotice(tell func(Notice)) { c.notice.Store(&tell) }

func (c *Cache) tell(n Notice) {
	if tell := c.notice.Load(); tell != nil {
		(*tell)(n)
	}
}
