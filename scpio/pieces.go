package scpio

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"
)

// An upload in pieces is made on the host of several parts: of bytes that the
// host has already, of pieces that go straight into their places, and of the
// rest, which scp puts into a file of its own, the temporary name with a "+",
// and which is appended. See O, u and o in remote.sh. It is then committed
// like any other.

// restSuffix makes, of the temporary name, that of the rest.
const restSuffix = "+"

// storeRest is a store that sends only what is not kept: in one command, the
// rest first, as that needs no answer.
func (c *Client) storeRest(sh *shell, path string, u Upload) error {
	then := c.begin(path, u) + " && " + c.finish(path, u, u.Keep)
	if appends(u) {
		then = fmt.Sprintf("rest %s %d %s", c.arg(u.Temp), u.Keep, c.place(path, u))
	}
	return c.put(sh, u.Temp+restSuffix, then, u, u.Keep)
}

// appends tells whether an upload leaves all that there is as it is, and appends
// so little that one write(2) is soon done with it. It can be made in the file
// itself then; see rest in remote.sh.
func appends(u Upload) bool {
	return u.Keep == u.Expect.Size && u.Keep < u.Size && u.Size-u.Keep <= smallStore
}

// begin is the command that makes the file out of what is kept. A conflict
// shows here already.
func (c *Client) begin(path string, u Upload) string {
	return fmt.Sprintf("O %s %s %s %d", c.arg(u.Temp), c.arg(path), c.expect(u.Expect), u.Keep)
}

// finish is the command that appends the rest, from off on, and commits.
func (c *Client) finish(path string, u Upload, off int64) string {
	return fmt.Sprintf("o %s %d %s && %s", c.arg(u.Temp), off, octal(u.Mode), c.commit(path, u))
}

// A channel of SSH takes no more than its window for each round trip, 2 MiB
// with OpenSSH. So an upload that is larger than a few of these goes in
// pieces, on several shells.
const (
	largeStore = 8 << 20
	minPiece   = 4 << 20
	maxPiece   = 16 << 20
	maxHelpers = 2 // lanes beside the first; there are four transfers at a time
)

// worthPieces tells whether an upload is to be sent in pieces: if it is large
// and other shells can help.
func (c *Client) worthPieces(u Upload) bool {
	return c.Host().pieces && u.Size-u.Keep > largeStore && cap(c.transfers) > 2
}

// storePieces is a store of which all but the rest is sent in pieces.
// Whatever fails, the end of the first shell removes what has been sent.
func (c *Client) storePieces(ctx context.Context, sh *shell, path string, u Upload) error {
	sh.extend(copying(u.Keep))
	if err := sh.send(c.begin(path, u) + " && z 0"); err != nil {
		return err
	}
	err := sh.ended(c.abs(path))
	if errors.Is(err, syscall.EACCES) && u.Keep == 0 {
		return c.put(sh, u.Temp, c.commit(path, u), u, 0) // only that may go elsewhere
	}
	if err != nil {
		return err
	}
	off := u.Size - smallStore
	err = c.sendPieces(ctx, sh, u, off)
	if err == nil {
		err = c.put(sh, u.Temp+restSuffix, c.finish(path, u, off), u, off)
	}
	if err != nil {
		sh.kill()
	}
	return err
}

// ended reads an answer of which only the end matters.
func (s *shell) ended(abs string) error {
	for _, err := range s.records(abs) {
		if err != nil {
			return err
		}
	}
	return nil
}

// pieces is the part of an upload that is sent in pieces, by several lanes:
// the shell that holds the upload, and such as nobody else needs just then.
type pieces struct {
	c     *Client
	u     Upload
	first *shell // that holds the upload

	helpers sync.WaitGroup
	cancel  context.CancelFunc // ends all lanes

	mu   sync.Mutex // guards the fields below
	off  int64      // of the next piece
	end  int64
	busy int   // helpers at work
	err  error // the first
	gone error // of a helper that found no upload: the lane that ended it knows why
}

