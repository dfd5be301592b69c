package scpio

import "time"

// A change of a name changes its directory as well. Where the host has a helper,
// the answer tells the attributes that the directory has now, so that nobody has
// to ask: they are in a record with a name that no file can have.

const (
	aboveName = "/."  // the directory of the name that was changed
	aboveFrom = "/.." // the directory that a file was renamed from
)

// OnAbove has f called with the attributes that a directory had just after a change
// of ours of a name in it, before the method that made the change returns, and with
// the time at which the host was asked for it. It is not called where the host does
// not tell, nor for the steps of a batch; and it may be called for several changes
// at the same time, in any order.
func (c *Client) OnAbove(f func(name string, dir Attr, asked time.Time)) { c.onAbove.Store(&f) }

// tellAbove passes on what the answer to a change said of the directories of a name
// and of that which it had before.
func (c *Client) tellAbove(sh *shell, name, from string) {
	f := c.onAbove.Load()
	if f == nil {
		return
	}
	for _, e := range sh.above {
		switch {
		case !isDir(e.Attr):
		case e.Name == aboveName:
			(*f)(name, e.Attr, sh.asked)
		case e.Name == aboveFrom && from != "":
			(*f)(from, e.Attr, sh.asked)
		}
	}
}
