package cache

import (
	"cmp"
	"context"
	"errors"
	"syscall"
	"time"
)

// Changes of the backlog go to the host many at a time, in their order, by one
// command after the other without a wait between them.

// Bounds of one batch: of steps, and of bytes of contents.
const (
	batchSteps = 512
	batchBytes = 4 << 20
)

// part is a change that is being sent, with what has to be undone.
type part struct {
	ch     *change
	step   Step
	seq    uint64 // of a file
	stay   func() // keeps the inode number if it was not stored
	unlock func()
}

// send tells the host of changes, in their order. An error says that the rest
// has to wait: the host is away.
func (c *Cache) send(ctx context.Context, all []*change) error {
	for len(all) > 0 {
		n, err := c.sendSome(ctx, all)
		if err != nil {
			return err
		}
		all = all[n:]
	}
	return nil
}

// sendSome sends as many changes as go into one batch, or the first alone if it
// does not. It tells how many it has sent, or tried.
func (c *Cache) sendSome(ctx context.Context, all []*change) (int, error) {
	leave, err := c.names.share(ctx)
	if err != nil {
		return 0, err
	}
	defer leave()
	parts := c.gather(all)
	if len(parts) < 2 {
		for _, p := range parts {
			c.giveUp(p)
		}
		return 1, c.sendOne(ctx, all[0])
	}
	steps, now := make([]Step, len(parts)), time.Now()
	for i, p := range parts {
		steps[i], p.ch.asked = p.step, now
	}
	var disputed *part
	var held []answered
	var left error // why a part waits for another batch
	c.stage(steps)
	err = c.remote.Batch(ctx, steps, func(i int, a Attr, err error) {
		if untold(err) {
			left = err
		}
		if disputed != nil {
			held = append(held, answered{parts[i], a, err})
		} else if c.sent(ctx, parts[i], a, err) {
			disputed = &parts[i]
		}
	})
	c.unstage(steps)
	if err = cmp.Or(err, left); !untold(err) {
		disputed, held, err = c.settleDisputes(ctx, disputed, held)
	}
	if disputed != nil {
		disputed.unlock()
	}
	for _, h := range held {
		if c.sent(ctx, h.part, h.attr, h.err) {
			h.unlock()
		}
	}
	if err != nil {
		return 0, err
	}
	return len(parts), nil
}

// answered is what the host said to a part.
type answered struct {
	part
	attr Attr
	err  error
}

// settleDisputes looks at a disputed change with the host, and then takes in what it
// said to those after it, in their turn: a file in a directory that is not there, as
// far as is known, is not there either. All of them stay locked until then: who
// waits for one may have another. It returns what it did not get to.
func (c *Cache) settleDisputes(ctx context.Context, disputed *part, held []answered) (*part, []answered, error) {
	for disputed != nil {
		if err := c.sendLocked(ctx, disputed.ch); err != nil {
			return disputed, held, err
		}
		disputed.unlock()
		disputed = nil
		for disputed == nil && len(held) > 0 {
			h := held[0]
			held = held[1:]
			if c.sent(ctx, h.part, h.attr, h.err) {
				disputed = &h.part
			}
		}
	}
	return nil, nil, nil
}

// stage prepares for the directories that uploads come through: who asks the
// host meanwhile hears of them.
func (c *Cache) stage(steps []Step) {
	for _, s := range steps {
		dir, _ := split(s.Path)
		if a, ok := c.peek(dir); ok && s.Upload.Temp != "" {
			c.backlog.stage(dir, a.Nlink)
		}
	}
}

// unstage forgets these directories, and what the host was asked meanwhile.
func (c *Cache) unstage(steps []Step) {
	defer c.backlog.unstage()
	for _, s := range steps {
		if s.Upload.Temp != "" {
			c.tree.remove(s.Upload.Temp)
		}
	}
}

// gather locks and describes the first changes, up to one that cannot go along:
// a large file, or one that somebody works on. Waiting for him, with others
// locked, he might wait for us. Nor can the removal of a name with what was done
// before under it: if that has to be looked at, it would be done again afterwards.
func (c *Cache) gather(all []*change) []part {
	var parts []part
	bytes, names := int64(0), map[string]bool{}
	for _, ch := range all {
		if names[ch.path] && (ch.kind == removing || ch.kind == unmaking) {
			break
		}
		p, ok := c.part(ch)
		if !ok {
			break
		}
		parts = append(parts, p)
		names[ch.path] = true
		if bytes += p.step.Upload.Size; len(parts) == batchSteps || bytes >= batchBytes {
			break
		}
	}
	return parts
}

