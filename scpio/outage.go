package scpio

import (
	"errors"
	"math/rand/v2"
	"syscall"
	"time"
)

// outage is a time without a connection, from the first dial in vain on.
//
// The first dial after a loss comes at once; then there are pauses in between
// that grow, and are random so that many clients do not come at the same time
// when a host is back. Callers wait, each within its own limit. When nobody
// could be reached for as long as an operation may last, they do not wait any
// more: they are told at once what the last dial said, and another is made, when
// it is due, that none of them waits for.
type outage struct {
	since time.Time // zero: there is none
	next  time.Time // no dial before
	delay time.Duration
	err   *unreachable
}

const (
	firstDelay = 100 * time.Millisecond
	// permanentDelay is for a host that was reached and let nobody in.
	permanentDelay = 2 * time.Second
	mostDelay      = 5 * time.Second
)

// unreachable is why there is no connection: EHOSTUNREACH, whatever number the
// error of the dial has, since a program that could not be started for it is
// no missing file. All else that the error is can be asked for.
type unreachable struct{ err error }

func (e *unreachable) Error() string { return e.err.Error() }
func (e *unreachable) Unwrap() error { return syscall.EHOSTUNREACH }

func (e *unreachable) Is(target error) bool {
	_, number := target.(syscall.Errno)
	return !number && errors.Is(e.err, target)
}

func (e *unreachable) As(target any) bool {
	_, number := target.(*syscall.Errno)
	return !number && errors.As(e.err, target)
}

// permanent tells a host that was reached and is not the right one, or lets
// nobody in, which another try does not change.
func (e *unreachable) permanent() bool {
	p, ok := errors.AsType[interface {
		error
		Permanent() bool
	}](e.err)
	return ok && p.Permanent()
}

// add takes in a dial in vain.
func (o *outage) add(began time.Time, err *unreachable) {
	if o.since.IsZero() {
		o.since = began
	}
	o.delay = min(max(2*o.delay, firstDelay), mostDelay)
	if err.permanent() {
		o.delay = max(o.delay, permanentDelay)
	}
	o.err = err
	o.next = time.Now().Add(o.delay/2 + rand.N(o.delay/2))
}

// final tells whether callers are not to wait for its end.
func (o *outage) final(patience time.Duration) bool {
	return o.err.permanent() || time.Since(o.since) > patience
}

// pause waits until the next dial is due, or says why it is not waited for.
func (p *pool) pause() error {
	p.mu.Lock()
	o := p.down
	p.mu.Unlock()
	left := time.Until(o.next)
	if o.err == nil || left <= 0 {
		return nil
	}
	if o.final(p.patience) {
		return o.err
	}
	select {
	case <-time.After(left):
		return nil
	case <-p.ctx.Done():
		return syscall.ENOTCONN
	}
}

// failed takes in a dial in vain; ended says that nobody waits for another. The
// first connection of all is not waited for.
func (p *pool) failed(began time.Time, err error) (out error, ended bool) {
	if p.ctx.Err() != nil {
		return syscall.ENOTCONN, true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	u := &unreachable{err}
	if p.conn == nil {
		return u, true
	}
	if p.down.err == nil || p.down.err.Error() != u.Error() {
		p.log.Warn("there is no connection to the host", "err", err)
	}
	p.down.add(began, u)
	return u, p.down.final(p.patience) || len(p.waiters) == 0
}

// goneLocked says why there is no connection, if nobody is to wait for one.
func (p *pool) goneLocked() error {
	if p.down.err == nil || !p.down.final(p.patience) || p.aliveLocked() {
		return nil
	}
	return p.down.err
}

// overLocked is the end of an outage: a shell runs.
func (p *pool) overLocked() {
	if p.down.err != nil {
		p.log.Info("the host is connected again", "after", time.Since(p.down.since))
	}
	p.down = outage{}
}

// whyNot is the error of a caller that did not get a shell in time: what keeps
// the host from being reached, if that is known.
func (p *pool) whyNot(err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down.err != nil && errors.Is(err, syscall.ETIMEDOUT) {
		return p.down.err
	}
	return err
}

// suspect ends a connection on which nothing has come for as long as an
// operation may wait: its peer may be gone without a word, and the next
// operation is to try another connection.
func (p *pool) suspect(limit time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.aliveLocked() && p.life.quiet() >= limit {
		go p.conn.Close()
	}
}
