package cache

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"syscall"
	"time"
)

// While the host is away the backlog tries again after a while, doubled each
// time up to the most, and made uneven so that many mounts do not come at once.
const (
	firstWait = time.Second
	mostWait  = 15 * time.Second
)

// drain tells the host of the backlog, until the cache is closed.
func (c *Cache) drain() {
	wait := firstWait
	for {
		all, ok := c.backlog.next(c.ctx)
		if !ok {
			return
		}
		err := c.send(c.ctx, all)
		c.backlog.away(err)
		if err == nil {
			wait = firstWait
			continue
		}
		select {
		case <-time.After(wait/2 + rand.N(wait/2)):
		case <-c.back:
		case <-c.ctx.Done():
			return
		}
		wait = min(2*wait, mostWait)
	}
}

// sendOne tells the host of one change. The caller shares the names.
func (c *Cache) sendOne(ctx context.Context, ch *change) error {
	f := ch.file
	if ch.kind != storing {
		f = c.holdAt(ch.now()) // it may be opened meanwhile
		defer letGo(f)
	}
	unlock, err := lockAll(ctx, f, nil)
	if err != nil {
		return err
	}
	defer unlock()
	return c.sendLocked(ctx, ch)
}

// sendLocked is sendOne for who has locked the file.
func (c *Cache) sendLocked(ctx context.Context, ch *change) error {
	if ch.kind == storing {
		return c.sendFile(ctx, ch)
	}
	ch.asked = time.Now()
	a, err := c.perform(ctx, ch)
	if untold(err) {
		return err
	}
	c.performed(ctx, ch, a, err)
	return nil
}

// untold tells whether an error says nothing of the change itself, but that the
// host could not be told.
func untold(err error) bool {
	return away(err) || errors.Is(err, syscall.EINTR) || errors.Is(err, context.Canceled)
}

// perform makes a change of a name or of attributes on the host. What has been
// made already, by an attempt whose answer was lost, is as good.
func (c *Cache) perform(ctx context.Context, ch *change) (Attr, error) {
	switch ch.kind {
	case making:
		a, err := c.remote.Mkdir(ctx, ch.path, ch.entry.Attr.Mode&07777)
		return c.madeBefore(ctx, ch, a, err)
	case symlinking:
		a, err := c.remote.Symlink(ctx, ch.entry.Target, ch.path)
		return c.madeBefore(ctx, ch, a, err)
	case setting:
		return c.remote.Setattr(ctx, ch.path, ch.set)
	case removing:
		return Attr{}, c.removeAsSeen(ctx, ch)
	case renaming:
		return c.renameAsSeen(ctx, ch)
	case unmaking:
		err := c.remote.Rmdir(ctx, ch.path)
		if isGone(err) {
			err = nil
		}
		return Attr{}, err
	}
	return Attr{}, syscall.EINVAL
}

// removeAsSeen removes what was there when the removal was asked for. What
// somebody else has put in its place stays.
func (c *Cache) removeAsSeen(ctx context.Context, ch *change) error {
	if ch.doubt.any() {
		if done, err := c.removeStray(ctx, ch); done || err != nil {
			return err
		}
	}
	if ch.base.Dev == hereDev || c.o.Conflict == Local {
		err := c.remote.Remove(ctx, ch.path)
		if isGone(err) {
			return nil
		}
		return err
	}
	err := c.remote.RemoveIf(ctx, ch.path, ch.base)
	if errors.Is(err, syscall.ESTALE) {
		if _, gone := c.remote.Stat(ctx, ch.path); isGone(gone) {
			return nil
		}
	}
	return err
}

// madeBefore takes what is there for what was to be made, if it is the same.
func (c *Cache) madeBefore(ctx context.Context, ch *change, a Attr, err error) (Attr, error) {
	if !errors.Is(err, syscall.EEXIST) {
		return a, err
	}
	now, staterr := c.remote.Stat(ctx, ch.path)
	if staterr == nil && now.Target == ch.entry.Target && (now.Attr.Mode^ch.entry.Attr.Mode)&syscall.S_IFMT == 0 {
		ch.asked = time.Time{}
		return now.Attr, nil
	}
	return a, err
}

// performed takes in what became of a change on the host.
func (c *Cache) performed(ctx context.Context, ch *change, a Attr, err error) {
	switch {
	case err != nil:
		c.log.Warn("a change was refused by the host", "change", string(ch.kind), "path", ch.path, "err", err)
		_ = c.failed(err, ch.path)
		if ch.kind == renaming {
			_ = c.failed(err, ch.to)
		}
	case ch.kind == removing:
		c.changed(ch.path)
		c.tree.remove(ch.path)
		c.dropped(ctx, ch.base, known)
	case ch.kind == renaming:
		c.renamedThere(ctx, ch, a)
	case ch.kind == unmaking:
		c.changed(ch.path)
		c.tree.remove(ch.path)
	case ch.kind == setting:
		if was, k := c.tree.lookup(ch.path, time.Time{}, time.Time{}); k == known {
			c.disk.rebind(was.Attr, a)
		}
		c.backlog.reversion(ch.base, a)
		if f := c.openAt(ch.path); f != nil {
			f.resetBefore(a, ch.set)
		}
		c.reattributed(ch.path, Entry{Target: ch.entry.Target, Attr: a})
	default:
		n := ch.entry.Attr.Ino
		c.ino.bind(n, idOf(a))
		c.disk.noteAlias(idOf(a), n)
		c.changed(ch.path)
		c.tree.putMade(ch.path, Entry{Target: ch.entry.Target, Attr: a}, ch.asked)
	}
	c.disk.unnote(ch.record)
	c.backlog.done(ch)
	c.tell(Notice{Path: ch.path, Attr: err == nil})
}

// sendFile stores a file of the backlog. If it was written to meanwhile it is
// in the backlog anew. The file is locked.
func (c *Cache) sendFile(ctx context.Context, ch *change) error {
	if !ch.file.isQueued() || !c.backlog.waits(ch) {
		c.finish(ch) // somebody else has stored it, or it got another name, and its turn is later
		return nil
	}
	c.backlog.begin(ch)
	err := ch.file.storeLocked(ctx)
	c.backlog.end(ch)
	if untold(err) {
		return err
	}
	c.sentFile(ctx, ch, err)
	return nil
}

// sentFile takes in what became of the store of a file.
func (c *Cache) sentFile(ctx context.Context, ch *change, err error) {
	f := ch.file
	if err != nil {
		f.mu.Lock()
		level := slog.LevelWarn
		if was := f.trouble.err; was != nil && was.Error() == err.Error() {
			level = slog.LevelDebug // tried again, see retry
		}
		f.queued, f.failed = false, err
		f.mu.Unlock()
		c.log.Log(ctx, level, "a file could not be stored; its contents are kept here", "path", ch.path, "err", err)
	}
	_ = f.tell(err)
	c.finish(ch)
	f.retire()
}

// finish takes the store of a file out of the backlog. Who waits for it asks for
// its error next. What was flushed since is in the backlog anew: if that was
// before now, it was taken for part of this one.
func (c *Cache) finish(ch *change) {
	c.backlog.done(ch)
	f := ch.file
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.queued && f.dirty && len(f.paths) > 0 {
		c.backlog.addStore(f, f.pathLocked())
	}
}
