package scpio

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"syscall"
)

// What may be on its way to the host without an answer.
const (
	maxAhead   = 256       // steps
	maxStreams = 4         // streams of contents,
	maxStream  = 256 << 10 // each of so many bytes, or one file,
	maxFiles   = 128       // and of so many files
)

// batchSender writes the steps of a batch. Its buffer goes out when it is full
// and before anything that waits.
type batchSender struct {
	b       *pipeline
	ctx     context.Context // ends when nobody takes answers any more
	sh      *shell
	w       *bufio.Writer
	sent    chan expected
	streams chan struct{} // has an element for each stream without an answer
	err     error         // of writing; to be read once sent is closed
}

func newBatchSender(ctx context.Context, b *pipeline, sh *shell) *batchSender {
	return &batchSender{
		b: b, ctx: ctx, sh: sh,
		w:       bufio.NewWriterSize(sh, 64<<10),
		sent:    make(chan expected, maxAhead),
		streams: make(chan struct{}, maxStreams),
	}
}

// run sends everything, and closes sent at the end.
func (s *batchSender) run() {
	defer close(s.sent)
	for i := s.b.next; i < len(s.b.steps) && s.err == nil; {
		i += s.send(i)
	}
	if s.err == nil {
		s.err = s.w.Flush()
	}
}

// send sends a step, or as many stores as go in one stream, and tells how many
// it was.
func (s *batchSender) send(i int) int {
	n := s.b.stream(i)
	switch {
	case n == 0:
		command, err := s.b.c.command(s.b.steps[i])
		s.put(i, err, command)
		return 1
	case i < s.b.alone:
		s.sendAlone(i)
		return 1
	}
	s.sendStream(i, n)
	return n
}

// stream is how many stores, from step i on, can go in one stream: 0 if that
// is none.
func (b *pipeline) stream(i int) int {
	size := int64(0)
	for j, s := range b.steps[i:] {
		size += s.Upload.Size
		switch {
		case s.Op != "store" || parent(s.Path) != parent(b.steps[i].Path):
			return j
		case j == maxFiles, j > 0 && size > maxStream:
			return j
		}
	}
	return len(b.steps) - i
}

// put sends a command whose answer is that to step i, or has the error
// reported in its place.
func (s *batchSender) put(i int, err error, command string, payload ...[]byte) {
	step := s.b.steps[i]
	x := expected{step: i, path: s.b.c.abs(step.Path), err: err}
	if step.Op == "rename" {
		x.path = "" // the answer is about the new name
	}
	if err != nil {
		s.expect(x)
		return
	}
	s.write(x, command, payload...)
}

// write says that an answer is to come, and sends what it is to.
func (s *batchSender) write(x expected, command string, payload ...[]byte) {
	if !s.expect(x) {
		return
	}
	_, s.err = s.w.WriteString(s.sh.line(command))
	for _, p := range payload {
		if s.err == nil {
			_, s.err = s.w.Write(p)
		}
	}
}

// expect hands an answer to come to the receiver.
func (s *batchSender) expect(x expected) bool {
	if s.err != nil || !wait(s, s.sent, x) {
		return false
	}
	s.b.begun = max(s.b.begun, x.step+1)
	return true
}

// wait sends to a channel; if that may take a while what is in the buffer goes
// out before.
func wait[T any](s *batchSender, to chan<- T, x T) bool {
	select {
	case to <- x:
		return true
	default:
	}
	if s.err = s.w.Flush(); s.err != nil {
		return false
	}
	select {
	case to <- x:
		return true
	case <-s.ctx.Done():
		s.err = s.ctx.Err()
		return false
	}
}

// sendAlone sends one store with a sink of its own, as Store does.
func (s *batchSender) sendAlone(i int) {
	step := s.b.steps[i]
	u := step.Upload
	u.Temp = tempName(step.Path, u)
	contents, err := s.b.contents(step)
	if err != nil {
		s.put(i, err, "")
		return
	}
	head, err := sinkHead(u.Temp, u, u.Size)
	c := s.b.c
	s.put(i, err, "settle;"+c.sink(u.Temp, head, contents, sinkTail)+c.commit(step.Path, u), head, contents, sinkTail)
}

// sendStream sends n stores in one stream, and then what puts each in its
// place. Those whose contents cannot be read are left out.
func (s *batchSender) sendStream(i, n int) {
	var stream bytes.Buffer
	errs := make([]error, n)
	files := 0
	// The directory that they come through has the name of the last: it is that one's
	// answer that it outlives, so that who does not get that removes it.
	var last Step
	for j := range n {
		if errs[j] = s.b.add(&stream, s.b.steps[i+j], numbered(files)); errs[j] == nil {
			files++
			last = s.b.steps[i+j]
		}
	}
	c := s.b.c
	if files > 0 {
		if !wait(s, s.streams, struct{}{}) {
			return
		}
		stream.WriteString("E\n")
		dir := tempName(last.Path, last.Upload) + restSuffix
		// Of a stream that is refused nothing is done: step i is not begun.
		s.write(expected{step: i - 1, stream: n}, fmt.Sprintf("many %s %d %d", c.arg(dir), files-1, stream.Len()), stream.Bytes())
	}
	files = 0
	for j, err := range errs {
		step := s.b.steps[i+j]
		s.put(i+j, err, "one "+numbered(files)+" "+c.place(step.Path, step.Upload))
		if err == nil {
			files++
		}
	}
	if files > 0 {
		s.write(expected{step: i - 1, stream: endOfStream}, "sweep;z 0")
	}
}

// add adds a file to a stream.
func (b *pipeline) add(stream *bytes.Buffer, s Step, name string) error {
	contents, err := b.contents(s)
	if err != nil {
		return err
	}
	head, err := sinkHead(name, s.Upload, s.Upload.Size)
	if err != nil {
		return err
	}
	stream.Write(head)
	stream.Write(contents)
	stream.WriteByte(0)
	return nil
}

// contents reads what a store is to send.
func (b *pipeline) contents(s Step) ([]byte, error) {
	u := s.Upload
	if err := b.c.usable(s.Path); err != nil {
		return nil, err
	}
	if u.Size < 0 || u.Size > smallStore || u.From != "" {
		return nil, syscall.EINVAL
	}
	contents := make([]byte, u.Size)
	if n, err := io.ReadFull(io.NewSectionReader(u.Contents, 0, u.Size), contents); err != nil {
		return nil, &Error{Err: fmt.Errorf("%d bytes where %d were announced: %w", n, u.Size, err)}
	}
	return contents, nil
}
