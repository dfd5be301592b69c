package fusefs

import (
	"context"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// A file can lose its name between the moment when the kernel has found it and
// the one when it asks us to open it, or a link to read it. ESTALE makes the
// kernel look the name up again, but only once: if the name is another's then
// as well the program would see ESTALE, which it does not expect of open(2). It
// is told ENOENT instead: what was found is not there any more.

// staleWithin lies between the two attempts of one open at most.
const staleWithin = 100 * time.Millisecond

// again tells whether a thread was answered ESTALE just before, and remembers
// that it is now; a file that was opened ends it.
func (f *FS) again(request context.Context, stale bool) bool {
	caller, ok := fuse.FromContext(request)
	if !ok {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	at, was := f.stale.Peek(caller.Pid)
	f.stale.Remove(caller.Pid)
	twice := was && time.Since(at) < staleWithin
	if stale && !twice {
		f.stale.Add(caller.Pid, time.Now())
	}
	return twice
}

func newStale() *simplelru.LRU[uint32, time.Time] {
	l, _ := simplelru.NewLRU[uint32, time.Time](1024, nil)
	return l
}

// staled is the answer to an open of a file that has lost its name.
func (f *FS) staled(request context.Context) syscall.Errno {
	if f.again(request, true) {
		return syscall.ENOENT
	}
	return syscall.ESTALE
}