// sendPieces sends the contents from what is kept to end. It returns when no
// lane is at work any more.
func (c *Client) sendPieces(ctx context.Context, sh *shell, u Upload, end int64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, sh.kill)()
	p := &pieces{c: c, u: u, first: sh, cancel: cancel, off: u.Keep, end: end}
	hiring, enough := context.WithCancel(ctx)
	defer enough()
	for p.left() {
		p.hire(ctx, hiring)
		p.failed(p.next(sh))
	}
	enough()
	p.helpers.Wait()
	return cmp.Or(p.err, p.gone)
}

// left tells whether there is something to be sent still.
func (p *pieces) left() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err == nil && p.gone == nil && p.off < p.end
}

// take gives the next piece: the smaller the less is left, so that no lane
// has to wait long for the last.
func (p *pieces) take() *io.SectionReader {
	p.mu.Lock()
	defer p.mu.Unlock()
	left := p.end - p.off
	size := min(left, max(minPiece, min(maxPiece, left/(maxHelpers+2))))
	piece := io.NewSectionReader(p.u.Contents, p.off, size)
	p.off += size
	return piece
}

// failed ends all lanes at the first error.
func (p *pieces) failed(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil || p.err != nil {
		return
	}
	p.err = err
	p.cancel()
}

// helped is failed for a helper.
func (p *pieces) helped(err error) {
	if !errors.Is(err, syscall.ENOENT) {
		p.failed(err)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = err
}

// hire starts the lanes that are missing, if there are shells for them now.
func (p *pieces) hire(ctx, hiring context.Context) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for ; p.busy < maxHelpers; p.busy++ {
		p.helpers.Go(func() {
			p.help(ctx, hiring)
			p.mu.Lock()
			defer p.mu.Unlock()
			p.busy--
		})
	}
}

// help sends pieces on spare shells. Each is given back after one piece, to
// who waits for it.
func (p *pieces) help(ctx, hiring context.Context) {
	for p.left() {
		sh, back := p.c.spare(hiring)
		if sh == nil {
			return
		}
		p.helped(p.c.on(ctx, sh, p.next))
		back()
	}
}

// next sends the next piece, if there is one.
func (p *pieces) next(sh *shell) error {
	piece := p.take()
	if piece.Size() == 0 {
		return nil
	}
	_, off, size := piece.Outer()
	err := sh.piece(fmt.Sprintf("u %s %d %d", p.c.arg(p.u.Temp), off, size), piece, p.first.watch)
	if err != nil {
		sh.kill()
	}
	return err
}

// piece sends one. The bytes follow the command at once: if the host cannot
// take them its shell ends, and says why before.
func (s *shell) piece(cmd string, from *io.SectionReader, also *watchdog) error {
	if err := s.send(cmd); err != nil {
		return err
	}
	to := &pieceWriter{sh: s, also: also}
	if err := pour(to, from); err != nil && to.err == nil {
		return err
	}
	if err := s.ended(""); err != nil {
		return err
	}
	return to.err
}

// pieceWriter keeps an error of writing apart from one of reading, and the
// shell that waits for all pieces from being taken for stalled.
type pieceWriter struct {
	sh   *shell
	also *watchdog
	err  error
}

func (w *pieceWriter) Write(p []byte) (int, error) {
	n, err := w.sh.Write(p)
	w.also.reset()
	w.err = err
	return n, err
}

// spare gives a shell that nobody else needs now, and what gives it back. One
// more transfer can begin besides.
func (c *Client) spare(ctx context.Context) (*shell, func()) {
	if len(c.transfers) >= cap(c.transfers)-1 {
		return nil, nil
	}
	select {
	case c.transfers <- struct{}{}:
	default:
		return nil, nil
	}
	sh := c.pool.spare(ctx)
	if sh == nil {
		<-c.transfers
		return nil, nil
	}
	return sh, func() {
		c.pool.release(sh)
		<-c.transfers
	}
}
