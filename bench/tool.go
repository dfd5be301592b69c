package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A tool is something that is compared.
type tool struct {
	name    string
	program string                 // what has to be there
	version []string               // asks for its version
	server  string                 // which of hostNames it talks to; none if it is local
	mount   func(p place) []string // nil if it does not mount
	file    bool                   // it copies whole files and does not mount
	exact   bool                   // it does all of the work, however long that takes
	lazy    bool                   // its unmount does not wait for uploads
	asked   bool                   // it is measured only if it is asked for
	only    []string               // workloads; nil: all
	about   string                 // for the report
}

// A place is where a tool mounts what.
type place struct {
	net    *network
	remote string // directory on the server
	mnt    string
	cache  string // directory for the tool alone
}

// tools are all that can be compared. They run with their defaults, except for
// what is said in about.
func tools(scpfs string) []tool {
	return []tool{
		{
			name: "scpfs", program: scpfs, version: []string{scpfs, "--version"}, server: "plain", exact: true,
			about: "scpfs with its defaults, against a server without SFTP",
			mount: func(p place) []string {
				return []string{"-f", "-F", p.net.config, "-o", "cache_dir=" + p.cache, "plain:" + p.remote, p.mnt}
			},
		},
		{
			name: "scpfs-writeback", program: scpfs, version: []string{scpfs, "--version"}, server: "plain", exact: true,
			only:  []string{"saves", "unpack", "git status", "git clone"},
			about: "scpfs -o writeback, against a server without SFTP; unmounting waits until the server has everything",
			mount: func(p place) []string {
				return []string{"-f", "-F", p.net.config, "-o", "writeback,cache_dir=" + p.cache, "plain:" + p.remote, p.mnt}
			},
		},
		{
			name: "sshfs", program: "sshfs", version: []string{"sshfs", "--version"}, server: "sftp",
			about: "sshfs with its defaults, over SFTP",
			mount: func(p place) []string {
				return []string{"-f", "-F", p.net.config, "sftp:" + p.remote, p.mnt}
			},
		},
		{
			name: "sshfs-tuned", program: "sshfs", version: []string{"sshfs", "--version"}, server: "sftp", asked: true,
			about: "sshfs -o auto_cache,dcache_timeout=300, over SFTP (by default it fetches what it has read before at each open, and forgets listings after 20 seconds)",
			mount: func(p place) []string {
				return []string{"-f", "-F", p.net.config, "-o", "auto_cache,dcache_timeout=300", "sftp:" + p.remote, p.mnt}
			},
		},
		{
			name: "rclone", program: "rclone", version: []string{"rclone", "version"}, server: "sftp", lazy: true,
			about: "rclone mount --vfs-cache-mode full --vfs-fast-fingerprint --vfs-write-back 100ms --dir-cache-time 5m, over SFTP (by default it has the server compute a hash at each open, and waits 5 seconds before it uploads; with 0 it loses files that are renamed after close)",
			mount: func(p place) []string {
				return []string{
					"mount", "--config", p.net.rclone, "--cache-dir", p.cache,
					"--vfs-cache-mode", "full", "--vfs-fast-fingerprint", "--vfs-write-back", "100ms", "--dir-cache-time", "5m",
					"sftp:" + p.remote, p.mnt,
				}
			},
		},
		{
			name: "scp", program: "scp", version: []string{"ssh", "-V"}, server: "plain", file: true,
			about: "scp -O (-r), where copying whole files does the same",
		},
		{
			name: "local", program: "ls", version: []string{"ls", "--version"}, exact: true,
			about: "the same on the disk that holds the caches, without network or mount",
		},
	}
}

func toolNames() []string {
	var names []string
	for _, t := range tools("") {
		names = append(names, t.name)
	}
	return names
}

// usual are the tools that are measured if nothing is said.
func usual() []string {
	var names []string
	for _, t := range tools("") {
		if !t.asked {
			names = append(names, t.name)
		}
	}
	return names
}

// does tells whether the tool can do a step.
func (t tool) does(s step) bool { return !t.file || s.scp != nil }

// find looks for the tool's program and asks it for its version.
func (t *tool) find(ctx context.Context) (version string, err error) {
	if t.program, err = lookup(t.program); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, t.version[0], t.version[1:]...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w", cmd, err)
	}
	return versionLine(string(out), filepath.Base(t.program)), nil
}

// versionLine is the line that names the tool, or the first: libraries may tell
// theirs before.
func versionLine(text, name string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(strings.ToLower(line), name) {
			return strings.TrimSpace(line)
		}
	}
	first, _, _ := strings.Cut(text, "\n")
	return first
}

// A mounted is a mount that a tool serves.
type mounted struct {
	mnt     string
	process *process
}

// start mounts, and returns once the kernel has the mount.
func (t tool) start(ctx context.Context, env []string, p place) (*mounted, error) {
	if err := errors.Join(os.MkdirAll(p.mnt, 0o755), os.MkdirAll(p.cache, 0o700)); err != nil {
		return nil, err
	}
	words := append([]string{t.program}, t.mount(p)...)
	process, err := startProcess(env, filepath.Join(filepath.Dir(p.mnt), "log"), words...)
	if err != nil {
		return nil, err
	}
	m := &mounted{p.mnt, process}
	if err := awaitMount(ctx, m.mnt, process); err != nil {
		return nil, errors.Join(process.blame(err), m.abandon())
	}
	return m, nil
}

// unmount unmounts, and returns once the tool has ended, which it does when it
// has brought everything to the server.
func (m *mounted) unmount(ctx context.Context, env []string) error {
	if err := execute(ctx, env, nil, "fusermount3", "-u", m.mnt); err != nil {
		return err
	}
	if err := m.process.wait(ctx); err != nil {
		return m.process.blame(fmt.Errorf("after unmount: %w", err))
	}
	return nil
}

// abandon ends a mount the hard way: whoever waits in it gets an error.
func (m *mounted) abandon() error {
	m.process.kill()
	mounted, err := isMounted(m.mnt)
	if err != nil || !mounted {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return execute(ctx, os.Environ(), nil, "fusermount3", "-u", "-z", m.mnt)
}