// part locks and describes one change, if that can be done at once.
func (c *Cache) part(ch *change) (part, bool) {
	f := ch.file
	done := func() {}
	if ch.kind != storing {
		f = c.holdAt(ch.now()) // it may be opened meanwhile
		done = func() { letGo(f) }
	}
	p := part{ch: ch, stay: func() {}, unlock: done}
	if f != nil {
		unlock, ok := f.busy.tryExclude()
		if !ok {
			done()
			return p, false
		}
		p.unlock = func() { unlock(); done() }
	}
	var ok bool
	if ch.kind == storing {
		ok = p.takeFile()
	} else {
		p.step, ok = ch.step()
	}
	if !ok {
		p.unlock()
	}
	return p, ok
}

// step describes a change of a name or of attributes.
func (ch *change) step() (Step, bool) {
	s := Step{Op: string(ch.kind), Path: ch.path, Mode: ch.entry.Attr.Mode & 07777, Target: ch.entry.Target, Change: ch.set}
	if ch.kind == removing && ch.base.Dev != hereDev {
		s.Upload.Expect = ch.base
	}
	return s, ch.kind != storing && ch.kind != renaming && !ch.doubt.any()
}

// batchFile is the size up to which a file goes along in a batch.
const batchFile = 128 << 10

// takeFile describes the store of a file, if it is a small one that needs
// nothing else, such as the removal of what a store before has left.
func (p *part) takeFile() bool {
	f := p.ch.file
	if !f.c.backlog.waits(p.ch) {
		return false
	}
	f.mu.RLock()
	size := f.attr.Size
	if f.kept != nil {
		size = f.kept.attr.Size
	}
	ok := f.queued && f.dirty && len(f.paths) > 0 && f.paths[0] == p.ch.path && len(f.temps) == 0 && size <= batchFile && f.base.Nlink < 2
	f.mu.RUnlock()
	if !ok {
		return false
	}
	u, path, seq, err := f.upload()
	if err != nil {
		return false
	}
	if u.Keep > 0 || u.From != "" {
		u.Keep, u.From = 0, ""
	}
	p.seq, p.step = seq, Step{Op: "store", Path: path, Upload: u}
	if f.baseAttr().Ino != 0 {
		p.stay = f.c.ino.leave(f.ino, u.Expect)
	}
	f.c.backlog.begin(p.ch)
	return true
}

// giveUp lets go of what has not been sent.
func (c *Cache) giveUp(p part) {
	p.stay()
	if p.ch.kind == storing {
		p.ch.file.tempGone(p.step.Upload.Temp)
		p.ch.file.landed()
		c.backlog.end(p.ch)
	}
	p.unlock()
}

// sent takes in what became of a part, and unlocks it. Unless it reports that the
// part is to be looked at with the host, which cannot be asked before the batch has
// ended.
func (c *Cache) sent(ctx context.Context, p part, a Attr, err error) (disputed bool) {
	if errors.Is(err, syscall.ECANCELED) {
		c.giveUp(p)
		return false
	}
	defer func() {
		if !disputed {
			p.unlock()
		}
	}()
	if p.ch.kind != storing {
		if err != nil {
			return !untold(err)
		}
		c.performed(ctx, p.ch, a, nil)
		return false
	}
	f := p.ch.file
	c.backlog.end(p.ch)
	if err != nil {
		p.stay()
	}
	untold, disputed := untold(err), errors.Is(err, syscall.ESTALE)
	switch {
	case untold:
		f.mayHave(p.step.Upload)
	case disputed:
		f.tempGone(p.step.Upload.Temp)
	case err != nil && a.Ino != 0:
		f.rebase(a) // half of it was copied into the file: no foreign change
	case err == nil:
		f.tempGone(p.step.Upload.Temp)
		err = f.stored(p.step.Path, a, p.seq)
	}
	f.landed()
	if !untold && !disputed {
		c.sentFile(ctx, p.ch, err)
	}
	return disputed
}
