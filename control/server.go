package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Handler answers requests. It may be called several times at once; the
// context ends with the server.
type Handler func(context.Context, Request) Answer

const (
	// askWithin is how long a request may take to come.
	askWithin = 5 * time.Second
	// takeWithin is how long an answer may take to be read.
	takeWithin = 10 * time.Second
	// maxAsking is how many are answered at a time; others wait.
	maxAsking = 8
)

// Server answers on the socket of a mount.
type Server struct {
	dir    string
	listen *net.UnixListener
	handle Handler
	log    *slog.Logger
	ctx    context.Context // of requests: ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup
	slots  chan struct{}
}

// Listen answers requests on the socket of a directory that belongs to one
// mount alone. A socket that is there was left by a mount that is dead.
func Listen(dir string, handle Handler, log *slog.Logger) (*Server, error) {
	if err := os.Remove(filepath.Join(dir, socketName)); err != nil && !errors.Is(err, syscall.ENOENT) {
		return nil, err
	}
	s := &Server{dir: dir, handle: handle, log: log, slots: make(chan struct{}, maxAsking)}
	err := inDir(dir, socketName, func(short string) (err error) {
		s.listen, err = net.ListenUnix("unix", &net.UnixAddr{Name: short, Net: "unix"})
		return err
	})
	if err != nil {
		return nil, err
	}
	s.listen.SetUnlinkOnClose(false) // by a name that is no more
	if err := os.Chmod(filepath.Join(dir, socketName), 0o600); err != nil {
		s.listen.Close()
		return nil, err
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.wg.Go(s.accept)
	return s, nil
}

// Close ends the server and takes the socket away.
func (s *Server) Close() {
	s.cancel()
	s.listen.Close()
	s.wg.Wait()
	if err := os.Remove(filepath.Join(s.dir, socketName)); err != nil && !errors.Is(err, syscall.ENOENT) {
		s.log.Warn("the control socket cannot be removed", "err", err)
	}
}

func (s *Server) accept() {
	for {
		s.slots <- struct{}{}
		c, err := s.listen.AcceptUnix()
		if err != nil && s.ctx.Err() != nil {
			return
		}
		if err != nil { // out of descriptors, say
			<-s.slots
			s.log.Debug("control: accept", "err", err)
			select {
			case <-s.ctx.Done():
				return
			case <-time.After(100 * time.Millisecond):
			}
			continue
		}
		s.wg.Go(func() {
			defer func() { <-s.slots }()
			s.serve(c)
		})
	}
}

// serve answers one request. Strangers get no answer, and nothing of theirs
// is read.
func (s *Server) serve(c *net.UnixConn) {
	defer c.Close()
	uid, err := peer(c)
	if err != nil || uid != 0 && int(uid) != os.Getuid() {
		s.log.Warn("somebody else asked on the control socket", "uid", uid, "err", err)
		return
	}
	defer context.AfterFunc(s.ctx, func() { c.SetReadDeadline(time.Now()) })()
	a := s.answer(c)
	a.Version = Version
	line, err := json.Marshal(a)
	if err != nil {
		s.log.Warn("an answer cannot be written down", "err", err)
		return
	}
	c.SetWriteDeadline(time.Now().Add(takeWithin))
	if _, err := c.Write(append(line, '\n')); err != nil {
		s.log.Debug("control: answer", "err", err)
	}
}

func (s *Server) answer(c *net.UnixConn) Answer {
	c.SetReadDeadline(time.Now().Add(askWithin))
	line, err := bufio.NewReader(io.LimitReader(c, MaxRequest)).ReadBytes('\n')
	if err != nil {
		return Answer{Error: "no whole request came"}
	}
	r, err := ParseRequest(bytes.TrimSuffix(line, []byte("\n")))
	if err != nil {
		return Answer{Error: err.Error()}
	}
	return s.handle(s.ctx, r)
}
