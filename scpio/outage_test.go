package scpio_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/scpfs/scpfs/scpio"
	"github.com/scpfs/scpfs/scpio/scptest"
)

// TestResumed cuts the connection in the middle of a range, several times:
// what came is kept, and only the rest is sent again.
func TestResumed(t *testing.T) {
	scptest.LeakCheck(t)
	r, link := through(t, scptest.Start(t), scptest.LinkOptions{}, scpio.Options{})
	contents := randomText(3 << 20)
	r.write(t, "file", contents)
	have := r.stat(t, "file")
	for _, cuts := range [][]int64{{100_000}, {1 << 20, 1 << 20}, {3<<20 - 1}, {3<<20 + 60_000}} {
		var got atBuffer
		got.at = func() {
			if len(cuts) > 0 && int64(len(got.b)) > 0 {
				link.CutAfter(cuts[0], scptest.Down)
				cuts = cuts[1:]
			}
		}
		before := link.BytesDown()
		check(t, r.FetchRange(t.Context(), "file", have, 0, have.Size, &got))
		if string(got.b) != contents {
			t.Errorf("%d other bytes came", len(got.b))
		}
		// SSH keeps up to its window on the way, which is lost.
		if sent := link.BytesDown() - before; sent > 2*have.Size {
			t.Errorf("%d bytes were sent for %d", sent, have.Size)
		}
	}
}

// atBuffer calls at before each piece that it takes.
type atBuffer struct {
	b  []byte
	at func()
}

func (a *atBuffer) Write(p []byte) (int, error) {
	a.at()
	a.b = append(a.b, p...)
	return len(p), nil
}

// randomText is text that no compression makes shorter, and no two parts of which
// are the same.
func randomText(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return string(b)
}

// gatedDial is a host that is away at times.
type gatedDial struct {
	conn  func(context.Context) (scpio.Conn, error)
	away  atomic.Pointer[error]
	hangs atomic.Bool
	dials atomic.Int64

	mu   sync.Mutex // guards last
	last scpio.Conn
}

func (g *gatedDial) dial(ctx context.Context) (scpio.Conn, error) {
	g.dials.Add(1)
	if g.hangs.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if err := g.away.Load(); err != nil {
		return nil, *err
	}
	conn, err := g.conn(ctx)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.last = conn
	return conn, err
}

func (g *gatedDial) leave(err error) { g.away.Store(&err) }
func (g *gatedDial) back()           { g.away.Store(nil) }

func (g *gatedDial) cut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.last.Close()
}

// goneHost is a client whose only connection has ended.
func goneHost(t *testing.T, limit time.Duration, away error) (*scpio.Client, *gatedDial) {
	t.Helper()
	g := &gatedDial{conn: dialer(scptest.Start(t))}
	c, err := scpio.New(t.Context(), g.dial, scpio.Options{Root: t.TempDir(), Timeout: limit})
	check(t, err)
	t.Cleanup(func() { c.Close() })
	g.leave(away)
	g.cut()
	g.dials.Store(0)
	return c, g
}

// TestAwayIsNotHammered: many callers of a host that is away share few dials,
// wait for their own limit at most, and are told that there is no connection.
func TestAwayIsNotHammered(t *testing.T) {
	scptest.LeakCheck(t)
	limit := time.Second
	c, g := goneHost(t, limit, fmt.Errorf("refused: %w", syscall.ECONNREFUSED))
	stat := func(int) error { _, err := c.Stat(context.Background(), ""); return err }
	began := time.Now()
	for _, err := range concurrently(100, stat) {
		wantErrno(t, "stat", err, syscall.EHOSTUNREACH)
	}
	if took := time.Since(began); took < limit/2 || took > limit+timeout/2 {
		t.Errorf("it took %v, want %v", took, limit)
	}
	// The pauses are 0.05 s at the least and grow: five fit in a second, a few
	// more if it takes longer.
	if n := g.dials.Load(); n < 2 || n > 30 {
		t.Errorf("%d dials", n)
	}
	// Now it is known to be away, and nobody waits.
	g.dials.Store(0)
	for range 1000 {
		wantErrno(t, "stat", stat(0), syscall.EHOSTUNREACH)
	}
	if n := g.dials.Load(); n > 30 {
		t.Errorf("%d dials for 1000 callers", n)
	}
	g.back()
	await(t, "the host is back", func() bool { return stat(0) == nil })
}

