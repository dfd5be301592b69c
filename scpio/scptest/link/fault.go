package link

// A cut is due once a direction has delivered so many bytes.
type cut struct {
	armed bool
	at    int64
}

// Cut closes all connections at once, whatever is in flight. New ones are let
// in.
func (k *Link) Cut() {
	k.mu.Lock()
	conns := k.conns
	k.conns = map[*conn]struct{}{}
	k.mu.Unlock()
	for c := range conns {
		c.end()
	}
}

// CutAfter breaks all connections once n more bytes have been delivered in a
// direction: these n arrive, no further one does. It works once.
func (k *Link) CutAfter(n int64, d Direction) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.cuts[d] = cut{armed: true, at: k.bytes[d] + n}
}

// Stall stops delivering bytes, in both directions, until [Link.Resume].
// Connections stay open, and new ones are accepted.
func (k *Link) Stall() {
	k.mu.Lock()
	defer k.mu.Unlock()
	select {
	case <-k.gate:
		k.gate = make(chan struct{})
	default: // stalled already
	}
}

// Resume ends [Link.Stall]. Nothing was lost.
func (k *Link) Resume() {
	k.mu.Lock()
	defer k.mu.Unlock()
	select {
	case <-k.gate:
	default:
		close(k.gate)
	}
}

// Strand stops delivering bytes of the connections that there are, for ever, as
// happens to them when an address changes. New ones work.
func (k *Link) Strand() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for c := range k.conns {
		c.stranded = true
	}
}

// Redirect leads connections made from now on to another server.
func (k *Link) Redirect(addr string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.target = addr
}

func (k *Link) address() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.target
}

func (k *Link) isStranded(c *conn) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return c.stranded
}

// Blackhole decides what becomes of connections made from now on: swallowed
// ones are accepted, and then nothing is ever heard from them.
func (k *Link) Blackhole(swallow bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.blackhole = swallow
}

// pass waits while the link is stalled; false means that c has ended.
func (k *Link) pass(c *conn) bool {
	for {
		k.mu.Lock()
		gate := k.gate
		k.mu.Unlock()
		select {
		case <-c.ended:
			return false
		case <-gate:
		}
		if k.isStranded(c) {
			<-c.ended
			return false
		}
		if k.isOpen() {
			return true
		}
	}
}

func (k *Link) isOpen() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	select {
	case <-k.gate:
		return true
	default:
		return false
	}
}

// BytesUp is how many bytes servers have been sent since the link was made.
func (k *Link) BytesUp() int64 { return k.count(Up) }

// BytesDown is how many bytes clients have been sent since the link was made.
func (k *Link) BytesDown() int64 { return k.count(Down) }

func (k *Link) count(d Direction) int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.bytes[d]
}

// RoundTrips is the most causal round trips that a connection has seen since
// it was made, or since [Link.Reset].
func (k *Link) RoundTrips() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.trips
}

// Reset makes all that was sent so far, delivered or not, count nothing.
func (k *Link) Reset() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.epoch++
	k.trips = 0
	for c := range k.conns {
		c.seen = [2]int{}
	}
}
