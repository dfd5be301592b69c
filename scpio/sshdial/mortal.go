package sshdial

import (
	"net"
	"sync"
)

// mortal is a connection that knows whether it has been lost. The SSH library
// takes a connection that ends during an authentication method for a refusal
// of that method, and asks for the next one; without this the user would be
// told that his key was refused, and nobody would try again.
type mortal struct {
	net.Conn

	mu  sync.Mutex // guards err
	err error      // of the first read that failed
}

func (m *mortal) Read(p []byte) (int, error) {
	n, err := m.Conn.Read(p)
	if err != nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.err == nil {
			m.err = err
		}
	}
	return n, err
}

// failure is why nothing more will come, if that is so.
func (m *mortal) failure() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.err
}
