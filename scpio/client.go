package scpio

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Options adjust a [Client]. The zero value works.
type Options struct {
	// Root is the directory that paths are relative to: absolute, or
	// relative to the home directory. "" is the home directory itself.
	Root string
	// Timeout bounds how long an operation waits without anything
	// happening. Default: 30 s.
	Timeout time.Duration
	// Shells bounds the number of shells on the host. Default: 5, half of
	// what sshd allows on one connection.
	Shells int
	// FollowSymlinks shows what symbolic links point to in their place.
	FollowSymlinks bool
	// Logger gets a debug line for each operation.
	Logger *slog.Logger
}

// Client works on one directory of a host. Paths are relative to it,
// slash-separated, without "." and ".." components; "" is the directory
// itself. All methods may be called at the same time; each takes one round
// trip unless it says otherwise, and returns an *[Error].
type Client struct {
	pool    *pool
	timeout time.Duration
	follow  bool // symbolic links are shown as what they point to
	log     *slog.Logger

	// transfers has an element for each transfer under way: they may take
	// long, and all shells but one, so that other operations need not wait.
	transfers chan struct{}

	monitor monitor
	onAbove atomic.Pointer[func(string, Attr, time.Time)]

	dir string                   // as it was asked for
	met atomic.Pointer[identity] // nil: the host was never reached
}

// identity is what is known of the host since it was first reached.
type identity struct {
	host Host
	root string
}

