package cache_test

import (
	"context"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/scpfs/scpfs/cache"
	"github.com/scpfs/scpfs/cache/cachetest"
)

// TestAppendEndsHalfway: the host dies while it appends in the file itself. What
// it has of that is no foreign change, for any policy.
func TestAppendEndsHalfway(t *testing.T) {
	text := strings.Repeat("text", 32<<10)
	for name, n := range map[string]int{"a byte": 1, "half": 4, "all but the times": 8} {
		for _, through := range []bool{false, true} {
			for _, again := range []bool{false, true} {
				w := newWorld(t, policy(cache.Theirs), func(o *cache.Options) { o.WriteBack = !through })
				w.put("f", text)
				appendHalfway(w, text+"and more", len(text)+n)
				if again {
					w.remount()
				}
				w.sent()
				if got := w.there("f"); got != text+"and more" {
					t.Errorf("%s, through %v, again %v: the host has %d bytes", name, through, again, len(got))
				}
				w.wantNames("", "f")
				w.wantLogged(0)
			}
		}
	}
}

// TestAppendsOfTwo: others append too. Only what is the same as far as it goes
// is taken for ours.
func TestAppendsOfTwo(t *testing.T) {
	text := strings.Repeat("text", 32<<10)
	for name, there := range map[string]string{
		"other bytes":       text + "and less",
		"longer than ours":  text + "and more and more",
		"changed before it": "T" + text[1:] + "and",
		"as long as before": "T" + text[1:],
		"shorter":           text[:len(text)-1],
	} {
		w := newWorld(t)
		w.put("f", text)
		h := w.openFile("f", os.O_WRONLY|os.O_APPEND)
		w.write(h, "and more", 0)
		w.put("f", there)
		wantErr(t, name, h.Flush(t.Context()), syscall.ESTALE)
		h.Release()
		w.wantThere("f", there)
		w.wantThere(w.only("f.conflict-"), text+"and more")
	}
}

// appendHalfway makes f what it is to be, of which the host has only the first
// bytes when it dies.
func appendHalfway(w *world, whole string, there int) {
	w.t.Helper()
	h := w.openFile("f", os.O_WRONLY|os.O_APPEND)
	w.write(h, whole[w.lookup("f").Attr.Size:], 0)
	w.host.On(cachetest.Hook{Method: "Store", Path: "f", Times: 1, Before: func(context.Context) error {
		w.put("f", whole[:there])
		return syscall.ENOTCONN
	}})
	if err := h.Flush(w.t.Context()); err != nil && (w.o.WriteBack || err != syscall.ENOTCONN) {
		w.t.Errorf("flush says %v", err)
	}
	h.Release()
}
