package scptest

import (
	"errors"
	"net"
	"sync"
	"testing"
	"time"
)

// A Direction is one of the two ways of a link.
type Direction int

const (
	Up   Direction = iota // client to server
	Down                  // server to client
)

// LinkOptions describe a network. The zero value is a perfect one.
type LinkOptions struct {
	RTT       time.Duration // half of it delays each byte each way; a connect takes a whole one
	Bandwidth int64         // bytes a second each way, for each connection; 0 is unlimited
}

// A Link is a TCP proxy that behaves like a network between the test and one
// server: it delays without reordering, and breaks in the ways asked for. Its
// methods may be called at any time from any goroutine.
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
	t       testing.TB
	target  string
	options LinkOptions
	l       net.Listener
	wg      sync.WaitGroup

	mu        sync.Mutex // guards the fields below
	conns     map[*conn]struct{}
	gate      chan struct{} // closed while bytes may pass
	blackhole bool
	closed    bool
	epoch     int // counts Resets
	trips     int
	bytes     [2]int64
	cuts      [2]cut
}

// NewLink puts a link in front of the server at addr, until the test ends.
func NewLink(t testing.TB, addr string, options LinkOptions) *Link {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k := &Link{
		t:       t,
		target:  addr,
		options: options,
		l:       listener,
		conns:   map[*conn]struct{}{},
		gate:    open(),
	}
	k.wg.Go(k.accept)
	t.Cleanup(k.close)
	return k
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
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			k.t.Errorf("scptest: link: %v", err)
			return
		}
		k.add(client)
	}
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

func (k *Link) close() {
	k.mu.Lock()
	k.closed = true
	k.mu.Unlock()
	k.l.Close()
	k.Cut()
	k.wg.Wait()
}
