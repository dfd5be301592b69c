package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
)

// A stage is what one tool works in, from the preparation of the remote
// directory to the last unmount.
type stage struct {
	tool     tool
	env      []string
	fixtures *fixtures
	dir      string // of this stage alone
	scale    float64
	place
	mounted atomic.Pointer[mounted] // nil while nothing is

	out  bytes.Buffer // of the last command
	data [][]byte     // what the last step has read
}

// newStage is a stage in a new directory.
func newStage(dir string, env []string, f *fixtures, t tool, n *network, scale float64) (*stage, error) {
	s := &stage{tool: t, env: env, fixtures: f, dir: dir, scale: scale}
	s.place = place{
		net: n, remote: filepath.Join(dir, "remote"),
		mnt: filepath.Join(dir, "mnt"), cache: filepath.Join(dir, "cache"),
	}
	return s, os.MkdirAll(dir, 0o700)
}

// count is a number of files at the stage's scale.
func (s *stage) count(full int) int { return max(1, int(float64(full)*s.scale)) }

// size is a number of bytes at the stage's scale, in whole pages.
func (s *stage) size(full int64) int64 {
	return max(4, int64(float64(full)*s.scale)>>12) << 12
}

// mount mounts, with whatever the tool's cache holds from before.
func (s *stage) mount(ctx context.Context) error {
	if s.tool.mount == nil {
		s.mnt = s.remote
		return nil
	}
	m, err := s.tool.start(ctx, s.env, s.place)
	s.mounted.Store(m)
	return err
}

// settle returns once the mount answers: sshfs mounts before it has connected.
func (s *stage) settle() error {
	var st syscall.Statfs_t
	if err := syscall.Statfs(s.mnt, &st); err != nil {
		return fmt.Errorf("the mount does not answer: %w", err)
	}
	return nil
}

// unmount unmounts and waits until the remote directory has everything.
func (s *stage) unmount(ctx context.Context) error {
	m := s.mounted.Load()
	if m == nil {
		return nil
	}
	if err := m.unmount(ctx, s.env); err != nil {
		return err
	}
	s.mounted.Store(nil)
	return nil
}

// patiently has the mount die with the context, so that nothing hangs in it for
// ever. The function it returns must be called, before the context ends otherwise.
func (s *stage) patiently(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() {
		if m := s.mounted.Load(); m != nil {
			m.process.cmd.Process.Kill()
		}
	})
}

// close takes down what is left, whatever has happened.
func (s *stage) close() error {
	if m := s.mounted.Load(); m != nil {
		if err := m.abandon(); err != nil {
			return err // removing would go through the mount
		}
	}
	mnt := filepath.Join(s.dir, "mnt")
	switch ok, err := isMounted(mnt); {
	case err != nil:
		return err
	case ok:
		return fmt.Errorf("%s is still mounted", mnt)
	}
	return os.RemoveAll(s.dir)
}

// run runs a command; s.out gets its output.
func (s *stage) run(ctx context.Context, words ...string) error {
	s.out.Reset()
	return execute(ctx, s.env, &s.out, words...)
}

// scp copies with scp; a name that begins with "remote:" is the server's.
func (s *stage) scp(ctx context.Context, from, to string) error {
	at := func(name string) string {
		if path, ok := strings.CutPrefix(name, "remote:"); ok {
			return "plain:" + path
		}
		return name
	}
	return s.run(ctx, s.tool.program, "-O", "-q", "-r", "-F", s.net.config, at(from), at(to))
}
