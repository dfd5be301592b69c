package scpio

import (
	"context"
	"io"
)

// Conn is a connection to a host on which commands can be started. It is
// what a [Client] needs of SSH; [NewConn] makes one of an [ssh.Client].
type Conn interface {
	// Start runs command under the login shell of the user. ErrRefused
	// says that the host gives no more sessions at the moment.
	Start(ctx context.Context, command string) (Session, error)
	// Done is closed when the connection has ended, for whatever reason.
	Done() <-chan struct{}
	// Close ends the connection and everything on it.
	Close() error
}

// Session is a command that runs on the host. Reading gives what it prints,
// writing feeds its standard input; both may be done at the same time.
type Session interface {
	io.Reader
	io.Writer
	// Close ends a Read and a Write under way at once, and the command as
	// soon as the host hears of it: its input ends and it is sent SIGTERM.
	// It does not wait for the host, and may be called at any time.
	Close() error
	// Done is closed when the command's output has ended.
	Done() <-chan struct{}
	// Stderr is the end of what the command said on its standard error,
	// as it came.
	Stderr() string
}
