package cache_test

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/scpfs/scpfs/cache/cachetest"
)

// TestFileBelowWhatIsDisputed: a file that was stored in a directory of which it is
// still to be found out whether the host has it is there all the time.
func TestFileBelowWhatIsDisputed(t *testing.T) {
	w := newWorld(t, writeBack)
	w.unanswered("Mkdir")
	_, err := w.Mkdir(context.Background(), "d", 0o755)
	w.make(err)
	w.eventually("the host is known to be away", w.IsAway)
	w.save("d/f", "text")
	w.host.Clear()
	w.host.On(cachetest.Hook{Method: "Mkdir", Path: "d", Times: 1}) // in the batch
	looked, release := w.host.Block("Mkdir", "d")
	defer release()
	w.make(w.Online(context.Background()))
	<-looked
	w.lookup("d/f")
	w.want("d/f", "text")
	release()
	w.sent()
	w.make(w.Rename(context.Background(), "d/f", "d/g", 0))
	w.wantNames("d", "g")
}

// TestDisputedStaysLocked: who renames one file of a batch over another, while the
// first is to be looked at, waits for both.
func TestDisputedStaysLocked(t *testing.T) {
	w := newWorld(t, writeBack)
	w.entries("")
	held, release := w.host.Block("Store", "first")
	w.save("first", "text")
	<-held
	w.save("f", "ours")
	w.save("g", "ours, too")
	w.put("f", "theirs")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	renamed := make(chan error, 1)
	w.host.On(cachetest.Hook{Method: "Store", Path: "g", Times: 1, Before: func(context.Context) error {
		go func() { renamed <- w.Rename(ctx, "f", "g", 0) }()
		time.Sleep(50 * time.Millisecond) // it waits for what it gets first
		return nil
	}})
	release()
	wantErr(t, "rename", <-renamed, syscall.EBUSY)
	w.sent()
	w.wantThere("f", "theirs")
	w.wantThere(w.only("f.conflict-"), "ours")
	w.wantThere("g", "ours, too")
}

// TestPartOfBatchUnanswered: a batch of which a part was not answered is tried again
// after a while, and not at once for ever.
func TestPartOfBatchUnanswered(t *testing.T) {
	w := newWorld(t, writeBack)
	w.host.Fail("Mkdir", syscall.ETIMEDOUT)
	held, release := w.host.Block("Store", "first")
	w.save("first", "text")
	<-held
	for _, name := range []string{"d", "e"} {
		_, err := w.Mkdir(context.Background(), name, 0o755)
		w.make(err)
	}
	release()
	w.eventually("the host is known to be away", w.IsAway)
	w.answers()
	w.sent()
	w.wantNames("", "d", "e", "first")
}
