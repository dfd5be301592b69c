package main

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"syscall"
	"time"

	"github.com/scpfs/scpfs/cache"
	"github.com/scpfs/scpfs/scpio/sshdial"
)

// facts are what has to be known of a host to open its cache. They are kept
// beside the caches, for a mount that does not reach the host.
type facts struct {
	Root     string // absolute
	UID, GID uint32 // of the account
	Groups   []uint32
}

func (s *session) facts() facts {
	h := s.client.Host()
	return facts{Root: s.client.Root(), UID: h.UID, GID: h.GID, Groups: h.Groups}
}

// meet connects to the host. If that is not wanted, or the host cannot be reached
// and was before, what was known of it has to do: offline says why then.
func (s *session) meet(ctx context.Context, cfg config, ssh *sshdial.Config) (known facts, offline, err error) {
	file := factsFile(cfg, ssh)
	if cfg.Offline {
		if known, err = loadFacts(file); err != nil {
			return facts{}, nil, cache.ErrUnknown
		}
		return known, errors.New("as it was asked for"), nil
	}
	if err = s.client.Connect(ctx); err == nil {
		return s.facts(), nil, nil
	}
	err = explain(cfg, err)
	if known, loaded := loadFacts(file); loaded == nil && unreachable(ctx, s.client.State().Err) {
		return known, err, nil
	}
	return facts{}, nil, err
}

// unreachable tells whether a host may be reached later without anybody doing
// something about it.
func unreachable(ctx context.Context, err error) bool {
	p, ok := errors.AsType[interface {
		error
		Permanent() bool
	}](err)
	return err != nil && ctx.Err() == nil && !(ok && p.Permanent())
}

// factsFile is where the facts are kept of a directory as it was asked for.
func factsFile(cfg config, ssh *sshdial.Config) string {
	return filepath.Join(cacheDir(cfg), "known", hostID(ssh, "as given: "+cfg.Dir))
}

// keep keeps the facts of a directory that was reached.
func (s *session) keep(known facts, file string) {
	if err := known.save(file); err != nil {
		s.log.Warn("this directory cannot be mounted while the host cannot be reached", "err", err)
	}
}

func loadFacts(file string) (facts, error) {
	var f facts
	b, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(b, &f)
	}
	if err == nil && !filepath.IsAbs(f.Root) {
		err = syscall.EINVAL
	}
	return f, err
}

// save keeps the facts, unless they are there.
func (f facts) save(file string) error {
	if was, err := loadFacts(file); err == nil && reflect.DeepEqual(was, f) {
		return nil
	}
	b, err := json.Marshal(f)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", b, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// Pauses between two attempts to reach a host that was away from the start, at
// the least and at the most; each is twice the one before, and uneven.
const (
	firstPause = time.Second
	mostPause  = 15 * time.Second
)

// comeBack brings a mount that began offline together with its host.
func (s *session) comeBack(ctx context.Context, cfg config, known facts) {
	for pause := firstPause; ; pause = min(2*pause, mostPause) {
		select {
		case <-time.After(pause/2 + rand.N(pause/2)):
		case <-ctx.Done():
			return
		}
		if err := s.client.Connect(ctx); err != nil {
			s.log.Debug("the host still cannot be reached", "err", err)
			continue
		}
		if now := s.facts(); now.Root != known.Root || now.UID != known.UID {
			s.log.Error("the host has another directory or account for this mount by now: unmount it, and mount it again", "was", known.Root, "is", now.Root)
			return
		}
		if err := s.cache.Online(ctx); err != nil {
			s.log.Debug("the host cannot be asked", "err", err)
			continue
		}
		s.log.Warn("the host is there again: it is told of what was changed meanwhile")
		if cfg.Watch {
			s.unwatch = watch(s.client, s.cache)
		}
		return
	}
}
