package main

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/scpfs/scpfs/cache"
	"github.com/scpfs/scpfs/control"
)

// listen answers on the control socket of the mount, and says in the places
// where that is, before anybody can see that it is mounted. A mount does without when it cannot: the files come first.
func (s *session) listen(cfg config) {
	s.since = time.Now()
	s.source = cfg.Source
	s.point = control.Absolute(cfg.Mountpoint)
	if real, err := filepath.EvalSymlinks(s.point); err == nil { // it is no mount yet
		s.point = real
	}
	server, err := control.Listen(s.cache.CacheDir(), s.answer, s.log)
	if err != nil {
		s.log.Warn("scpfs status will not find this mount", "err", err)
		return
	}
	s.control = server
	m := control.Mount{Source: s.source, Mountpoint: s.point, PID: os.Getpid(), Since: s.since, Dir: s.cache.CacheDir()}
	undo, err := control.Register(control.Places(), m, func(dead control.Mount) bool {
		return filepath.Dir(dead.Dir) == filepath.Dir(m.Dir) || dead.Mountpoint == m.Mountpoint && !cache.HasUnsent(dead.Dir)
	})
	if err != nil {
		s.log.Warn("scpfs status will not find this mount", "err", err)
		return
	}
	s.unregister = undo
}

// answer is what the mount says to a request.
func (s *session) answer(ctx context.Context, r control.Request) control.Answer {
	switch r.Command {
	case control.CommandStatus:
		return control.Answer{Status: s.status()}
	case control.CommandConflicts:
		return control.Answer{Conflicts: conflicts(s.cache)}
	}
	saved, err := s.cache.Resolve(ctx, string(r.Path), keeps[r.Keep])
	if err != nil {
		return control.Answer{Error: err.Error()}
	}
	return control.Answer{Saved: saved}
}

var keeps = map[string]cache.Keep{
	control.KeepLocal:  cache.KeepOurs,
	control.KeepRemote: cache.KeepTheirs,
	control.KeepBoth:   cache.KeepCopies,
}

func (s *session) status() *control.Status {
	use, ahead := s.cache.Usage(), s.cache.Ahead()
	return &control.Status{
		Source: s.source, Mountpoint: s.point, PID: os.Getpid(), Since: s.since,
		Connection: s.connection(),
		Cache: control.CacheUse{
			Dir: s.cache.CacheDir(), Files: use.Files, Bytes: use.Bytes, Size: use.Size, MinFree: use.MinFree,
		},
		Unsent:    unsentFiles(s.cache),
		Conflicts: conflicts(s.cache),
		Ahead:     control.AheadUse{Fetched: ahead.Fetched, Read: ahead.Read},
		Memory:    inUse(),
	}
}

func (s *session) connection() control.Connection {
	st := s.client.State()
	c := control.Connection{State: "lost", Since: st.Since, Error: words(st.Err)}
	switch {
	case s.cache.Offline():
		c.State = "offline"
	case st.Connected:
		c.State = "connected"
	case st.Connecting:
		c.State = "connecting"
	}
	return c
}

// words is an error as text.
func words(err error) string {
	if err == nil {
		return ""
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}

func unsentFiles(c *cache.Cache) []control.Unsent {
	all := []control.Unsent{}
	for _, p := range c.Unsent() {
		all = append(all, control.Unsent{
			Path: control.Name(p.Path), Change: p.Change, Size: p.Size, Since: p.Since, Error: words(p.Err), Local: p.Local, Open: p.Open,
		})
	}
	return all
}

func conflicts(c *cache.Cache) []control.Conflict {
	all := []control.Conflict{}
	for _, x := range c.Conflicts() {
		all = append(all, control.Conflict{Kind: x.Kind, Path: control.Name(x.Path), Copy: control.Name(x.Copy), Time: x.Time})
	}
	return all
}

// inUse is how much memory is not garbage.
func inUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// silence ends the control socket: from now on nobody asks the cache.
func (s *session) silence() {
	if s.control != nil {
		s.control.Close()
	}
}

// forget takes back what was said in the places, unless the mount has left
// something that people want to find.
func (s *session) forget() {
	if s.unregister != nil && !cache.HasUnsent(s.cache.CacheDir()) {
		s.unregister()
	}
}

// void tells whether there is nothing to be said of a dead mount.
func void(m control.Mount) bool {
	return !control.MountedHere(m.Mountpoint) && !cache.HasUnsent(m.Dir)
}
