package scpio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
)

// ErrRefused says that the host does not allow another session on this
// connection now, as sshd does beyond MaxSessions.
var ErrRefused = errors.New("the host allows no more sessions on this connection")

// NewConn makes a [Conn] of an SSH connection, which it owns from then on.
func NewConn(c *ssh.Client) Conn {
	conn := &sshConn{client: c, done: make(chan struct{})}
	go func() {
		defer close(conn.done)
		_ = c.Wait()
	}()
	return conn
}

type sshConn struct {
	client *ssh.Client
	done   chan struct{}

	mu     sync.Mutex // guards ending
	ending []*sshSession
}

func (c *sshConn) Done() <-chan struct{} { return c.done }
func (c *sshConn) Close() error {
	err := c.client.Close()
	<-c.done
	return err
}

// Start opens a channel and sends the command without waiting for the reply
// to it, which saves a round trip: a refused command shows as the end of the
// channel. Opening has no time limit of its own in x/crypto/ssh, so it runs
// aside and a channel that comes too late is closed.
func (c *sshConn) Start(ctx context.Context, command string) (Session, error) {
	c.settle(ctx)
	type opened struct {
		ch   ssh.Channel
		reqs <-chan *ssh.Request
		err  error
	}
	got, left := make(chan opened), make(chan struct{})
	defer close(left)
	go func() {
		ch, reqs, err := c.client.OpenChannel("session", nil)
		select {
		case got <- opened{ch, reqs, err}:
		case <-left:
			if err == nil {
				go ssh.DiscardRequests(reqs)
				ch.Close()
			}
		}
	}()
	select {
	case o := <-got:
		if o.err != nil {
			return nil, openError(o.err)
		}
		return c.startSession(o.ch, o.reqs, command)
	case <-c.done:
		// OpenChannel never returns when it was called just as the
		// connection ended: its channel came too late to be told.
		return nil, syscall.ENOTCONN
	case <-ctx.Done():
		return nil, cause(ctx, ctx.Err())
	}
}

// settle waits, for a moment, for sessions to be gone that have been ended.
// Till then sshd counts them, and dropbear 2022.83 may close the new one in
// the place of the old.
func (c *sshConn) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	c.mu.Lock()
	ending := c.ending
	c.ending = nil
	c.mu.Unlock()
	for _, s := range ending {
		select {
		case <-s.closed:
		case <-ctx.Done():
		}
	}
}

// openError tells a refusal because of too many sessions (OpenSSH says
// ConnectionFailed or Prohibited, dropbear ResourceShortage) from the end of
// the connection.
func openError(err error) error {
	if refused, ok := errors.AsType[*ssh.OpenChannelError](err); ok {
		return fmt.Errorf("%w: %s", ErrRefused, saying(refused.Message))
	}
	return fmt.Errorf("%w: %w", syscall.ENOTCONN, err)
}

// sshSession is a channel whose Read and Write end when we say so. Those of
// an [ssh.Channel] end only when the host answers our closing, or never if it
// has gone silent; so each way is pumped by a goroutine that stays behind for
// that long, and a caller waits on a pipe.
type sshSession struct {
	conn   *sshConn
	ch     ssh.Channel
	in     *io.PipeWriter
	out    *io.PipeReader
	done   chan struct{} // closed at the end of the output
	closed chan struct{} // closed when the host has closed the channel
	stderr tail
	ending sync.Once
}

func (c *sshConn) startSession(ch ssh.Channel, reqs <-chan *ssh.Request, command string) (Session, error) {
	// The requests of a channel must be read for as long as it lives, or
	// the whole connection stalls; so must its standard error, which
	// shares the channel's window.
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		ssh.DiscardRequests(reqs)
	}()
	if _, err := ch.SendRequest("exec", false, ssh.Marshal(struct{ Command string }{command})); err != nil {
		ch.Close()
		if errors.Is(err, io.EOF) {
			return nil, errSilent // closed at once, perhaps in the place of another: see settle
		}
		return nil, fmt.Errorf("%w: %w", syscall.ENOTCONN, err)
	}
	feed, in := io.Pipe()
	out, drain := io.Pipe()
	s := &sshSession{conn: c, ch: ch, in: in, out: out, done: make(chan struct{}), closed: closed}
	go s.feed(feed)
	go s.drain(drain)
	return s, nil
}

// pumpSize is the piece in which bytes pass: a few packets of SSH.
const pumpSize = 128 << 10

func (s *sshSession) feed(from *io.PipeReader) {
	_, err := io.CopyBuffer(struct{ io.Writer }{s.ch}, struct{ io.Reader }{from}, make([]byte, pumpSize))
	from.CloseWithError(asPipe(err))
	s.ch.CloseWrite()
}

// asPipe makes an error that the SSH library has from the network one of the ends
// of a pipe. It can come from reading too, which tells the host that there is
// room again.
func asPipe(err error) error {
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return fmt.Errorf("%w: %w", io.ErrClosedPipe, err)
	}
	return err
}

// drain goes on reading when nobody wants the bytes any more, as the host may
// not get to our closing before they are out of its way. The output has not
// ended before the standard error has.
func (s *sshSession) drain(to *io.PipeWriter) {
	defer close(s.done)
	var said sync.WaitGroup
	said.Go(func() { io.Copy(&s.stderr, s.ch.Stderr()) })
	_, err := io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{s.ch}, make([]byte, pumpSize))
	if errors.Is(err, io.ErrClosedPipe) {
		io.Copy(io.Discard, s.ch)
	}
	said.Wait()
	to.CloseWithError(asPipe(err))
}

func (s *sshSession) Read(p []byte) (int, error)  { return s.out.Read(p) }
func (s *sshSession) Write(p []byte) (int, error) { return s.in.Write(p) }
func (s *sshSession) Done() <-chan struct{}       { return s.done }
func (s *sshSession) Stderr() string              { return s.stderr.String() }

// Close ends the command's input, and goes on from a goroutine: with the peer
// gone silent and the send buffer full, telling the host waits for the end of
// the connection.
func (s *sshSession) Close() error {
	s.ending.Do(func() {
		s.in.Close()
		s.out.Close()
		s.conn.mu.Lock()
		s.conn.ending = append(s.conn.ending, s)
		s.conn.mu.Unlock()
		go s.end()
	})
	return nil
}

// end closes the channel, but leaves that to a command that ends by itself in
// a moment. The signal is for a source that nobody reads any more, which
// dropbear would leave hanging.
func (s *sshSession) end() {
	select {
	case <-s.closed:
		return
	case <-time.After(50 * time.Millisecond):
	}
	_, _ = s.ch.SendRequest("signal", false, ssh.Marshal(struct{ Signal string }{"TERM"}))
	s.ch.Close()
}

// tail keeps the last bytes written to it.
type tail struct {
	mu  sync.Mutex // guards buf
	buf []byte
}

const tailSize = 4096

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - tailSize; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.buf)
}
