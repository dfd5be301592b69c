package cache_test

import (
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scpfs/scpfs/cache"
)

// What is known of the host is believed until its timeout, and then no more.
func TestTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, timeouts(time.Minute))
		w.put("f", "old")
		w.make(os.Symlink("old", w.path("l")))
		w.want("f", "old")
		w.put("f", "newer")
		w.put("g", "")
		w.make(os.Remove(w.path("l")))
		w.make(os.Symlink("new", w.path("l")))

		time.Sleep(59 * time.Second)
		w.want("f", "old")
		_, err := w.Lookup(t.Context(), "g")
		wantErr(t, "a name that was not there", err, syscall.ENOENT)
		if got, _ := w.Readlink(t.Context(), "l"); got != "old" {
			t.Errorf("the link points to %s", got)
		}

		time.Sleep(2 * time.Second)
		w.want("f", "newer")
		w.lookup("g")
		if got, _ := w.Readlink(t.Context(), "l"); got != "new" {
			t.Errorf("the link points to %s", got)
		}
	})
}

// What could not be stored when it was closed is stored when the host can
// take it again.
func TestStoreIsRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.host.Fail("Store", syscall.ENOTCONN)
		h := w.create("f")
		w.write(h, "text", 0)
		h.Release()
		time.Sleep(time.Minute)
		w.wantLogged(1)
		w.host.Clear()
		time.Sleep(time.Minute)
		w.wantThere("f", "text")
		w.wantLogged(0)
		w.want("f", "text")
	})
}

// A conflict that the policy leaves to the user is not tried again and again.
func TestConflictIsNotRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, h := conflicted(t, cache.Fail)
		h.Release()
		time.Sleep(time.Second)
		w.fake.Reset()
		time.Sleep(time.Hour)
		w.wantCalls("an hour", "")
	})
}