// New connects to a host by dial, which is called again whenever the
// connection has been lost, and finds out what the host can do. The context
// bounds this start only. An error of dial with a method Permanent that gives
// true is one for which nobody waits.
func New(ctx context.Context, dial func(context.Context) (Conn, error), o Options) (*Client, error) {
	c := NewLater(dial, o)
	if err := c.Connect(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// NewLater makes a client of a host that is not to be reached yet. All operations
// fail with EHOSTUNREACH, at once, until Connect has succeeded.
func NewLater(dial func(context.Context) (Conn, error), o Options) *Client {
	log := cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	timeout := cmp.Or(o.Timeout, 30*time.Second)
	shells := max(cmp.Or(o.Shells, 5), 1)
	c := &Client{
		timeout:   timeout,
		follow:    o.FollowSymlinks,
		log:       log,
		dir:       o.Root,
		transfers: make(chan struct{}, max(shells-1, 1)),
	}
	c.pool = newPool(c.monitor.watch(dial), shells, timeout, log)
	return c
}

// Connect makes the first connection, and finds out what the host can do. It is
// called until it has succeeded, by one caller at a time; the context bounds that
// call only.
func (c *Client) Connect(ctx context.Context) error { return c.identify(ctx, c.dir) }

// Close ends the connection. Operations that still run fail.
func (c *Client) Close() error {
	c.pool.close()
	return nil
}

// id is what is known of the host. Before it was reached that is nothing.
func (c *Client) id() identity {
	if id := c.met.Load(); id != nil {
		return *id
	}
	return identity{}
}

// Host is what is known of the host since it was first reached.
func (c *Client) Host() Host { return c.id().host }

// Root is the absolute path of the directory that paths are relative to, known
// since the host was first reached.
func (c *Client) Root() string { return c.id().root }

// abs is the path as the host needs it. It never begins with a dash, so no
// command takes it for an option.
func (c *Client) abs(path string) string {
	root := c.Root()
	if path == "" {
		return root
	}
	return strings.TrimSuffix(root, "/") + "/" + path
}

// arg is the path quoted for our shell.
func (c *Client) arg(path string) string { return quote(c.abs(path)) }

// maxPath is PATH_MAX of Linux: a longer path, with the NUL at its end, is
// not even asked for, as it may not fit in a command.
const maxPath = 4096

// usable tells whether paths can be given to the host at all.
func (c *Client) usable(paths ...string) error {
	for _, p := range paths {
		if err := usable(c.Root() + "/" + p); err != nil {
			return err
		}
	}
	return nil
}

func usable(text string) error {
	switch {
	case strings.IndexByte(text, 0) >= 0:
		return syscall.EINVAL
	case len(text) >= maxPath:
		return syscall.ENAMETOOLONG
	}
	return nil
}

// exchange is what an operation does on a shell: it sends and reads all of
// an answer. An error of the host is told in *Error; any other error breaks
// the shell.
type exchange func(sh *shell) error

// do runs an exchange on a shell. The operation ends, and the shell with it,
// when nothing has happened for the time limit, or ctx ends; waiting for a
// shell, a connection and a login counts as well. Another shell takes its
// place when it is needed.
func (c *Client) do(ctx context.Context, op, path string, ex exchange) error {
	if c.met.Load() == nil {
		return fail(op, path, errNotYet)
	}
	return c.perform(ctx, op, path, ex)
}

// errNotYet is the error of a client that has not reached its host.
var errNotYet = fmt.Errorf("the host was not reached yet: %w", syscall.EHOSTUNREACH)

// perform is do, also for who is the first.
func (c *Client) perform(ctx context.Context, op, path string, ex exchange) error {
	if err := c.usable(path); err != nil {
		return fail(op, path, err)
	}
	ctx, watch, cancel := c.watched(ctx)
	defer cancel()
	began := time.Now()
	err := c.exchange(ctx, watch, ex)
	c.log.Debug(op, "path", path, "took", time.Since(began), "err", err)
	return fail(op, path, err)
}

func (c *Client) exchange(ctx context.Context, watch *watchdog, ex exchange) error {
	watch.wait(&c.pool.life)
	sh, err := c.pool.acquire(ctx)
	watch.wait(nil)
	if err != nil {
		return err
	}
	defer c.pool.release(sh)
	return c.on(ctx, sh, ex)
}

// on runs an exchange on a shell that the caller has.
func (c *Client) on(ctx context.Context, sh *shell, ex exchange) error {
	ctx, watch, cancel := c.watched(ctx)
	defer cancel()
	sh.watch = watch
	stop := context.AfterFunc(ctx, sh.kill)
	err := ex(sh)
	if !stop() || fatal(err) {
		sh.kill()
	}
	if !fatal(err) {
		return err
	}
	if err = cause(ctx, err); errors.Is(err, syscall.ETIMEDOUT) {
		c.pool.suspect(c.timeout)
	}
	return err
}

// readTries is how often an operation that changes nothing is run when it
// loses its connection each time.
const readTries = 4

// retry runs an exchange that changes nothing, again on a new connection
// when the one it was on has been lost.
func (c *Client) retry(ctx context.Context, op, path string, ex exchange) error {
	return c.repeat(ctx, c.do, op, path, ex)
}

// repeat runs an exchange by do or perform until it does not lose its connection.
func (c *Client) repeat(ctx context.Context, run func(context.Context, string, string, exchange) error, op, path string, ex exchange) error {
	ctx, _, cancel := c.watched(ctx)
	defer cancel()
	var err error
	for range readTries {
		err = run(ctx, op, path, ex)
		if !errors.Is(err, syscall.ENOTCONN) || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// transfer runs an exchange that brings or sends contents, by do or retry.
func (c *Client) transfer(ctx context.Context, run func(context.Context, string, string, exchange) error, op, path string, ex exchange) error {
	ctx, watch, cancel := c.watched(ctx)
	defer cancel()
	watch.wait(&c.pool.life)
	select {
	case c.transfers <- struct{}{}:
		defer func() { <-c.transfers }()
		watch.wait(nil)
		return run(ctx, op, path, ex)
	case <-ctx.Done():
		return fail(op, path, cause(ctx, ctx.Err()))
	}
}

// fatal tells whether the state of a shell is unknown after an error: after
// every one but a plain answer of the host that something failed.
func fatal(err error) bool {
	if err == nil {
		return false
	}
	_, ok := errors.AsType[*Error](err)
	return !ok
}

// hostError is the error of an answer with a status other than zero.
func hostError(a answer) error {
	if a.status == 0 {
		return nil
	}
	if a.status == statusChanged {
		return &Error{Err: ErrChanged}
	}
	return &Error{Said: saying(a.said), Err: errnoOf(a.said)}
}

// statusChanged is how the library says that a file is not the expected
// version.
const statusChanged = 9

// statusHalf is how it says that a file was only half copied into its place. It
// tells what there is now.
const statusHalf = 6

// statusNotTaken is how it says of a file that its whole stream was not taken,
// for a reason that it has told before.
const statusNotTaken = 7

// statusEnded is how it says that its shell has ended: bytes of an upload may
// be left in front of the next command.
const statusEnded = 8
