package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/scpfs/scpfs/mount"
)

// config is what the command line asks for.
type config struct {
	Source     string // as given: [user@]host:[dir]
	User       string // empty: from the ssh configuration, or the local name
	Host       string
	Dir        string // empty: the home directory; relative: below it
	Mountpoint string

	Port       int      // 0: from the ssh configuration
	SSHConfig  string   // empty: the usual places
	SSHOptions []string // Key=Value, in the words of ssh_config(5)

	Foreground bool
	Debug      bool
	Verbose    bool
	Help       bool
	Version    bool
	Fake       bool // mount -f: do everything but mount

	Mount mount.Options
	Cache cacheConfig

	PasswordStdin  bool
	FollowSymlinks bool
	Passthrough    bool
	WriteBack      bool
	Offline        bool
	Watch          bool
	IDMap          string  // "none" or "user"
	UID, GID       *uint32 // shown as the owner of everything, unless nil
	Umask          *uint32 // taken from the modes shown, unless nil
	Timeout        time.Duration
	Conflict       string // one of the conflict words

	// Notes are about options that are accepted and have no effect, for the debug log.
	Notes []string
}

// cacheConfig says what is kept of the remote side, where and for how long.
type cacheConfig struct {
	Dir     string // empty: below the user's cache directory
	Size    amount // most that file contents may take; zero: the cache's default
	MinFree amount // least that stays free on that disk; zero: the cache's default
	Entries int    // names remembered; zero: the cache's default

	// What is fetched ahead at a time; zero: nothing.
	AheadSize    int64
	AheadEntries int

	// How long attributes, directory listings and link targets are believed.
	StatTimeout, DirTimeout, LinkTimeout time.Duration
}

// What happens to a file that has changed on both sides.
const (
	conflictKeepBoth = "keep-both"
	conflictLocal    = "local"
	conflictRemote   = "remote"
	conflictFail     = "fail"
)

const (
	defaultCacheTimeout = 20 * time.Second
	defaultTimeout      = 30 * time.Second
)

// defaultConfig is what holds where the command line says nothing.
func defaultConfig() config {
	return config{
		IDMap:    "none",
		Timeout:  defaultTimeout,
		Conflict: conflictKeepBoth,

		Passthrough: true,

		Cache: cacheConfig{
			StatTimeout: defaultCacheTimeout,
			DirTimeout:  defaultCacheTimeout,
			LinkTimeout: defaultCacheTimeout,

			AheadSize:    64 << 20,
			AheadEntries: 100_000,
		},
	}
}

// option is a word of -o. The table of them is all there is: parsing, the help text
// and docs/options.md come from it.
type option struct {
	name  string
	value string // what stands behind "name=" in the help; empty: takes no value
	help  string // empty: known from sshfs, mount(8) or fuse(8), and not listed
	// apply puts the value into the configuration.
	apply func(c *config, value string) error
}

func (o option) usage() string {
	if o.value == "" {
		return o.name
	}
	return o.name + "=" + o.value
}

// applyOptions applies one argument of -o: words separated by commas.
func (c *config) applyOptions(list string) error {
	for _, word := range splitOptions(list) {
		if word == "" {
			continue // "defaults,,ro" is common in fstab
		}
		if err := c.applyOption(word); err != nil {
			return err
		}
	}
	return nil
}

func (c *config) applyOption(word string) error {
	name, value, hasValue := strings.Cut(word, "=")
	if strings.HasPrefix(name, "x-") {
		return nil // fstab comments for mount(8), systemd, desktop programs
	}
	o, known := options[name]
	if known && hasValue == (o.value != "") {
		if err := o.apply(c, value); err != nil {
			return fmt.Errorf("option %q: %w", name, err)
		}
		return nil
	}
	if key, ok := sshKeyword(name); ok {
		return c.applySSH(key, value)
	}
	if known && hasValue {
		return fmt.Errorf("option %q takes no value", name)
	}
	if known {
		return fmt.Errorf("option %q needs a value: %s", name, o.usage())
	}
	return unknownOption(name)
}

// applySSH takes an option of the OpenSSH client.
func (c *config) applySSH(key, value string) error {
	if value == "" {
		return fmt.Errorf("option %q needs a value: %s=VALUE", key, key)
	}
	if key == "Port" {
		return c.setPort(value)
	}
	c.SSHOptions = append(c.SSHOptions, key+"="+value)
	return nil
}

func unknownOption(name string) error {
	if near, ok := nearest(name, knownWords()); ok {
		return fmt.Errorf("unknown option %q: did you mean %q?", name, near)
	}
	return fmt.Errorf("unknown option %q: scpfs -h lists them", name)
}

// splitOptions splits at commas; a backslash makes a comma, or a backslash, part of
// the value.
func splitOptions(list string) []string {
	var words []string
	var word strings.Builder
	for i := 0; i < len(list); i++ {
		escaped := list[i] == '\\' && i+1 < len(list) && (list[i+1] == ',' || list[i+1] == '\\')
		switch {
		case escaped:
			i++
			word.WriteByte(list[i])
		case list[i] == ',':
			words = append(words, word.String())
			word.Reset()
		default:
			word.WriteByte(list[i])
		}
	}
	return append(words, word.String())
}
