package link

import (
	"io"
	"net"
	"sync"
	"time"
)

// conn is one connection through a link.
type conn struct {
	link   *Link
	client net.Conn
	once   sync.Once
	ended  chan struct{}
	seen   [2]int // depth of the last byte delivered each way; guarded by link.mu

	stranded bool // guarded by link.mu
}

// chunk is bytes in flight.
type chunk struct {
	data  []byte
	due   time.Time
	depth int
	epoch int
}

// inFlight bounds how many chunks a direction holds, so that a reader that
// does not read is felt by the writer. A chunk is chunkSize bytes at most.
const (
	inFlight  = 1024
	chunkSize = 32 << 10
)

// connectPatience bounds the connect to the server.
const connectPatience = 20 * time.Second

// queueing is how far ahead of the wire bytes are taken in, as a router does;
// what is more stays with the sender.
const queueing = 20 * time.Millisecond

// run connects, a round trip later, and moves bytes until one side is gone.
func (c *conn) run() {
	defer c.end()
	defer c.link.forget(c)
	if !c.wait(time.Now().Add(c.link.options.RTT)) {
		return
	}
	server, err := net.DialTimeout("tcp", c.link.address(), connectPatience)
	if err != nil {
		return // nobody listens: the client sees its connection closed
	}
	var pumps, closer sync.WaitGroup
	closer.Go(func() {
		<-c.ended
		server.Close()
	})
	pumps.Go(func() { c.pump(Up, server, c.client) })
	pumps.Go(func() { c.pump(Down, c.client, server) })
	pumps.Wait()
	c.end()
	closer.Wait()
}

func (k *Link) forget(c *conn) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.conns, c)
}

// end closes the connection, from whichever goroutine.
func (c *conn) end() {
	c.once.Do(func() {
		close(c.ended)
		c.client.Close()
	})
}

// pump moves bytes one way. The end of the stream travels behind the last of
// them and leaves the other way open.
func (c *conn) pump(d Direction, to, from net.Conn) {
	queue := make(chan chunk, inFlight)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(queue)
		c.read(d, from, queue)
	})
	if !c.write(d, to, queue) {
		c.end()
	}
	wg.Wait()
}

// read takes bytes in and notes when they are due and how deep they are.
func (c *conn) read(d Direction, from io.Reader, queue chan<- chunk) {
	for {
		data := make([]byte, chunkSize)
		n, err := from.Read(data)
		if n > 0 {
			next, free := c.link.stamp(c, d, n)
			next.data = data[:n]
			select {
			case queue <- next:
			case <-c.ended:
				return
			}
			if !c.wait(free.Add(-queueing)) {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// occupied is how long n bytes keep the wire busy.
func (k *Link) occupied(n int) time.Duration {
	if k.options.Bandwidth <= 0 {
		return 0
	}
	return time.Duration(float64(n) / float64(k.options.Bandwidth) * float64(time.Second))
}

// stamp gives n bytes that were just sent their depth and their place on the
// wire, and returns when that is free again.
func (k *Link) stamp(c *conn, d Direction, n int) (chunk, time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now := time.Now(); k.free[d].Before(now) {
		k.free[d] = now
	}
	k.free[d] = k.free[d].Add(k.occupied(n))
	next := chunk{due: k.free[d].Add(k.options.RTT / 2), depth: c.seen[Up], epoch: k.epoch}
	if d == Up {
		next.depth = c.seen[Down] + 1
	}
	return next, k.free[d]
}

// write delivers chunks when they are due; false means that the connection is
// broken.
func (c *conn) write(d Direction, to net.Conn, queue <-chan chunk) bool {
	for next := range queue {
		if !c.wait(next.due) || !c.link.pass(c) {
			return false
		}
		n, last := c.link.deliver(c, d, next)
		if _, err := to.Write(next.data[:n]); err != nil {
			return false
		}
		if last {
			c.link.Cut()
			return false
		}
	}
	return to.(*net.TCPConn).CloseWrite() == nil
}

// deliver counts bytes just before they are written, so that no answer to them
// can be seen first. It returns how many may be written, and whether the link
// is to be cut after them.
func (k *Link) deliver(c *conn, d Direction, next chunk) (n int, last bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	n = len(next.data)
	if at := k.cuts[d]; at.armed && k.bytes[d]+int64(n) >= at.at {
		n, last = int(at.at-k.bytes[d]), true
		k.cuts[d] = cut{}
	}
	k.bytes[d] += int64(n)
	if next.epoch == k.epoch && n > 0 {
		k.deepenLocked(c, d, next.depth)
	}
	return n, last
}

func (k *Link) deepenLocked(c *conn, d Direction, depth int) {
	c.seen[d] = max(c.seen[d], depth)
	if d == Down {
		k.trips = max(k.trips, depth)
	}
}

// wait waits until a time; false means that the connection has ended.
func (c *conn) wait(due time.Time) bool {
	if time.Until(due) <= 0 {
		return true
	}
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.ended:
		return false
	}
}
