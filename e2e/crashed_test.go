package e2e_test

import (
	"bufio"
	"encoding/gob"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"sync"
	"time"
)

// crashedWriter is a process that writes, as seen from outside.
type crashedWriter struct {
	l     *lane
	name  string
	cmd   *exec.Cmd
	ended chan struct{}

	mu      sync.Mutex // guards the fields below while the process runs
	in      io.WriteCloser
	worlds  crashWorlds
	legit   map[uint32]bool // what its files may hold on the host
	begun   *crashOp
	trace   []crashOp // of this round
	given   bool      // the program is about to die: after a failure there is nothing more to do
	stopped bool
}

// start lets the process write.
func (w *crashedWriter) start(dir string, seed uint64) {
	t := w.l.t
	t.Helper()
	w.begun, w.trace, w.ended, w.given, w.stopped = nil, nil, make(chan struct{}), false, false
	w.legit = map[uint32]bool{}
	for _, f := range w.worlds.models[0] {
		w.legit[sum(f.durable)] = true
	}
	w.cmd = roleCommand(t, "crashwriter", dir, strconv.FormatUint(seed, 10))
	w.cmd.Stderr = t.Output()
	out, err := w.cmd.StdoutPipe()
	if err == nil {
		w.in, err = w.cmd.StdinPipe()
	}
	if err == nil {
		err = w.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	go w.follow(out)
}

// follow takes in what the process tells.
func (w *crashedWriter) follow(out io.Reader) {
	defer close(w.ended)
	for dec := gob.NewDecoder(bufio.NewReader(out)); ; {
		var op crashOp
		if dec.Decode(&op) != nil {
			return
		}
		w.saw(op)
	}
}

func (w *crashedWriter) saw(op crashOp) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if op.Kind == "failed" {
		w.answerLocked()
		return
	}
	w.trace = append(w.trace, op)
	if !op.Done {
		w.begun = &op
		w.offers(op)
		return
	}
	w.begun = nil
	w.count(op)
	if wrong := w.worlds.take(op, w.given); wrong != "" {
		w.failLocked(wrong)
	}
	if len(w.worlds.models) > 4096 {
		w.failLocked("too much is unknown")
	}
}

// offers takes in what others may see on the host from now on.
func (w *crashedWriter) offers(op crashOp) {
	for _, m := range w.worlds.models {
		switch op.Kind {
		case "fsync", "close":
			w.legit[sum(m[op.Name].now)] = true
		case "open":
			if op.Excl {
				w.legit[0] = true
			}
		}
	}
}

func (w *crashedWriter) count(op crashOp) {
	w.l.sum.add(func(f *figures) {
		f.calls++
		if op.Errno != 0 && !op.harmless() {
			f.failed++
		}
		if op.Took > f.slowest {
			f.slowest, f.slowestOf = op.Took, op.Kind
		}
	})
	if op.Took > callLimit {
		w.failLocked(fmt.Sprintf("%s %s took %v: %s", op.Kind, op.Name, op.Took, op.Err))
	}
}

// restAfterFailure is how long a process rests after a failure. Each may double
// what is unknown, and while the host is known to be away they follow each other
// fast.
const restAfterFailure = 500 * time.Millisecond

// answerLocked lets the process go on after a failure, unless it is to end.
func (w *crashedWriter) answerLocked() {
	if w.given {
		w.stopLocked()
		return
	}
	in := w.in
	time.AfterFunc(restAfterFailure, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		switch {
		case in != w.in || w.stopped:
		case w.given:
			w.stopLocked()
		default:
			in.Write([]byte("g")) // one that has ended is noticed by await
		}
	})
}

func (w *crashedWriter) stopLocked() {
	if !w.stopped {
		w.stopped = true
		w.in.Close()
	}
}

// stop ends the process after what it is saving.
func (w *crashedWriter) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopLocked()
}

// giveUp ends it at the next failure.
func (w *crashedWriter) giveUp() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.given = true
}

func (w *crashedWriter) await() {
	t := w.l.t
	t.Helper()
	if !awaitFor(w.ended, 2*callLimit) {
		w.fail(fmt.Sprintf("it hangs in %v", w.begun))
		w.cmd.Process.Kill()
		<-w.ended
	}
	w.stop()
	if err := w.cmd.Wait(); err != nil {
		t.Errorf("%s: %v", w.name, err)
	}
}

// fail tells what is wrong, and what the process has done.
func (w *crashedWriter) fail(wrong string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failLocked(wrong)
}

func (w *crashedWriter) failLocked(wrong string) {
	w.l.t.Errorf("SCPFS_SEED=%d, %s of %s, round %d: %s\n%v\nscpfs said:\n%s", w.l.sum.seed, w.name, w.l.m.Remote, w.l.rounds, wrong, &w.l.did, w.l.m.program.said())
	for _, op := range w.trace[max(0, len(w.trace)-60):] {
		w.l.t.Logf("%v", op)
	}
}
