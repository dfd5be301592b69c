package scpio_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/scpfs/scpfs/scpio"
)

// localConn runs the commands of a client on this machine, with a shell of
// the test's choice in the place of /bin/sh.
type localConn struct {
	shell []string
	home  string
	env   []string
	done  chan struct{}
	once  sync.Once

	mu       sync.Mutex // guards sessions
	sessions []*localSession
}

func (c *localConn) Start(_ context.Context, command string) (scpio.Session, error) {
	command = strings.Replace(command, "/bin/sh", strings.Join(c.shell, " "), 1)
	cmd := exec.Command("/bin/sh", "-c", command)
	cmd.Dir = c.home
	cmd.Env = append(os.Environ(), append(c.env, "HOME="+c.home)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	s := &localSession{cmd: cmd, done: make(chan struct{})}
	cmd.Stderr = &s.stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, in := io.Pipe()
	cmd.Stdout, s.out, s.in = in, out, stdin
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		cmd.Wait()
		in.Close()
		close(s.done)
	}()
	c.mu.Lock()
	c.sessions = append(c.sessions, s)
	c.mu.Unlock()
	return s, nil
}

func (c *localConn) Done() <-chan struct{} { return c.done }

func (c *localConn) Close() error {
	c.once.Do(func() { close(c.done) })
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.sessions {
		s.Close()
		<-s.done
	}
	return nil
}

type localSession struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *io.PipeReader
	done   chan struct{}
	stderr bytes.Buffer
}

func (s *localSession) Read(p []byte) (int, error)  { return s.out.Read(p) }
func (s *localSession) Write(p []byte) (int, error) { return s.in.Write(p) }
func (s *localSession) Done() <-chan struct{}       { return s.done }

// Stderr waits for the end, when alone it may be read.
func (s *localSession) Stderr() string {
	<-s.done
	return s.stderr.String()
}

func (s *localSession) Close() error {
	s.in.Close()
	s.out.Close()
	syscall.Kill(-s.cmd.Process.Pid, syscall.SIGTERM)
	return nil
}

// newLocal makes a client of a fresh directory of this machine whose shells
// are of one kind, and have no perl to give their work to.
func newLocal(t *testing.T, shell ...string) *remote {
	t.Helper()
	return newLocalWithout(t, []string{"perl"}, shell...)
}

// newLocalWithout is newLocal on a machine that lacks programs.
func newLocalWithout(t *testing.T, lacks []string, shell ...string) *remote {
	t.Helper()
	path := programs(t)
	for _, name := range lacks {
		check(t, os.Remove(filepath.Join(path, name)))
	}
	return newLocalOn(t, t.TempDir(), path, shell...)
}

// newLocalOn is newLocal of a directory, on a machine with a directory of programs.
func newLocalOn(t *testing.T, dir, path string, shell ...string) *remote {
	t.Helper()
	c, err := scpio.New(t.Context(), func(context.Context) (scpio.Conn, error) {
		return &localConn{shell: shell, home: dir, env: []string{"PATH=" + path}, done: make(chan struct{})}, nil
	}, scpio.Options{Root: dir, Timeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &remote{Client: c, dir: dir}
}
