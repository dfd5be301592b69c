package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/scpfs/scpfs/cache"
	"github.com/scpfs/scpfs/scpio/sshdial"
)

// cacheOptions are those of the command line, with defaults that depend on
// the local disk.
func cacheOptions(cfg config, ssh *sshdial.Config, host facts, log *slog.Logger) (cache.Options, error) {
	dir := cacheDir(cfg)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return cache.Options{}, fmt.Errorf("make the cache directory: %w", err)
	}
	total, free, err := diskSpace(dir)
	if err != nil {
		return cache.Options{}, fmt.Errorf("look at the disk of the cache: %w", err)
	}
	hostname, err := os.Hostname()
	if err != nil {
		hostname = "unknown"
	}
	return cache.Options{
		Dir:      filepath.Join(dir, hostID(ssh, host.Root)),
		Size:     cfg.Cache.Size.of(total, min(10<<30, free/10)),
		MinFree:  cfg.Cache.MinFree.of(total, min(1<<30, total/20)),
		Timeouts: cache.Timeouts{Stat: cfg.Cache.StatTimeout, Dir: cfg.Cache.DirTimeout, Link: cfg.Cache.LinkTimeout},
		Entries:  cfg.Cache.Entries,
		Ahead:    cache.AheadLimits{Bytes: cfg.Cache.AheadSize, Entries: cfg.Cache.AheadEntries},
		Conflict: policies[cfg.Conflict], WriteBack: cfg.WriteBack,
		UID: host.UID, GID: host.GID, Groups: host.Groups,
		Watched:  cfg.Watch,
		View:     viewOf(cfg),
		Hostname: hostname,
		Logger:   log,
	}, nil
}

// viewOf tells mounts apart that show the same directory in other ways.
func viewOf(cfg config) string {
	if cfg.FollowSymlinks {
		return "symbolic links followed"
	}
	return ""
}

var policies = map[string]cache.Policy{
	conflictKeepBoth: cache.KeepBoth,
	conflictLocal:    cache.Local,
	conflictRemote:   cache.Theirs,
	conflictFail:     cache.Fail,
}

// of is an amount in bytes, of a disk, or else what is given.
func (a amount) of(disk, otherwise int64) int64 {
	switch {
	case a.Percent > 0:
		return int64(float64(disk) / 100 * float64(a.Percent))
	case a.Bytes > 0:
		return a.Bytes
	}
	return otherwise
}

// cacheDir is where the caches of all hosts are.
func cacheDir(cfg config) string {
	if cfg.Cache.Dir != "" {
		return cfg.Cache.Dir
	}
	return defaultCacheDir()
}

// defaultCacheDir is below the user's cache directory, or the machine's for
// those who have none, such as the root of a boot.
func defaultCacheDir() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = "/var/cache"
	}
	return filepath.Join(dir, "scpfs")
}

// hostID names the cache of a directory of an account on a host. What waits in it
// is sent to that host, so two that are not the same must not share one: an address
// behind two bastions is two hosts, unless HostKeyAlias says which host it is.
func hostID(ssh *sshdial.Config, root string) string {
	id := fmt.Appendf(nil, "%s\x00%s\x00%d\x00%s", ssh.User, ssh.HostName, ssh.Port, root)
	switch way := ssh.ProxyJump + "\x00" + ssh.ProxyCommand; {
	case ssh.HostKeyAlias != "":
		id = fmt.Appendf(id, "\x00alias %s", ssh.HostKeyAlias)
	case way != "\x00":
		id = fmt.Appendf(id, "\x00through %s", way)
	}
	sum := sha256.Sum256(id)
	readable := strings.Map(func(r rune) rune {
		if r == '.' || r == '-' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return '_'
	}, ssh.HostName)
	return strings.TrimLeft(readable[:min(len(readable), 64)], ".") + "-" + hex.EncodeToString(sum[:8])
}

func diskSpace(dir string) (total, free int64, err error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, 0, err
	}
	return int64(st.Blocks) * st.Bsize, int64(st.Bavail) * st.Bsize, nil
}
