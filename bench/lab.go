package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A lab is what all measurements share: servers, tools, files.
type lab struct {
	o        options
	dir      string // holds everything
	env      []string
	hosts    *hosts
	tools    []tool
	versions map[string]string // of each tool
	fixtures *fixtures
	stages   int // so far
}

// newLab prepares everything that does not depend on the round-trip time.
func newLab(o options) (*lab, error) {
	if err := adopt(); err != nil {
		return nil, fmt.Errorf("become the parent of orphans: %w", err)
	}
	dir, err := os.MkdirTemp("", "scpfs-bench.")
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return nil, err
	}
	l := &lab{o: o, dir: dir, versions: map[string]string{}}
	if err := l.prepare(); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

func (l *lab) prepare() error {
	home, hostsDir := filepath.Join(l.dir, "home"), filepath.Join(l.dir, "hosts")
	l.env = environment(home)
	l.fixtures = &fixtures{dir: filepath.Join(l.dir, "fixtures"), env: l.env}
	for _, dir := range []string{home, hostsDir, l.fixtures.dir} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(home, ".gitconfig"), []byte(gitConfig), 0o600); err != nil {
		return err
	}
	if err := l.findTools(); err != nil {
		return err
	}
	var err error
	l.hosts, err = startHosts(hostsDir, home)
	return err
}

// environment is what every program runs with: nothing of the user's. Commits have a
// fixed date, so that their names, and what is done for these, are the same every time.
func environment(home string) []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "LC_ALL=C", "TZ=UTC", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_DATE=2025-01-01T00:00:00Z", "GIT_COMMITTER_DATE=2025-01-01T00:00:00Z",
	}
}

const gitConfig = `[user]
	name = bench
	email = bench@example.com
[safe]
	directory = *
[gc]
	auto = 0
[maintenance]
	auto = false
[init]
	defaultBranch = main
`

func (l *lab) findTools() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, t := range tools(l.o.scpfs) {
		if !slices.Contains(l.o.tools, t.name) {
			continue
		}
		version, err := t.find(ctx)
		if err != nil {
			return err
		}
		l.tools = append(l.tools, t)
		l.versions[t.name] = version
	}
	return nil
}

// close ends the servers and removes everything, unless it is in the way of a
// mount that could not be ended.
func (l *lab) close() error {
	if l.hosts != nil {
		l.hosts.stop()
	}
	err := expectNone()
	mounts, merr := mountsBelow(l.dir)
	if merr != nil || len(mounts) > 0 {
		return errors.Join(err, merr, fmt.Errorf("still mounted, and left: %s", strings.Join(mounts, " ")))
	}
	return errors.Join(err, os.RemoveAll(l.dir))
}

// progress tells whoever waits.
func progress(rtt time.Duration, tool, row, what string) {
	fmt.Fprintf(os.Stderr, "%5g ms  %-7s %-58s %s\n", milliseconds(rtt), tool, row, what)
}
