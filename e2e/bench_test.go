package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/scpfs/scpfs/e2e/internal/fsops"
	"github.com/scpfs/scpfs/scpio/scptest"
)

// stepLimit is how long one operation may take on both sides before it counts
// as hanging.
const stepLimit = time.Minute

var _ = role("fsops", func([]string) int {
	syscall.Umask(0o022)
	if err := fsops.Serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
})

// bench is a mount and a plain directory side by side, with processes that do
// operations in both.
type bench struct {
	t     *testing.T
	c     randomCase
	m     *mounted
	plain string
	procs []*fsops.Process
	tries int

	hanging atomic.Bool // an operation does not end: nothing more can be tried
}

// difference is the operation that ended differently, or else the state at
// the end.
type difference struct {
	at    int
	op    string
	where string
}

func (d *difference) String() string {
	return fmt.Sprintf("operation %d, %s:\n%s", d.at, d.op, d.where)
}

func newBench(t *testing.T, srv *scptest.Server, c randomCase, patience time.Duration) *bench {
	t.Helper()
	b := &bench{t: t, c: c, plain: newDir(t, "")}
	b.m = mountAt(t, srv, mountOptions{words: c.words, patience: patience + shrinkTime()})
	for range c.gen.Procs {
		b.procs = append(b.procs, startProcess(t))
	}
	return b
}

// startProcess starts one that does operations until the test ends.
func startProcess(t *testing.T) *fsops.Process {
	t.Helper()
	cmd := roleCommand(t, "fsops")
	cmd.Stderr = t.Output()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		kill := time.AfterFunc(stepLimit, func() { cmd.Process.Kill() })
		defer kill.Stop()
		if err := cmd.Wait(); err != nil {
			t.Errorf("a process of the test: %v", err)
		}
	})
	return fsops.NewProcess(out, in, stepLimit)
}

// try does operations in new directories; nil says that both sides were the
// same throughout.
func (b *bench) try(ops []fsops.Op) *difference {
	if b.m.Pid() == 0 {
		b.m.Mount() // unmounted by the try before
	}
	name := fmt.Sprint("try", b.tries)
	b.tries++
	s := fsops.Setup{Tested: b.m.path(name), Plain: filepath.Join(b.plain, name), Whole: b.c.whole}
	b.mkdir(s)
	b.begin(s)
	if d := b.run(s, ops); d != nil {
		b.begin(s) // closes what is open
		return d
	}
	return b.final(s, len(ops))
}

func (b *bench) mkdir(s fsops.Setup) {
	for _, dir := range []string{s.Tested, s.Plain} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			b.t.Fatal(err)
		}
	}
}

func (b *bench) run(s fsops.Setup, ops []fsops.Op) *difference {
	switch {
	case b.c.together:
		return b.together(s, ops)
	case b.c.apart:
		return b.apart(s, ops)
	}
	return b.inTurn(s, 0, ops)
}

// inTurn does operations one after the other, of which the first has a number.
func (b *bench) inTurn(s fsops.Setup, first int, ops []fsops.Op) *difference {
	for i, op := range ops {
		if d := b.step(s, first+i, op); d != nil {
			return d
		}
	}
	return nil
}

// apart does half of the operations, and the others in a mount that does not reach
// the host, which gets what they have changed from the next one.
func (b *bench) apart(s fsops.Setup, ops []fsops.Op) *difference {
	half := len(ops) / 2
	if d := b.inTurn(s, 0, ops[:half]); d != nil {
		return d
	}
	if d := b.final(s, half); d != nil {
		return d
	}
	b.m.srv.Stop()
	b.m.Mount()
	s.Apart = true
	b.begin(s)
	d := b.inTurn(s, half, ops[half:])
	b.begin(s)
	if d == nil {
		d = b.compare(s, s.Tested, len(ops), "the mount without a host")
	}
	b.m.endUnsent()
	b.m.srv.Restart()
	b.m.Mount()
	s.Apart = false
	b.begin(s)
	return d
}

// together has the processes do their operations at the same time, each below
// a directory of its own: what they do must not depend on the others.
func (b *bench) together(s fsops.Setup, ops []fsops.Op) *difference {
	found := make(chan *difference, len(b.procs))
	for n, p := range b.procs {
		own := s
		own.Tested, own.Plain = filepath.Join(s.Tested, fmt.Sprint(n)), filepath.Join(s.Plain, fmt.Sprint(n))
		b.mkdir(own)
		if err := p.Begin(own); err != nil {
			b.hangs(err)
		}
		go func() { found <- b.alone(own, n, ops) }()
	}
	var first *difference
	for range b.procs {
		if d := <-found; first == nil {
			first = d
		}
	}
	return first
}

// alone does the operations of one process.
func (b *bench) alone(s fsops.Setup, proc int, ops []fsops.Op) *difference {
	for i, op := range ops {
		if op.Proc != proc {
			continue
		}
		if d := b.step(s, i, op); d != nil {
			return d
		}
	}
	return nil
}

// shrink makes a failing sequence as short as it can in a while.
func (b *bench) shrink(ops []fsops.Op) []fsops.Op {
	until := time.Now().Add(shrinkTime())
	return fsops.Shrink(ops,
		func(some []fsops.Op) bool { return b.try(some) != nil },
		func() bool { return b.hanging.Load() || time.Now().After(until) })
}

func (b *bench) begin(s fsops.Setup) {
	for _, p := range b.procs {
		if err := p.Begin(s); err != nil && !b.hanging.Load() {
			b.hangs(err)
		}
	}
}

func (b *bench) step(s fsops.Setup, i int, op fsops.Op) *difference {
	if op.Kind == fsops.Remount {
		if d := b.final(s, i); d != nil {
			return d
		}
		b.m.Mount()
		return nil
	}
	done, err := b.procs[op.Proc].Do(op)
	switch {
	case err != nil:
		b.hangs(err)
		return &difference{i, op.String(), err.Error()}
	case done.Same():
		return nil
	case op.Kind == "tree":
		return &difference{i, op.String(), fsops.Diff(done.Tested, done.Plain)}
	}
	return &difference{i, op.String(), fmt.Sprintf("got  %s\nwant %s", done.Tested, done.Plain)}
}

// hangs has the program say where it is, and ends it.
func (b *bench) hangs(err error) {
	b.hanging.Store(true)
	b.t.Errorf("hangs: %v", err)
	syscall.Kill(b.m.Pid(), syscall.SIGQUIT)
}

// final closes everything, unmounts, and compares the host with the plain
// directory.
func (b *bench) final(s fsops.Setup, at int) *difference {
	b.begin(s)
	if d := b.compare(s, s.Tested, at, "the mount"); d != nil {
		return d
	}
	b.m.Unmount()
	return b.compare(s, b.m.there(filepath.Base(s.Tested)), at, "the host")
}

func (b *bench) compare(s fsops.Setup, dir string, at int, what string) *difference {
	got, err := fsops.Snapshot(dir, b.c.whole)
	if err != nil {
		return &difference{at, what, err.Error()}
	}
	want, err := fsops.Snapshot(s.Plain, b.c.whole)
	if err != nil {
		b.t.Fatal(err)
	}
	if d := fsops.Diff(got, want); d != "" {
		return &difference{at, what, d}
	}
	return nil
}
