package scpio

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"
)

// Step is one change of a batch. Op says which, and which of the other fields
// are used:
//
//	store    Path, Upload: as [Client.Store], of smallStore bytes at most
//	mkdir    Path, Mode
//	symlink  Path, Target
//	rename   Path, To: replaces what it can, as rename(2)
//	remove   Path; Upload.Expect is as in RemoveIf, unless its Ino is 0
//	rmdir    Path
//	setattr  Path, Change
type Step = struct {
	Op     string
	Path   string
	To     string // the new name
	Target string // the text of the link
	Mode   uint32 // permission bits
	Upload Upload // without From; Keep is of no use
	Change Change
}

// Batch makes changes one after the other on one shell, and sends each without
// waiting for the answers to those before it: many of them take a round trip
// or two. It calls done for every step in turn, with the attributes that the
// method of the same name returns and with its error. A step that the host
// refuses stops none of the others.
//
// What came before the end of the connection is done, and of what was on its
// way nobody can say: these steps have the error of that end (ENOTCONN, EINTR,
// ETIMEDOUT), which Batch returns. What was not sent yet has [ErrNotDone].
//
// Stores into one directory that follow each other travel in one stream of
// SCP, into a fresh directory in there that is called as the Temp of the first
// one, with a "+", and which nobody else can read. From there each is put in
// its place as any upload. [Client.Discard] removes what is left of them
// where the host fails.
func (c *Client) Batch(ctx context.Context, steps []Step, done func(i int, a Attr, err error)) error {
	b := &pipeline{c: c, steps: steps, report: done}
	var err error
	for b.ended = true; b.ended && err == nil && b.next < len(steps) && b.shells < maxBatchShells; b.shells++ {
		err = c.transfer(ctx, c.do, "batch", parent(steps[b.next].Path), func(sh *shell) error { return b.run(ctx, sh) })
	}
	b.rest(err)
	return err
}

// maxBatchShells is how many shells one batch may use: one that could not take
// an upload has ended.
const maxBatchShells = 4

// pipeline is the state of a [Client.Batch]. One goroutine sends, and says to the
// other which answers it has to expect.
type pipeline struct {
	c      *Client
	steps  []Step
	report func(int, Attr, error)

	next    int  // the first step that is not reported
	begun   int  // the first that the host has certainly not seen; of the sender while it runs
	alone   int  // stores before this step go one by one,
	refused int  // as their stream was not taken
	shells  int  // used up
	ended   bool // whether the shell ended before it got to step next
}

// expected is an answer that is to come, or an error that came before.
type expected struct {
	step   int
	path   string // where the answer's records are, on the host
	stream int    // for the answer to a stream: the number of its steps, or endOfStream
	err    error
}

const endOfStream = -1

// run sends all steps that are left and takes the answers.
func (b *pipeline) run(ctx context.Context, sh *shell) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	b.ended = false
	s := newBatchSender(ctx, b, sh)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		s.run()
	}()
	err := b.receive(sh, s)
	if err != nil || b.ended {
		sh.kill()
	}
	cancel()
	<-stopped
	if b.ended {
		b.begun, b.alone = b.next, b.refused
	}
	if b.next == len(b.steps) {
		return nil // the connection ended after the last answer that matters
	}
	return err
}

// receive takes the answers, until there are no more or the shell ends.
func (b *pipeline) receive(sh *shell, s *batchSender) error {
	var refused error // of the stream that the steps now belong to
	for x := range s.sent {
		if x.err != nil {
			b.tell(Attr{}, x.err)
			continue
		}
		first, n, a, err := sh.answered(x.path)
		if err != nil {
			return err
		}
		if x.stream == endOfStream {
			continue
		}
		if x.stream > 0 {
			<-s.streams
			refused = hostError(a)
			if a.status == statusEnded {
				b.refused, b.ended = b.next+x.stream, true
				return nil
			}
			continue
		}
		if a.status == statusNotTaken {
			b.tell(Attr{}, refused)
			continue
		}
		b.tell(outcome(first.Attr, n, a))
		if a.status == statusEnded {
			b.ended = true
			return nil
		}
	}
	return s.err
}

// tell reports the next step.
func (b *pipeline) tell(a Attr, err error) {
	s := b.steps[b.next]
	b.next++
	b.report(b.next-1, a, fail(s.Op, s.Path, err))
}

// outcome is what an answer says of a step. Attributes come with an error only
// where Store has such.
func outcome(first Attr, n int, a answer) (Attr, error) {
	if a.status == statusHalf && n == 1 {
		return first, hostError(a)
	}
	if err := listError(a, min(n, 1), ""); err != nil { // of two names no one stands for the other
		return Attr{}, err
	}
	return first, nil
}

// rest reports the steps that have had no answer.
func (b *pipeline) rest(err error) {
	for b.next < len(b.steps) {
		if b.next < b.begun {
			b.tell(Attr{}, &Error{Err: errors.Unwrap(err)})
		} else {
			b.tell(Attr{}, ErrNotDone)
		}
	}
}

// answered reads the answer to a change: its first record, how many there were,
// and its end. There are two at the most, of names that were swapped.
func (s *shell) answered(abs string) (first Entry, n int, a answer, err error) {
	for ; n <= 2; n++ {
		e, end, err := s.record(abs)
		switch {
		case err != nil:
			return Entry{}, n, answer{}, err
		case end != nil:
			return first, n, *end, nil
		case n == 0:
			first = e
		}
	}
	return Entry{}, n, answer{}, fmt.Errorf("more records than a change can have: %w", syscall.EPROTO)
}

// command is a step that is no store, as the host is told it.
func (c *Client) command(s Step) (string, error) {
	if err := c.usable(s.Path, s.To); err != nil {
		return "", err
	}
	switch s.Op {
	case "mkdir":
		return c.mkdir(s.Path, s.Mode), nil
	case "symlink":
		return c.symlink(s.Target, s.Path), usable(s.Target)
	case "rename":
		return c.rename(s.Path, s.To, "''"), nil
	case "remove":
		if s.Upload.Expect.Ino != 0 {
			return c.removeIf(s.Path, s.Upload.Expect), nil
		}
		return c.remove("rm", s.Path), nil
	case "rmdir":
		return c.remove("rmdir", s.Path), nil
	case "setattr":
		if s.Change == (Change{}) {
			return "A " + c.arg(s.Path), nil
		}
		return c.setattr(s.Path, s.Change), nil
	}
	return "", syscall.EINVAL
}

// Discard removes what may be left of an upload or a batch under the name that
// was its Temp, which begins with ".scpfs-": that file, and the file or directory
// of the name with a "+", there and where it may have been staged.
func (c *Client) Discard(ctx context.Context, temp string) error {
	if !strings.HasPrefix(temp[strings.LastIndexByte(temp, '/')+1:], tmpPrefix) {
		return fail("discard", temp, syscall.EINVAL)
	}
	rest := temp + restSuffix
	return c.silent(ctx, "discard", temp, "discard "+c.arg(temp)+" "+c.arg(rest))
}

// numbered is what the i-th file of a stream is called.
func numbered(i int) string { return strconv.Itoa(i) }
