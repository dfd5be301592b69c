package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/scpfs/scpfs/cache"
	"github.com/scpfs/scpfs/control"
	"github.com/scpfs/scpfs/fusefs"
	"github.com/scpfs/scpfs/mount"
	"github.com/scpfs/scpfs/scpio"
)

// serve connects, mounts, and ends when the mount has ended and the host has
// everything. It returns the exit status.
func serve(cfg config, child *mount.Child) int {
	ctx, stop := untilTold()
	defer stop()
	out := newOutput(cfg.Debug || cfg.Verbose)
	s, err := start(ctx, cfg, out.log)
	if err == nil && child != nil {
		out.detach(s.cache.CacheDir())
		if err = context.Cause(ctx); err == nil {
			err = child.Ready()
		}
	}
	if err != nil {
		// One Ctrl-C tells a copy twice: by the terminal, and by the process that waits
		// there, which kills it if need be.
		if child == nil {
			stop()
		}
		return report(child, errors.Join(err, s.end()))
	}
	select {
	case <-s.server.Done():
	case <-ctx.Done():
	}
	stop() // a signal from now on ends the program at once; the log keeps what is unsent
	err = s.end()
	if err != nil && child != nil { // nobody waits on a terminal any more
		out.log.Error("the mount has ended", "err", err)
		return 1
	}
	return report(nil, err)
}

// untilTold is a context that ends when a signal tells the program to end. What is ignored
// stays ignored: nohup(1) and shells ask for that.
func untilTold() (context.Context, context.CancelFunc) {
	ends := []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}
	return signal.NotifyContext(context.Background(), slices.DeleteFunc(ends, signal.Ignored)...)
}

// session is what one mount consists of; what was not reached is nil.
type session struct {
	client *scpio.Client
	cache  *cache.Cache
	fs     *fusefs.FS
	server *mount.Server
	log    *slog.Logger

	source, point string // as people know the mount
	since         time.Time
	control       *control.Server
	unregister    func()
	unwatch       func()

	waiting     sync.WaitGroup // for a host that was not there
	stopWaiting func()
}

// start brings up a mount, from the host to the kernel.
func start(ctx context.Context, cfg config, log *slog.Logger) (*session, error) {
	s := &session{log: log}
	for _, note := range cfg.Notes {
		log.Debug(note)
	}
	if err := mount.Check(cfg.Mountpoint); err != nil {
		return s, err
	}
	client, dialer, err := newClient(cfg, log)
	if err != nil {
		return s, err
	}
	s.client = client
	known, offline, err := s.meet(ctx, cfg, dialer.Config())
	if err != nil {
		return s, err
	}
	o, err := cacheOptions(cfg, dialer.Config(), known, log)
	if err != nil {
		return s, err
	}
	o.Offline = offline != nil
	if s.cache, err = cache.Open(ctx, client, o); errors.Is(err, cache.ErrUnknown) && !cfg.Offline {
		return s, offline
	} else if err != nil {
		return s, fmt.Errorf("open the cache in %s: %w", o.Dir, err)
	}
	client.OnAbove(s.cache.OnAbove)
	if offline == nil {
		s.keep(known, factsFile(cfg, dialer.Config()))
	} else {
		log.Warn("mounted offline: what is known here is shown, and changes wait for the host", "why", offline)
	}
	s.listen(cfg)
	s.fs = fusefs.New(s.cache, view(cfg, known, log))
	m := cfg.Mount
	m.FsName = cmp.Or(m.FsName, cfg.Source)
	m.Debug, m.Logger, m.Base, m.Wrap = cfg.Debug, log, s.fs.Options(), s.fs.Wrap
	if s.server, err = mount.Mount(cfg.Mountpoint, s.fs.Root(), m); err != nil {
		return s, err
	}
	s.fs.Mounted(s.server.ID())
	switch {
	case offline == nil && cfg.Watch:
		s.unwatch = watch(s.client, s.cache)
	case offline != nil && !cfg.Offline:
		ctx, cancel := context.WithCancel(context.Background())
		s.stopWaiting = cancel
		s.waiting.Go(func() { s.comeBack(ctx, cfg, known) })
	}
	return s, nil
}

// view is how files are shown.
func view(cfg config, host facts, log *slog.Logger) fusefs.Options {
	return fusefs.Options{
		UID: cfg.UID, GID: cfg.GID, Umask: cfg.Umask, Logger: log, Direct: cfg.Passthrough,
		Believe: fusefs.Believe{Entry: cfg.Mount.EntryTimeout, Attr: cfg.Mount.AttrTimeout, Negative: cfg.Mount.NegativeTimeout},
		Map: fusefs.IDMap{
			On:        cfg.IDMap == "user",
			RemoteUID: host.UID, LocalUID: uint32(os.Getuid()),
			RemoteGID: host.GID, LocalGID: uint32(os.Getgid()),
		},
	}
}

// unmountPatience is how long requests under way may take when the mount is
// to end.
const unmountPatience = 10 * time.Second

// end takes the mount away, brings everything to the host, and lets go of
// it.
func (s *session) end() error {
	var err error
	if s.server != nil {
		s.unmount()
	}
	if s.stopWaiting != nil {
		s.stopWaiting()
		s.waiting.Wait()
	}
	if s.unwatch != nil {
		s.unwatch()
	}
	if s.fs != nil {
		s.fs.Close()
	}
	s.silence()
	defer s.forget()
	if s.cache != nil {
		err = unsent(s.cache.Close(context.Background()))
	}
	if s.client != nil {
		s.client.Close()
	}
	return err
}

// unmount takes the mount away, also one that is in use: who uses it gets
// errors from then on, as when a disk is pulled.
func (s *session) unmount() {
	ctx, cancel := context.WithTimeout(context.Background(), unmountPatience)
	defer cancel()
	err := s.server.Unmount(ctx)
	if err == nil {
		return
	}
	s.log.Warn("unmounting the hard way", "err", err)
	s.fs.Interrupt()
	if err := s.server.UnmountLazy(); err != nil {
		s.log.Warn("cannot unmount", "err", err)
	}
}

// unsent words what the host does not have yet.
func unsent(err error) error {
	u, ok := errors.AsType[*cache.Unsent](err)
	if !ok {
		return err
	}
	return fmt.Errorf("the host does not have the last changes of %s (%w): they are kept in %s, and sent by the next mount of the same directory",
		strings.Join(u.Paths, ", "), u.Err, u.Dir)
}
