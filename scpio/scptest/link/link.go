// Package link is a TCP proxy that behaves like a network: it delays, limits
// bandwidth, breaks, and counts round trips and bytes. Tests use it by way of
// package scptest, the benchmark directly.
package link

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// A Direction is one of the two ways of a link.
type Direction int

const (
	Up   Direction = iota // client to server
	Down                  // server to client
)

// Options describe a network. The zero value is a perfect one.
type Options struct {
	RTT       time.Duration // half of it delays each byte each way; a connect takes a whole one
	Bandwidth int64         // bytes a second each way, for all connections together; 0 is unlimited
}

// A Link is a TCP proxy between clients and one server: it delays without
// reordering, and breaks in the ways asked for. Its methods may be called at
// any time from any goroutine.
//
// # Round trips
//
// A link counts causal round trips, however many bytes overlap in flight. Each
// connection carries a clock: what the client sends has the depth of the last
// byte it has received plus one, and what the server sends has the depth of the
// last byte that it has received. The deepest byte delivered to a client is
// how many times somebody had to wait for the other side.
//
// Bytes are all the link sees. A WINDOW_ADJUST that the client sends on receipt
// of data is one deeper than the data, and counts if the server sends anything
// after it, needed or not. Several connections do not add up: the deepest counts.
type Link struct {
	target  string
	options Options
	l       net.Listener
	wg      sync.WaitGroup

	mu        sync.Mutex // guards the fields below
	conns     map[*conn]struct{}
	gate      chan struct{} // closed while bytes may pass
	blackhole bool
	closed    bool
	err       error // of accepting
	epoch     int   // counts Resets
	trips     int
	bytes     [2]int64
	free      [2]time.Time // when the wire is free again
	cuts      [2]cut
}

// New puts a link in front of the server at addr, until [Link.Close].
func New(addr string, options Options) (*Link, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	k := &Link{
		target:  addr,
		options: options,
		l:       listener,
		conns:   map[*conn]struct{}{},
		gate:    open(),
	}
	k.wg.Go(k.accept)
	return k, nil
}

// open is a gate that lets everything through.
func open() chan struct{} {
	gate := make(chan struct{})
	close(gate)
	return gate
}

// Addr is where to connect in the server's stead, as host:port.
func (k *Link) Addr() string { return k.l.Addr().String() }

func (k *Link) accept() {
	for {
		client, err := k.l.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				k.fail(fmt.Errorf("link: %w", err))
			}
			return
		}
		k.add(client)
	}
}

func (k *Link) fail(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.err = err
}

// add starts a connection. One that the black hole swallows stays open and
// silent.
func (k *Link) add(client net.Conn) {
	c := &conn{link: k, client: client, ended: make(chan struct{})}
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.closed:
		client.Close()
	case k.blackhole:
		k.conns[c] = struct{}{}
	default:
		k.conns[c] = struct{}{}
		k.wg.Go(c.run)
	}
}

// Close cuts all connections and lets no more in. Its error is why the link
// had stopped taking connections before.
func (k *Link) Close() error {
	k.mu.Lock()
	k.closed = true
	k.mu.Unlock()
	k.l.Close()
	k.Cut()
	k.wg.Wait()
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.err
}
