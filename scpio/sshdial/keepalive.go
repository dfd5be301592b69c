package sshdial

import (
	"net"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

// heardConn notes when the peer was last heard: a link that is full of other
// bytes delays an answer for longer than a peer that is gone may be silent.
type heardConn struct {
	net.Conn
	at atomic.Int64
}

func (c *heardConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.at.Store(time.Now().UnixNano())
	}
	return n, err
}

// silence is how long nothing has been heard since a moment.
func (c *heardConn) silence(since time.Time) time.Duration {
	return min(time.Since(since), time.Since(time.Unix(0, c.at.Load())))
}

// startKeepAlive watches a connection until it ends.
func (d *Dialer) startKeepAlive(client *ssh.Client, conn *heardConn) {
	interval := d.config.ServerAliveInterval
	if interval == 0 {
		interval = d.options.KeepAlive
	}
	if interval == 0 {
		interval = defaultKeepAlive
	}
	if interval < 0 {
		return
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		client.Wait()
	}()
	k := keepAlive{client, conn, interval, interval * time.Duration(max(1, d.config.ServerAliveCountMax)), ended}
	go func() {
		if silent := k.watch(); silent {
			d.log.Warn("the server does not answer any more", "host", d.host, "for", k.interval+k.patience)
			client.Close()
		}
	}()
}

// keepAlive makes sure that a peer is still there.
type keepAlive struct {
	client             *ssh.Client
	conn               *heardConn
	interval, patience time.Duration
	ended              <-chan struct{}
}

// watch asks at each interval and returns true when nothing at all has come
// for longer than patience. Requests are answered in turn, so that one at a
// time does for ServerAliveCountMax of them.
func (k *keepAlive) watch() (silent bool) {
	for sleep(k.interval, k.ended) {
		answered := make(chan struct{})
		go func() {
			defer close(answered)
			k.client.SendRequest("keepalive@openssh.com", true, nil) // a refusal is an answer
		}()
		if !k.hears(answered) {
			return true
		}
	}
	return false
}

// hears waits for an answer, or for the end of the connection. After a time in
// which this process was stopped, what has come has to be read first.
func (k *keepAlive) hears(answered <-chan struct{}) bool {
	asked := time.Now()
	for left := k.patience; left > 0; left = k.patience - k.conn.silence(asked) {
		due := time.Now().Add(left)
		timer := time.NewTimer(left)
		select {
		case <-answered:
			timer.Stop()
			return true
		case <-k.ended:
			timer.Stop()
			return true
		case <-timer.C:
		}
		if time.Since(due) > k.interval {
			asked = time.Now()
		}
	}
	return false
}

// sleep returns false when there is nothing to wait for any more.
func sleep(d time.Duration, ended <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ended:
		return false
	}
}
