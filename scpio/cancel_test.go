package scpio_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/scpfs/scpfs/scpio"
)

// await waits for a state of the host that has no event.
func await(t *testing.T, what string, reached func() bool) {
	t.Helper()
	for deadline := time.Now().Add(timeout); !reached(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in %v: %s", timeout, what)
		}
	}
}

func (r *remote) awaitNames(t *testing.T, want string) {
	t.Helper()
	await(t, "only "+want+" is left", func() bool { return r.names(t) == want })
}

// processes counts the processes of the host whose command line names the
// remote's directory.
func (r *remote) processes() int {
	n := 0
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		line, _ := os.ReadFile(file)
		if strings.Contains(string(line), r.dir) {
			n++
		}
	}
	return n
}

const largeSize = 64 << 20

func testCancelFetch(t *testing.T, r *remote) {
	r.write(t, "file", "")
	check(t, os.Truncate(r.path("file"), largeSize))
	ctx, cancel := context.WithCancel(t.Context())
	_, err := r.Fetch(ctx, "file", scpio.Attr{}, func(scpio.Attr) (io.Writer, error) {
		return writerFunc(func(p []byte) (int, error) {
			cancel()
			return len(p), nil
		}), nil
	})
	wantErrno(t, "cancelled fetch", err, syscall.EINTR)
	await(t, "scp is gone", func() bool { return r.processes() == 0 })
	r.stat(t, "file")
}

func testCancelStore(t *testing.T, r *remote) {
	r.write(t, "file", "old")
	have := r.stat(t, "file")
	for _, size := range []int64{1 << 20, largeSize} { // the larger goes in pieces
		ctx, cancel := context.WithCancel(t.Context())
		_, err := r.Store(ctx, "file", scpio.Upload{
			Contents: cancelling{size / 2, cancel}, Size: size, Mode: 0o644, Expect: have,
		})
		wantErrno(t, "cancelled store", err, syscall.EINTR)
		r.awaitNames(t, "file")
		await(t, "scp is gone", func() bool { return r.processes() == 0 })
		if !same(r.attrOf(t, "file"), have) || r.read(t, "file") != "old" {
			t.Error("the target was touched")
		}
		r.stat(t, "file")
		cancel()
	}
}

// cancelling is contents that cancel their own store when they are read from
// an offset on, and end there: what is under way by then may arrive whole.
type cancelling struct {
	at     int64
	cancel func()
}

func (c cancelling) ReadAt(p []byte, off int64) (int, error) {
	if off >= c.at {
		c.cancel()
		return 0, context.Canceled
	}
	return len(p), nil
}
