package scpio_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/scpfs/scpfs/scpio"
	"github.com/scpfs/scpfs/scpio/scptest"
)

// TestManyAtOnce runs more operations than there are sessions to be had.
func TestManyAtOnce(t *testing.T) {
	for _, sessions := range []int{1, 2, 10} {
		t.Run(fmt.Sprint(sessions), func(t *testing.T) {
			scptest.LeakCheck(t)
			r := newRemote(t, scptest.Start(t, scptest.MaxSessions(sessions)), scpio.Options{})
			for _, err := range concurrently(50, r.oneOfMany) {
				check(t, err)
			}
		})
	}
}

// oneOfMany stores a file and reads it again.
func (r *remote) oneOfMany(i int) error {
	name, ctx := fmt.Sprint(i), context.Background()
	contents := strings.Repeat(name, 1<<(i%17))
	if _, err := r.store(ctx, name, contents, scpio.Attr{}); err != nil {
		return err
	}
	got, _, err := r.fetch(ctx, name, scpio.Attr{})
	if err == nil && got != contents {
		err = fmt.Errorf("%d other bytes came back", len(got))
	}
	return err
}

// TestReadyShells: a second shell is there before anybody waits for it, a third once
// both were in use for a while.
func TestReadyShells(t *testing.T) {
	const mark = "SCPFS_TEST_MARK"
	r := newRemote(t, scptest.Start(t, scptest.Env(mark, t.Name())), scpio.Options{})
	r.write(t, "file", strings.Repeat("x", 1<<20))
	r.stat(t, "file") // takes the only one
	shells := func() int { return sessionsWith(t, mark+"="+t.Name()) }
	await(t, "two shells", func() bool { return shells() == 2 })
	var fetches sync.WaitGroup
	began, goOn := make(chan struct{}), make(chan struct{})
	for range 2 {
		fetches.Go(func() {
			_, err := r.Fetch(t.Context(), "file", scpio.Attr{}, func(scpio.Attr) (io.Writer, error) {
				began <- struct{}{}
				<-goOn
				return io.Discard, nil
			})
			check(t, err)
		})
	}
	<-began
	<-began
	if n := shells(); n != 2 {
		t.Errorf("two transfers at once have %d shells", n)
	}
	await(t, "three shells", func() bool { return shells() == 3 })
	close(goOn)
	fetches.Wait()
}

// sessionsWith is how many processes with a line in their environment sshd has started.
func sessionsWith(t *testing.T, line string) int {
	n := 0
	for _, pid := range processesWith(t, line) {
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		var parent int
		fmt.Sscanf(string(stat[bytes.LastIndexByte(stat, ')')+1:]), " %s %d", new(string), &parent)
		if name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", parent)); strings.HasPrefix(string(name), "sshd") {
			n++
		}
	}
	return n
}

// TestCancelledInTurn cancels again and again, which must not use up the
// sessions of the connection.
func TestCancelledInTurn(t *testing.T) {
	r := newRemote(t, scptest.Start(t, scptest.MaxSessions(3)), scpio.Options{Shells: 3})
	r.write(t, "file", strings.Repeat("x", 1<<20))
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := r.Fetch(ctx, "file", scpio.Attr{}, func(scpio.Attr) (io.Writer, error) {
			cancel()
			return io.Discard, nil
		})
		if err != nil {
			wantErrno(t, "cancelled fetch", err, syscall.EINTR)
		}
		r.stat(t, "file")
		cancel()
	}
}

