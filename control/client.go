package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// ErrDead says that nobody listens to the socket of a mount: its process has
// ended.
var ErrDead = errors.New("its process has ended")

// ErrSilent says that a mount took a request and did not answer in time.
var ErrSilent = errors.New("its process does not answer")

// errNoAnswer is also what strangers get.
var errNoAnswer = errors.New("it does not answer this user, or has just ended")

// RemoteError is what a mount answered instead of doing what was asked.
type RemoteError struct{ Said string }

func (e *RemoteError) Error() string { return e.Said }

// Ask asks the mount whose directory of the cache is dir. The context bounds
// all of it.
func Ask(ctx context.Context, dir string, r Request) (Answer, error) {
	var c net.Conn
	err := inDir(dir, socketName, func(short string) (err error) {
		c, err = new(net.Dialer).DialContext(ctx, "unix", short)
		return err
	})
	switch {
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOENT):
		return Answer{}, ErrDead
	case errors.Is(err, syscall.EAGAIN), ctx.Err() != nil: // nobody accepts
		return Answer{}, ErrSilent
	case err != nil:
		return Answer{}, err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })()
	a, err := exchange(c, r)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return Answer{}, ErrSilent
	}
	return a, err
}

func exchange(c net.Conn, r Request) (Answer, error) {
	r.Version = Version
	line, err := json.Marshal(r)
	if err != nil {
		return Answer{}, err
	}
	if _, err = c.Write(append(line, '\n')); err == nil {
		line, err = bufio.NewReader(io.LimitReader(c, maxAnswer)).ReadBytes('\n')
	}
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
		return Answer{}, errNoAnswer
	}
	if err != nil {
		return Answer{}, err
	}
	return parseAnswer(line)
}

func parseAnswer(line []byte) (Answer, error) {
	var a Answer
	if err := json.Unmarshal(line, &a); err != nil {
		return Answer{}, fmt.Errorf("an answer that cannot be read: %w", err)
	}
	if a.Error != "" {
		return Answer{}, &RemoteError{a.Error}
	}
	if a.Version != Version {
		return Answer{}, fmt.Errorf("the mount speaks version %d of the protocol, not %d", a.Version, Version)
	}
	return a, nil
}
