package scpio

import "context"

// spare gives a shell for work that others can do as well, only later: one
// that is idle, or a new one, while another can be had at once by who needs
// one. It is nil where there is none; nobody is waited for but the host that
// starts it.
func (p *pool) spare(ctx context.Context) *shell {
	wait := make(chan grant, 1)
	if sh := p.spareOrStart(wait); sh != nil {
		return sh
	}
	select {
	case g := <-wait:
		return g.sh
	case <-ctx.Done():
	case <-p.ctx.Done():
	}
	p.leave(wait)
	return nil
}

// spareOrStart takes an idle shell, or queues wait for a new one.
func (p *pool) spareOrStart(wait chan grant) *shell {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.idle); n > 0 {
		sh := p.idle[n-1]
		p.idle = p.idle[:n-1]
		if !sh.isBroken() && p.plentyLocked() {
			return sh
		}
		p.idle = append(p.idle, sh)
	}
	p.spares = append(p.spares, wait)
	p.growLocked()
	p.noSparesLocked()
	return nil
}

// plentyLocked tells whether there is a shell for the next who needs one, or
// room for it.
func (p *pool) plentyLocked() bool { return len(p.idle) > 0 || p.roomLocked() }

// noSparesLocked sends those away who wait for a new shell while none is
// being started.
func (p *pool) noSparesLocked() {
	if p.starting > 0 {
		return
	}
	for _, w := range p.spares {
		w <- grant{}
	}
	p.spares = nil
}