// TestCancelledEarly has a context that has ended before.
func TestCancelledEarly(t *testing.T) {
	r := newRemote(t, scptest.Start(t), scpio.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := r.Stat(ctx, "")
	wantErrno(t, "stat", err, syscall.EINTR)
	late, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	_, err = r.Stat(late, "")
	wantErrno(t, "stat", err, syscall.ETIMEDOUT)
}

// through makes a client whose connection goes through a link.
func through(t *testing.T, srv *scptest.Server, lo scptest.LinkOptions, o scpio.Options) (*remote, *scptest.Link) {
	t.Helper()
	link := scptest.NewLink(t, srv.Addr, lo)
	return newRemote(t, srv.Via(t, link), o), link
}

// TestStalled has a host that goes silent in the middle of each operation.
func TestStalled(t *testing.T) {
	scptest.LeakCheck(t)
	limit := time.Second
	srv := scptest.Start(t)
	ops := map[string]func(*remote) error{
		"stat":  func(r *remote) error { _, err := r.Stat(t.Context(), "file"); return err },
		"fetch": func(r *remote) error { _, _, err := r.fetch(t.Context(), "file", scpio.Attr{}); return err },
		"store": func(r *remote) error {
			_, err := r.store(t.Context(), "new", strings.Repeat("x", 8<<20), scpio.Attr{})
			return err
		},
	}
	for name, op := range ops {
		t.Run(name, func(t *testing.T) {
			r, link := through(t, srv, scptest.LinkOptions{}, scpio.Options{Timeout: limit})
			r.write(t, "file", "x")
			r.stat(t, "file")
			link.Stall()
			began := time.Now()
			wantErrno(t, name, op(r), syscall.ETIMEDOUT)
			if took := time.Since(began); took < limit || took > limit+timeout/2 {
				t.Errorf("it took %v, want %v", took, limit)
			}
			link.Resume()
			await(t, "it works again", func() bool { _, err := r.Stat(t.Context(), "file"); return err == nil })
		})
	}
}

// TestStalledForGood has a host that is never heard of again: a later
// operation tries another connection.
func TestStalledForGood(t *testing.T) {
	r, link := through(t, scptest.Start(t), scptest.LinkOptions{}, scpio.Options{Timeout: time.Second})
	r.stat(t, "")
	link.Stall()
	for range 2 {
		_, err := r.Stat(t.Context(), "")
		wantErrno(t, "stat", err, syscall.ETIMEDOUT)
	}
	link.Cut() // frees what the new connection would have to pass
	link.Resume()
	await(t, "a new connection is made", func() bool { _, err := r.Stat(t.Context(), ""); return err == nil })
}

// TestCloseUnderway closes the client while operations run.
func TestCloseUnderway(t *testing.T) {
	scptest.LeakCheck(t)
	r := newRemote(t, scptest.Start(t), scpio.Options{})
	r.write(t, "file", strings.Repeat("x", 1<<20))
	started := make(chan struct{}, 20)
	done := make(chan []error)
	go func() {
		done <- concurrently(20, func(int) error {
			_, err := r.Fetch(context.Background(), "file", scpio.Attr{}, func(scpio.Attr) (io.Writer, error) {
				return writerFunc(func(p []byte) (int, error) {
					select {
					case started <- struct{}{}:
					default:
					}
					return len(p), nil
				}), nil
			})
			return err
		})
	}()
	<-started
	r.Close()
	for _, err := range <-done {
		if err != nil {
			wantErrno(t, "fetch", err, syscall.ENOTCONN)
		}
	}
	_, err := r.Stat(t.Context(), "")
	wantErrno(t, "stat after Close", err, syscall.ENOTCONN)
}

// TestReconnect has a server that ends and comes back.
func TestReconnect(t *testing.T) {
	scptest.LeakCheck(t)
	for name, start := range map[string]func(testing.TB, ...scptest.Option) *scptest.Server{"OpenSSH": scptest.Start, "Dropbear": scptest.StartDropbear} {
		t.Run(name, func(t *testing.T) {
			srv := start(t)
			r := newRemote(t, srv, scpio.Options{Timeout: 5 * time.Second})
			r.write(t, "file", "x")
			r.stat(t, "file")
			srv.Restart()
			r.stat(t, "file")
			srv.Stop()
			if _, err := r.Stat(t.Context(), "file"); err == nil {
				t.Error("stat succeeds without a server")
			}
			srv.Restart()
			await(t, "a change on a new connection", func() bool {
				_, err := r.Create(t.Context(), "new", 0o644)
				return err == nil
			})
		})
	}
}

// TestShellEnds kills the idle shells on the host: the next change does not
// notice.
func TestShellEnds(t *testing.T) {
	r := newRemote(t, scptest.Start(t), scpio.Options{})
	r.stat(t, "")
	r.onHost(t, `for p in /proc/[0-9]*; do grep -q '^SCPTEST_SERVER='"$SCPTEST_SERVER" "$p/environ" 2>/dev/null && [ "${p#/proc/}" != $$ ] && grep -qa IFS= "$p/cmdline" && kill -9 "${p#/proc/}"; done; true`)
	await(t, "a change succeeds", func() bool {
		_, err := r.Create(t.Context(), "new", 0o644)
		return err == nil || errors.Is(err, syscall.EEXIST)
	})
}

// TestCutAnywhere cuts the connection behind some byte of each operation:
// that is an error or a success, and never wrong data.
func TestCutAnywhere(t *testing.T) {
	scptest.LeakCheck(t)
	r, link := through(t, scptest.Start(t), scptest.LinkOptions{}, scpio.Options{})
	contents := strings.Repeat("0123456789", 1000)
	r.write(t, "file", contents)
	for i := range 40 {
		r.write(t, fmt.Sprint(i), "x")
	}
	for i := range 60 {
		r.connects(t)
		direction := []scptest.Direction{scptest.Up, scptest.Down}[i%2]
		link.CutAfter(rand.Int64N(12000), direction)
		r.wantRightOrNothing(t, i, contents)
		link.CutAfter(1<<40, direction)
	}
	r.awaitNoUploads(t)
}

// connects waits until an operation succeeds. One that meets a connection
// which breaks while it is being made may last its whole time limit.
func (r *remote) connects(t *testing.T) {
	t.Helper()
	var err error
	for range 3 {
		if _, err = r.Stat(t.Context(), ""); err == nil {
			return
		}
	}
	t.Fatalf("it does not connect again: %v", err)
}

func (r *remote) wantRightOrNothing(t *testing.T, i int, contents string) {
	t.Helper()
	switch i / 2 % 3 {
	case 0:
		if _, all, err := r.List(t.Context(), ""); err == nil && len(all) < 41 {
			t.Errorf("%d entries passed for all", len(all))
		}
	case 1:
		if got, _, err := r.fetch(t.Context(), "file", scpio.Attr{}); err == nil && got != contents {
			t.Errorf("%d wrong bytes passed for the file", len(got))
		}
	case 2:
		have, err := r.Stat(t.Context(), "file")
		if err != nil {
			return
		}
		_, _ = r.store(t.Context(), "file", contents, have.Attr) // either way
		if r.read(t, "file") != contents {
			t.Error("the file is half stored")
		}
	}
}

func (r *remote) awaitNoUploads(t *testing.T) {
	t.Helper()
	await(t, "no upload is left", func() bool { return !strings.Contains(r.names(t), ".scpfs-") })
}
