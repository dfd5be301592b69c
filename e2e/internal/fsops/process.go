package fsops

import (
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// Setup tells a process what to work on.
type Setup struct {
	Tested, Plain string // directories
	Whole         bool   // see NewExecutor
	// Apart says that the host cannot be reached: what the tested side refuses
	// for that is not done on the plain one either.
	Apart bool
}

// Outcome is how an operation ended on both sides.
type Outcome struct{ Tested, Plain string }

// Same tells whether both sides are the same.
func (o Outcome) Same() bool { return o.Tested == o.Plain }

// order is what goes to a process: a setup or an operation.
type order struct {
	Setup *Setup
	Op    *Op
}

// Serve is a process: it does what it reads, on both directories, and writes
// the outcomes, until there is no more.
func Serve(in io.Reader, out io.Writer) error {
	dec, enc := gob.NewDecoder(in), gob.NewEncoder(out)
	var tested, plain *Executor
	apart := false
	for {
		var o order
		if err := dec.Decode(&o); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		var done Outcome
		if s := o.Setup; s != nil {
			if tested != nil {
				tested.Close()
				plain.Close()
			}
			tested, plain = NewExecutor(s.Tested, s.Whole), NewExecutor(s.Plain, s.Whole)
			apart = s.Apart
		} else {
			done.Tested = tested.Do(*o.Op)
			if done.Plain = done.Tested; !apart || !refusedApart(*o.Op, done.Tested) {
				done.Plain = plain.Do(*o.Op)
			}
		}
		if err := enc.Encode(done); err != nil {
			return err
		}
	}
}

// refusedApart tells whether an operation was refused because the host cannot be
// reached: one by a path, or of attributes. What is open can be written to and
// closed without it.
func refusedApart(op Op, result string) bool {
	switch op.Kind {
	case "fchmod", "futimens", "linkfd":
	default:
		if !slices.Contains(kinds[op.Kind].shows, "path") {
			return false
		}
	}
	return result == "EHOSTUNREACH"
}

// Process is the other end of Serve.
type Process struct {
	enc   *gob.Encoder
	dec   *gob.Decoder
	limit time.Duration
}

// NewProcess speaks to a Serve. An operation that takes longer than the limit
// is an error, after which the Process is of no more use.
func NewProcess(in io.Reader, out io.Writer, limit time.Duration) *Process {
	return &Process{gob.NewEncoder(out), gob.NewDecoder(in), limit}
}

// Begin has the process start anew on two directories, with nothing open.
func (p *Process) Begin(s Setup) error {
	_, err := p.ask(order{Setup: &s})
	return err
}

// Do has the process do an operation.
func (p *Process) Do(op Op) (Outcome, error) { return p.ask(order{Op: &op}) }

func (p *Process) ask(o order) (Outcome, error) {
	type reply struct {
		Outcome
		err error
	}
	got := make(chan reply, 1)
	go func() {
		var r reply
		if r.err = p.enc.Encode(o); r.err == nil {
			r.err = p.dec.Decode(&r.Outcome)
		}
		got <- r
	}()
	select {
	case r := <-got:
		return r.Outcome, r.err
	case <-time.After(p.limit):
		return Outcome{}, fmt.Errorf("no answer within %v", p.limit)
	}
}
