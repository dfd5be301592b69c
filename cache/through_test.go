package cache_test

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/scpfs/scpfs/cache"
)

// lend opens a file and lends it, as the kernel does with one it reads itself.
func (w *world) lend(path string, flags int) (*cache.Handle, int) {
	w.t.Helper()
	h := w.openFile(path, flags)
	fd, ok := h.Lend()
	if !ok {
		w.t.Fatalf("%s is not complete", path)
	}
	if h.Writes() {
		w.make(h.Watch())
	}
	return h, fd
}

// reopened is another open file of what a descriptor is one of, as a mapping
// of the kernel's is.
func (w *world) reopened(fd int) int {
	w.t.Helper()
	other, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), unix.O_RDWR|unix.O_CLOEXEC, 0)
	w.make(err)
	return other
}

// wantSoon waits for what the cache does by itself every second.
func (w *world) wantSoon(what string, ok func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("not yet: %s", what)
		}
	}
}

func giveBack(h *cache.Handle) {
	h.Return()
	h.Release()
}

// wantFd compares what a descriptor shows.
func (w *world) wantFd(fd int, want string) {
	w.t.Helper()
	buf := make([]byte, len(want)+1)
	n, err := unix.Pread(fd, buf, 0)
	if err != nil || string(buf[:n]) != want {
		w.t.Errorf("the descriptor shows %q, %v; want %q", buf[:n], err, want)
	}
}

// TestLentContentsStayTheFile: a newer version, and a truncation by an open,
// are written into what is lent.
func TestLentContentsStayTheFile(t *testing.T) {
	w := newWorld(t, func(o *cache.Options) { o.Timeouts = cache.Timeouts{} })
	w.put("f", "the first")
	h, fd := w.lend("f", os.O_RDONLY)
	w.wantFd(fd, "the first")

	w.put("f", "second")
	w.want("f", "second")
	w.wantFd(fd, "second")

	other := w.openFile("f", os.O_WRONLY|os.O_TRUNC)
	w.wantFd(fd, "")
	w.write(other, "ours", 0)
	w.wantFd(fd, "ours")
	w.flush(other)
	other.Release()
	w.wantThere("f", "ours")

	giveBack(h)
	w.put("f", "the last")
	w.want("f", "the last")
}

// TestLentLargeFile: what is lent cannot become contents that are still on
// their way.
func TestLentLargeFile(t *testing.T) {
	w := newWorld(t, func(o *cache.Options) { o.Timeouts = cache.Timeouts{} })
	one, two := string(make([]byte, 1<<20)), string(append(make([]byte, 1<<20), "more"...))
	w.put("f", one)
	w.want("f", one)
	h, fd := w.lend("f", os.O_RDONLY)
	w.put("f", two)
	again := w.openFile("f", os.O_RDONLY)
	if !again.Complete() {
		t.Error("a lent file is fetched as it is read")
	}
	w.wantFd(fd, two)
	again.Release()
	giveBack(h)
}

// TestMappedWriteIsNoticed: what was written behind the cache's back is stored
// by the next flush, and what was not written is not.
func TestMappedWriteIsNoticed(t *testing.T) {
	w := newWorld(t)
	w.put("f", "old contents")
	reader, _ := w.lend("f", os.O_RDONLY)
	defer giveBack(reader)
	h, fd := w.lend("f", os.O_RDWR)
	w.wantLogged(1)
	w.fake.Reset()
	w.flush(h)
	w.wantCalls("a flush of what is as it was", "")

	unix.Pwrite(fd, []byte("new"), 0)
	w.flush(h)
	w.wantThere("f", "new contents")
	w.wantLogged(1) // it can be written to still
	giveBack(h)
	w.wantSoon("the record goes when nobody can write", func() bool { return len(w.logged()) == 0 })
}

// TestMappingOutlivesItsHandle: as long as somebody else has the local file
// open it is not believed to be as it was.
func TestMappingOutlivesItsHandle(t *testing.T) {
	w := newWorld(t)
	w.put("f", "old contents")
	h, fd := w.lend("f", os.O_RDWR)
	elsewhere := w.reopened(fd)
	giveBack(h)
	unix.Pwrite(elsewhere, []byte("new"), 0)
	w.wantThere("f", "old contents")
	w.wantLogged(1)
	syscall.Close(elsewhere)
	w.wantSoon("it is stored", func() bool { return w.there("f") == "new contents" && len(w.logged()) == 0 })
}

// TestMappedWriteAtTheEnd: the end of the mount does not wait for a mapping,
// but stores what it has written.
func TestMappedWriteAtTheEnd(t *testing.T) {
	w := newWorld(t)
	w.put("f", "old contents")
	h, fd := w.lend("f", os.O_RDWR)
	elsewhere := w.reopened(fd)
	defer syscall.Close(elsewhere)
	giveBack(h)
	unix.Pwrite(elsewhere, []byte("new"), 0)
	w.close()
	w.wantThere("f", "new contents")
}

// TestConflictOfMappedWrite: a foreign change is met as by any other store.
func TestConflictOfMappedWrite(t *testing.T) {
	w := newWorld(t)
	w.put("f", "old contents")
	h, fd := w.lend("f", os.O_RDWR)
	unix.Pwrite(fd, []byte("new"), 0)
	w.put("f", "theirs")
	if err := h.Flush(context.Background()); err != syscall.ESTALE {
		t.Errorf("flush: %v", err)
	}
	w.wantThere("f", "theirs")
	w.wantThere(w.only("f.conflict-"), "new contents")
	giveBack(h)
}
