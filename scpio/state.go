package scpio

import (
	"context"
	"sync"
	"time"
)

// State is how the connection to the host is.
type State struct {
	Connected  bool
	Connecting bool      // a connection is being made now
	Since      time.Time // of what the two say
	Err        error     // why the last attempt failed, unless it is connected
}

// monitor keeps what is told of the connection. It stands around the function
// that dials, so that nobody who uses connections has to think of it.
type monitor struct {
	mu    sync.Mutex // guards the fields below
	state State
	conn  Conn
}

// watch makes a function that dials tell the monitor.
func (m *monitor) watch(dial func(context.Context) (Conn, error)) func(context.Context) (Conn, error) {
	return func(ctx context.Context) (Conn, error) {
		m.begin()
		conn, err := dial(ctx)
		m.end(conn, err)
		return conn, err
	}
}

func (m *monitor) begin() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state.Connecting = true
	if m.conn != nil && ended(m.conn) {
		m.lostLocked()
	}
}

func (m *monitor) end(conn Conn, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state.Connecting = false
	if err != nil {
		m.state.Err = err
		if m.state.Since.IsZero() {
			m.state.Since = time.Now()
		}
		return
	}
	m.conn, m.state = conn, State{Connected: true, Since: time.Now()}
}

// lostLocked says that the connection has ended, some time ago.
func (m *monitor) lostLocked() {
	m.conn = nil
	m.state.Connected, m.state.Since = false, time.Now()
}

// State tells how the connection is. That one has ended is seen when the
// other side closes it or an operation waits in vain.
func (c *Client) State() State {
	m := &c.monitor
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.conn != nil && ended(m.conn) {
		m.lostLocked()
	}
	return m.state
}
