package scpio

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"time"
)

// pool keeps the shells of a host, and the connection they live on.
//
// A caller that finds no idle shell waits for the first that becomes idle,
// be it one in use or the new one that its request has started. When the last
// idle one is taken another is started, at once or after a while, so that the next
// caller need not wait for it. The number of shells adapts to what the server
// allows: after a refusal there will be no more of them for a while. How a
// connection that was lost is made anew is in outage.go.
type pool struct {
	dial     func(context.Context) (Conn, error)
	limit    int           // of shells
	patience time.Duration // of callers
	grace    time.Duration // for a shell to start in, whoever still waits for it
	log      *slog.Logger
	life     life
	ctx      context.Context // ends with the pool
	cancel   context.CancelFunc
	wg       sync.WaitGroup // goroutines that start shells

	dialing chan struct{} // holds a token while nobody dials

	mu       sync.Mutex // guards the fields below
	settings string     // what new shells are told, see remote.sh
	settled  bool       // it is what all shells are told from now on
	conn     Conn
	idle     []*shell
	open     int // shells idle or in use
	starting int
	planned  bool      // growLater is to come
	refused  time.Time // when the host last allowed no more
	down     outage
	waiters  []chan grant
	spares   []chan grant // of who wants a new shell only if nobody else does
}

// grant is what a waiter gets: a shell, or the error that kept one from
// being started while there was no other.
type grant struct {
	sh  *shell
	err error
}

// leastGrace is what a host may need to start a shell that is busy otherwise.
const leastGrace = 5 * time.Second

func newPool(dial func(context.Context) (Conn, error), limit int, patience time.Duration, log *slog.Logger) *pool {
	p := &pool{dial: dial, limit: limit, patience: patience, grace: max(patience, leastGrace), log: log, dialing: make(chan struct{}, 1)}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.dialing <- struct{}{}
	return p
}

// acquire gives a shell to one caller, who returns it with release.
func (p *pool) acquire(ctx context.Context) (*shell, error) {
	wait := make(chan grant, 1)
	if sh, err := p.idleOrWait(wait); sh != nil || err != nil {
		return sh, err
	}
	select {
	case g := <-wait:
		return g.sh, g.err
	case <-ctx.Done():
		p.leave(wait)
		p.suspect(p.grace)
		return nil, p.whyNot(cause(ctx, ctx.Err()))
	case <-p.ctx.Done():
		p.leave(wait)
		return nil, syscall.ENOTCONN
	}
}

// idleOrWait takes an idle shell, or queues wait and starts a shell for it. The
// error says that there is no connection and nobody is to wait for one: it is
// tried for without them.
func (p *pool) idleOrWait(wait chan grant) (*shell, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.idle) > 0 {
		sh := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		if !sh.isBroken() {
			p.growLocked()
			return sh, nil
		}
		sh.kill()
		p.open--
	}
	if err := p.goneLocked(); err != nil {
		if p.starting == 0 && p.ctx.Err() == nil {
			p.starting++
			p.wg.Go(p.start)
		}
		return nil, err
	}
	p.waiters = append(p.waiters, wait)
	p.growLocked()
	return nil, nil
}

// contentment is how long the pool makes do with its shells after a refusal.
const contentment = time.Minute

// mostReady is the number of shells up to which one is started that nobody
// waits for: the second at once, the others if all are in use for a while, as
// starting one is work for the host, and for a small one a lot.
const (
	mostReady  = 4
	readyAfter = time.Second
)

// growLocked starts a shell if there are more waiters than shells on their
// way, or if all are in use, and there is room.
func (p *pool) growLocked() {
	wanted := len(p.waiters) + len(p.spares)
	switch {
	case len(p.idle) > 0 || p.open >= mostReady || !p.settled:
	case p.open < 2:
		wanted = max(wanted, 1)
	case !p.planned:
		p.planned = true
		time.AfterFunc(readyAfter, p.growLater)
	}
	p.startLocked(wanted)
}

// growLater starts a shell if all are still, or again, in use.
func (p *pool) growLater() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.planned = false
	if len(p.idle) == 0 && p.open > 0 {
		p.startLocked(1)
	}
}

// startLocked starts a shell if fewer than that are on their way.
func (p *pool) startLocked(wanted int) {
	if p.ctx.Err() != nil || p.starting >= wanted || !p.roomLocked() {
		return
	}
	p.starting++
	p.wg.Go(p.start)
}

// roomLocked tells whether another shell may be started.
func (p *pool) roomLocked() bool {
	if p.open > 0 && time.Since(p.refused) < contentment {
		return false
	}
	return p.open+p.starting < p.limit
}

// leave gives up waiting; a shell granted in the meantime goes back.
func (p *pool) leave(wait chan grant) {
	p.mu.Lock()
	given := func(w chan grant) bool { return w == wait }
	p.waiters = slices.DeleteFunc(p.waiters, given)
	p.spares = slices.DeleteFunc(p.spares, given)
	p.mu.Unlock()
	select {
	case g := <-wait:
		if g.sh != nil {
			p.release(g.sh)
		}
	default:
	}
}

// release takes a shell back; a broken one is replaced when it is needed.
func (p *pool) release(sh *shell) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if sh.isBroken() || p.ctx.Err() != nil {
		p.open--
		sh.kill()
		p.growLocked()
		return
	}
	p.handLocked(sh)
}

