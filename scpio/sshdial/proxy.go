package sshdial

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// proxyGrace is how long a proxy command gets to end by itself.
const proxyGrace = 2 * time.Second

// proxyConn is a connection to the standard input and output of a command.
type proxyConn struct {
	net.Conn
	cmd    *exec.Cmd
	once   sync.Once
	exited chan struct{} // closed when the command is reaped

	mu   sync.Mutex // guards the field below
	last string     // line of its standard error
}

// startProxy runs a ProxyCommand, as ssh(1) does with a shell that becomes the
// command. It stays in our process group: it may have to ask on the terminal.
// The shell goes to dir, if it can: between fork and exec a directory that does
// not answer would hold up this whole process.
func startProxy(command, dir string, log *slog.Logger) (net.Conn, error) {
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, fmt.Errorf("proxy command: %w", err)
	}
	defer theirs.Close()
	cmd := exec.Command("/bin/sh", "-c", "cd "+shellWord(cmp.Or(dir, "."))+" 2>/dev/null; exec "+command)
	cmd.Stdin, cmd.Stdout = theirs, theirs
	// A child that outlives the command may hold on to its standard error.
	cmd.WaitDelay = time.Second
	r, w := io.Pipe()
	cmd.Stderr = w
	if err := cmd.Start(); err != nil {
		ours.Close()
		return nil, fmt.Errorf("proxy command: %w", err)
	}
	p := &proxyConn{Conn: ours, cmd: cmd, exited: make(chan struct{})}
	read := make(chan struct{})
	go func() {
		defer close(read)
		p.readErrors(r, log)
	}()
	go func() {
		cmd.Wait() // how it went is told by its standard error
		w.Close()
		<-read
		close(p.exited)
	}()
	return p, nil
}

// socketPair gives the command a socket: unlike pipes, our end is one
// connection that can be closed under a reader.
func socketPair() (net.Conn, *os.File, error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "proxy"), os.NewFile(uintptr(fds[1]), "proxy")
	conn, err := net.FileConn(ours)
	ours.Close() // FileConn has its own copy
	if err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return conn, theirs, nil
}

func (p *proxyConn) readErrors(r *io.PipeReader, log *slog.Logger) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if line := strings.TrimSpace(Sanitize(lines.Text())); line != "" {
			log.Debug("proxy command", "stderr", line)
			p.mu.Lock()
			p.last = line
			p.mu.Unlock()
		}
	}
	r.CloseWithError(errors.New("line too long"))
}

func (p *proxyConn) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

// Close ends the command and waits for it: by the end of its input, a hangup,
// or at last by force.
func (p *proxyConn) Close() (err error) {
	p.once.Do(func() {
		err = p.Conn.Close()
		p.cmd.Process.Signal(syscall.SIGHUP)
		select {
		case <-p.exited:
		case <-time.After(proxyGrace):
			p.cmd.Process.Kill()
		}
	})
	<-p.exited
	return err
}

// proxyError is a connection that a proxy command did not bring about.
type proxyError struct {
	said string
	err  error
}

func (e *proxyError) Error() string {
	if e.said == "" {
		return "the proxy command ended the connection: " + e.err.Error()
	}
	return "the proxy command failed: " + e.said
}

func (e *proxyError) Unwrap() error { return e.err }

// proxyFailure blames the proxy command, which is closed, for a lost
// connection.
func proxyFailure(conn net.Conn, err error) error {
	if p, ok := conn.(*proxyConn); ok && isLost(err) {
		return &proxyError{said: p.said(), err: err}
	}
	return err
}
