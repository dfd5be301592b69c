package scpio_test

import (
	"bufio"
	"context"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/scpfs/scpfs/scpio"
)

// marker stands in scripted answers for the marker of the shell.
const marker = "@MARKER@"

// hostAnswer is what a host says of itself, in the words of remote.sh.
func hostAnswer(engine string) string {
	return "engine=" + engine + "\nids=1000:1000\nscp=1\nmachine=Linux x86_64\ntouch=ns\nnow=1700000000.000000000\nroot=/r\n." +
		marker + " 0\x00\x00"
}

// fakeConn is a host that gives scripted answers: the first to who asks what
// it is, and the second to all else, after which it ends the session.
type fakeConn struct {
	host, answer string
	done         chan struct{}
}

func (c *fakeConn) Done() <-chan struct{} { return c.done }
func (c *fakeConn) Close() error          { return nil }

var tokens = regexp.MustCompile("S[A-Z2-7]{26}")

func (c *fakeConn) Start(_ context.Context, command string) (scpio.Session, error) {
	mark := tokens.FindString(command)
	commands, in := io.Pipe()
	out, answers := io.Pipe()
	s := &fakeSession{in: in, out: out, done: make(chan struct{})}
	sent := lines(commands)
	go func() {
		defer close(s.done)
		defer answers.Close()
		io.WriteString(answers, "\n"+mark+"\n")
		c.serve(sent, answers, mark)
	}()
	return s, nil
}

// lines reads what a client sends, as a pipe of the kernel would take it,
// before anybody wants it.
func lines(r io.Reader) <-chan string {
	all := make(chan string, 4096)
	go func() {
		defer close(all)
		for b := bufio.NewReader(r); ; {
			line, err := b.ReadString('\n')
			if err != nil {
				return
			}
			select {
			case all <- line:
			default:
			}
		}
	}()
	return all
}

// serve answers commands until the first that is not the library's start.
func (c *fakeConn) serve(commands <-chan string, answers io.Writer, mark string) {
	key := ""
	for line := range commands {
		if key == "" {
			key = strings.TrimSpace(line) + " "
			continue
		}
		command, ours := strings.CutPrefix(line, key)
		switch {
		case !ours, strings.Contains(command, "eval"):
		case strings.HasPrefix(command, "I "):
			io.WriteString(answers, strings.ReplaceAll(c.host, marker, mark))
			if !strings.HasSuffix(c.host, end) {
				return
			}
		default:
			io.WriteString(answers, strings.ReplaceAll(c.answer, marker, mark))
			return
		}
	}
}

type fakeSession struct {
	in   *io.PipeWriter
	out  *io.PipeReader
	done chan struct{}
}

func (s *fakeSession) Read(p []byte) (int, error)  { return s.out.Read(p) }
func (s *fakeSession) Write(p []byte) (int, error) { return s.in.Write(p) }
func (s *fakeSession) Done() <-chan struct{}       { return s.done }
func (s *fakeSession) Stderr() string              { return "" }
func (s *fakeSession) Close() error {
	s.in.Close()
	s.out.Close()
	return nil
}

// newFake makes a client of a host with one scripted answer.
func newFake(t testing.TB, host, answer string) (*scpio.Client, error) {
	t.Helper()
	c, err := scpio.New(t.Context(), func(context.Context) (scpio.Conn, error) {
		return &fakeConn{host: host, answer: answer, done: make(chan struct{})}, nil
	}, scpio.Options{Timeout: timeout})
	if err == nil {
		t.Cleanup(func() { c.Close() })
	}
	return c, err
}