// TestAwayAtOnce: nobody waits for a dial to a host that was away for long, also
// where it takes its time.
func TestAwayAtOnce(t *testing.T) {
	scptest.LeakCheck(t)
	limit := time.Second
	c, g := goneHost(t, limit, syscall.ECONNREFUSED)
	stat := func() error { _, err := c.Stat(t.Context(), ""); return err }
	wantErrno(t, "stat", stat(), syscall.EHOSTUNREACH)
	g.hangs.Store(true)
	g.dials.Store(0)
	await(t, "another dial", func() bool { wantErrno(t, "stat", stat(), syscall.EHOSTUNREACH); return g.dials.Load() > 0 })
	began := time.Now()
	for range 100 {
		wantErrno(t, "stat", stat(), syscall.EHOSTUNREACH)
	}
	if took := time.Since(began); took > 20*limit {
		t.Errorf("100 callers waited for %v", took)
	}
}

// TestNotYet: a client that has not reached its host answers at once, and is one
// like others when it has.
func TestNotYet(t *testing.T) {
	scptest.LeakCheck(t)
	g := &gatedDial{conn: dialer(scptest.Start(t))}
	g.leave(syscall.ECONNREFUSED)
	c := scpio.NewLater(g.dial, scpio.Options{Root: t.TempDir()})
	defer c.Close()
	_, err := c.Stat(t.Context(), "")
	wantErrno(t, "stat", err, syscall.EHOSTUNREACH)
	if n := g.dials.Load(); n != 0 {
		t.Errorf("%d dials before it was told to", n)
	}
	wantErrno(t, "connect", c.Connect(t.Context()), syscall.EHOSTUNREACH)
	g.back()
	check(t, c.Connect(t.Context()))
	_, err = c.Stat(t.Context(), "")
	check(t, err)
}

// TestBackInTime: who waits sees nothing of an outage that is shorter than the
// time limit.
func TestBackInTime(t *testing.T) {
	c, g := goneHost(t, timeout, syscall.ECONNREFUSED)
	done := make(chan error, 1)
	go func() { _, err := c.Stat(context.Background(), ""); done <- err }()
	await(t, "it is tried again", func() bool { return g.dials.Load() > 2 })
	g.back()
	check(t, <-done)
}

// TestAwayInterrupted: a caller that waits for a host that is away can be
// interrupted, and the client closed.
func TestAwayInterrupted(t *testing.T) {
	scptest.LeakCheck(t)
	c, g := goneHost(t, timeout, syscall.ECONNREFUSED)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 2)
	go func() { _, err := c.Stat(ctx, ""); done <- err }()
	await(t, "it is dialed", func() bool { return g.dials.Load() > 0 })
	cancel()
	wantErrno(t, "interrupted stat", <-done, syscall.EINTR)
	go func() { _, err := c.Stat(t.Context(), ""); done <- err }()
	c.Close()
	wantErrno(t, "stat of a closed client", <-done, syscall.ENOTCONN)
}

// wrongKey is an error that stays, and has a number that is none of a file.
type wrongKey struct{}

func (wrongKey) Error() string   { return "another key" }
func (wrongKey) Permanent() bool { return true }
func (wrongKey) Unwrap() error   { return syscall.ENOENT }

// TestDeniedAtOnce: nobody waits for a host that is the wrong one, or lets
// nobody in.
func TestDeniedAtOnce(t *testing.T) {
	c, g := goneHost(t, time.Hour, wrongKey{})
	for range 100 {
		_, err := c.Stat(t.Context(), "")
		wantErrno(t, "stat", err, syscall.EHOSTUNREACH)
		if _, ok := errors.AsType[wrongKey](err); !ok || errors.Is(err, syscall.ENOENT) {
			t.Errorf("it is %v", err)
		}
	}
	if n := g.dials.Load(); n > 10 {
		t.Errorf("%d dials", n)
	}
}

// TestWholeOperation: an operation ends in time whatever it waits for: a shell,
// a dial, a login.
func TestWholeOperation(t *testing.T) {
	scptest.LeakCheck(t)
	limit := 300 * time.Millisecond
	c, g := goneHost(t, limit, syscall.ECONNREFUSED)
	g.hangs.Store(true)
	ops := map[string]func() error{
		"stat":  func() error { _, err := c.Stat(t.Context(), ""); return err },
		"mkdir": func() error { _, err := c.Mkdir(t.Context(), "d", 0o755); return err },
		"fetch": func() error {
			_, err := c.Fetch(t.Context(), "f", scpio.Attr{}, func(scpio.Attr) (io.Writer, error) { return io.Discard, nil })
			return err
		},
		"statfs": func() error { _, err := c.Statfs(t.Context(), ""); return err },
	}
	for name, op := range ops {
		began := time.Now()
		wantErrno(t, name, op(), syscall.ETIMEDOUT)
		if took := time.Since(began); took < limit || took > limit+timeout/2 {
			t.Errorf("%s took %v, want %v", name, took, limit)
		}
	}
}