// handLocked gives a shell to who waits longest, or lays it down.
func (p *pool) handLocked(sh *shell) {
	switch {
	case len(p.waiters) > 0:
		p.waiters[0] <- grant{sh: sh}
		p.waiters = p.waiters[1:]
		p.growLocked()
	case len(p.spares) > 0 && p.plentyLocked():
		p.spares[0] <- grant{sh: sh}
		p.spares = p.spares[1:]
	default:
		p.idle = append(p.idle, sh)
	}
}

// start brings one shell into being.
func (p *pool) start() {
	sh, err := p.startShell()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.starting--
	switch {
	case err == nil && sh.settings != p.settings:
		sh.kill() // it was told something else
		p.growLocked()
	case err == nil:
		p.open++
		p.overLocked()
		p.handLocked(sh)
	case p.open > 0 && errors.Is(err, ErrRefused):
		p.refused = time.Now()
		p.log.Debug("the host allows no more sessions", "shells", p.open, "err", err)
	case p.open > 0 && p.aliveLocked():
		p.log.Warn("another shell cannot be started", "err", err)
	default:
		for _, w := range p.waiters {
			w <- grant{err: err}
		}
		p.waiters = nil
	}
	p.noSparesLocked()
}

// startShell starts a shell on the connection, which is made if there is
// none.
func (p *pool) startShell() (*shell, error) {
	for try := 1; ; try++ {
		conn, settings, err := p.connect()
		if err != nil {
			return nil, err
		}
		sh, err := p.shellOn(conn, settings)
		if err == nil || !p.worthAnother(try, conn, err) {
			return sh, err
		}
		select {
		case <-time.After(time.Duration(2+rand.IntN(18)) * time.Millisecond):
		case <-p.ctx.Done():
			return nil, syscall.ENOTCONN
		}
	}
}

// shellOn starts a shell within the time limit. A connection on which none
// has started in time, and that has no other, is given up.
func (p *pool) shellOn(conn Conn, settings string) (*shell, error) {
	ctx, cancel := context.WithTimeoutCause(p.ctx, p.grace, syscall.ETIMEDOUT)
	defer cancel()
	sh, err := startShell(ctx, conn, settings, mainLibrary, &p.life)
	if errors.Is(err, syscall.ETIMEDOUT) && !p.someOpen() {
		conn.Close()
	}
	if _, ok := errors.AsType[*NoShellError](err); ok && p.endsSoon(conn) {
		err = syscall.ENOTCONN
	}
	return sh, err
}

// endsSoon tells whether something went wrong because the connection has
// ended, which is known a moment later.
func (p *pool) endsSoon(conn Conn) bool {
	select {
	case <-conn.Done():
		return true
	case <-p.ctx.Done():
		return false
	case <-time.After(50 * time.Millisecond):
		return false
	}
}

// worthAnother tells whether a shell that did not start may do so when it is
// tried again: on a new connection where the old one has ended, or when the
// host has freed the slot of one that has just ended, which sshd does late.
// One that ended without a word is tried again as well; see settle.
func (p *pool) worthAnother(try int, conn Conn, err error) bool {
	switch {
	case errors.Is(err, syscall.ETIMEDOUT):
		return false
	case errors.Is(err, errSilent):
		return try < 3
	case errors.Is(err, ErrRefused):
		return try < 10 || try < 100 && !p.someOpen()
	}
	return try < 3 && p.endsSoon(conn)
}

func ended(conn Conn) bool {
	select {
	case <-conn.Done():
		return true
	default:
		return false
	}
}

func (p *pool) someOpen() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open > 0
}

func (p *pool) aliveLocked() bool { return p.conn != nil && !ended(p.conn) }

// connect gives the live connection, dialing anew when the last has ended.
// One dials at a time, the others wait for it, and for the same error.
func (p *pool) connect() (Conn, string, error) {
	select {
	case <-p.dialing:
	case <-p.ctx.Done():
		return nil, "", syscall.ENOTCONN
	}
	defer func() { p.dialing <- struct{}{} }()

	for {
		if conn, settings := p.live(); conn != nil {
			return conn, settings, nil
		}
		if err := p.pause(); err != nil {
			return nil, "", err
		}
		began := time.Now()
		conn, err := p.dial(p.ctx)
		if err == nil {
			return conn, p.adopt(conn), nil
		}
		if err, ended := p.failed(began, err); ended {
			return nil, "", err
		}
	}
}

// adopt makes a new connection the one that is used.
func (p *pool) adopt(conn Conn) (settings string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dropIdleLocked()
	p.conn = conn
	p.life.mark()
	return p.settings
}

func (p *pool) live() (Conn, string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.aliveLocked() {
		return nil, ""
	}
	return p.conn, p.settings
}

// dropIdleLocked forgets the shells of a connection that has ended. Those in
// use are found broken by who uses them.
func (p *pool) dropIdleLocked() {
	p.open -= len(p.idle)
	for _, sh := range p.idle {
		sh.kill()
	}
	p.idle = nil
}

// set changes what shells are told. Those that were told something else go, but for
// one in use which is told this as well; nil: there is none, and it will change again.
func (p *pool) set(settings string, told *shell) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if settings != p.settings {
		p.dropIdleLocked()
	}
	p.settings, p.settled = settings, told != nil
	if told != nil {
		told.settings = settings
	}
}

// close ends all shells and the connection. Callers that still use a shell
// find it broken.
func (p *pool) close() {
	p.cancel()
	p.wg.Wait()
	p.mu.Lock()
	conn := p.conn
	p.dropIdleLocked()
	p.conn = nil
	p.mu.Unlock()
	if conn != nil {
		conn.Close()
	}
}
