package main

import (
	"errors"
	"time"

	"github.com/scpfs/scpfs/mount"
)

// optionTable is every word of -o, grouped as the help shows it. Those without help
// stand in the lists below it.
var optionTable = []optionGroup{
	{"The remote side", []option{
		{"port", "N", "port of the SSH server, as -p", (*config).setPort},
		{"password_stdin", "", "read the password from standard input", set(func(c *config) *bool { return &c.PasswordStdin })},
		{"timeout", "TIME", "give up on a request that the host does not answer (30s)",
			store(parseDeadline, func(c *config) *time.Duration { return &c.Timeout })},
		{"reconnect", "", "connect again when the connection is lost (always on)", accept},
		{"KEY", "VALUE", "any option of ssh_config(5), such as IdentityFile=~/.ssh/key", nil},
	}},
	{"Access", []option{
		{"ro", "", "read only", func(c *config, _ string) error { c.Mount.ReadOnly = true; return nil }},
		{"rw", "", "read and write (default)", func(c *config, _ string) error { c.Mount.ReadOnly = false; return nil }},
		{"allow_other", "", "let every user of this machine in", set(func(c *config) *bool { return &c.Mount.AllowOther })},
		{"allow_root", "", "let root in besides the mounting user", set(func(c *config) *bool { return &c.Mount.AllowRoot })},
		{"default_permissions", "", "have the kernel check owners and modes", set(func(c *config) *bool { return &c.Mount.DefaultPermissions })},
		{"uid", "N", "show this user as the owner of everything", store(parseID, func(c *config) **uint32 { return &c.UID })},
		{"gid", "N", "show this group as the group of everything", store(parseID, func(c *config) **uint32 { return &c.GID })},
		{"umask", "OCTAL", "take these bits from all modes shown", store(parseMask, func(c *config) **uint32 { return &c.Umask })},
		{"idmap", "none|user", "user: show the remote user's files as the mounting user's (none)", applyIDMap},
		{"follow_symlinks", "", "show what symbolic links point to instead of the links", set(func(c *config) *bool { return &c.FollowSymlinks })},
	}},
	{"Cache", []option{
		{"cache_dir", "DIR", "where file contents are kept (below ~/.cache)", store(parseDir, func(c *config) *string { return &c.Cache.Dir })},
		{"cache_size", "SIZE", "most that they may take: bytes, with K, M, G or T, or percent of the disk",
			store(parseAmount, func(c *config) *amount { return &c.Cache.Size })},
		{"min_free", "SIZE", "least that stays free on that disk", store(parseAmount, func(c *config) *amount { return &c.Cache.MinFree })},
		{"cache_entries", "N", "most names of the host that are remembered, in 140 bytes each (250000)",
			store(parseCount, func(c *config) *int { return &c.Cache.Entries })},
		{"ahead_size", "SIZE", "most that is fetched of small files ahead of their reader (64M; 0: nothing)",
			store(parseSize, func(c *config) *int64 { return &c.Cache.AheadSize })},
		{"ahead_entries", "N", "most names and small files that are fetched ahead at a time (100000; 0: none)",
			store(parseCount, func(c *config) *int { return &c.Cache.AheadEntries })},
		{"writeback", "", "close returns when this machine has a change; the host is told in the background", set(func(c *config) *bool { return &c.WriteBack })},
		{"offline", "", "without the host: show what is known here, changes wait for the next mount", set(func(c *config) *bool { return &c.Offline })},
		{"conflict", "keep-both|local|remote|fail", "what to do with a file changed on both sides (keep-both)", applyConflict},
		{"cache_timeout", "TIME", "how long attributes, listings and link targets are believed (20s)", applyCacheTimeout},
		{"watch", "", "have the host tell of changes, or look for them there each second",
			set(func(c *config) *bool { return &c.Watch })},
		{"dcache_stat_timeout", "TIME", "of these, attributes", statTimeout},
		{"dcache_dir_timeout", "TIME", "of these, listings", dirTimeout},
		{"dcache_link_timeout", "TIME", "of these, link targets", linkTimeout},
		{"dir_cache", "yes|no", "no: believe none of them (yes)", applyDirCache},
		{"entry_timeout", "TIME", "how long the kernel believes a name (as long as scpfs)", kernelTimeout(func(c *config) **time.Duration { return &c.Mount.EntryTimeout })},
		{"attr_timeout", "TIME", "how long the kernel believes attributes (as long as scpfs)", kernelTimeout(func(c *config) **time.Duration { return &c.Mount.AttrTimeout })},
		{"negative_timeout", "TIME", "how long the kernel believes that none is there (as long as scpfs)", kernelTimeout(func(c *config) **time.Duration { return &c.Mount.NegativeTimeout })},
	}},
	{"The mount", []option{
		{"fsname", "NAME", "first column of the mount table ([user@]host:[dir])", store(parsePath, func(c *config) *string { return &c.Mount.FsName })},
		{"subtype", "NAME", "the type shown there, behind \"fuse.\" (scpfs)", store(parsePath, func(c *config) *string { return &c.Mount.Subtype })},
		{"auto_unmount", "", "unmount even when scpfs is killed", set(func(c *config) *bool { return &c.Mount.AutoUnmount })},
		{"passthrough", "yes|no", "no: the kernel asks scpfs for all that it reads (yes)", applyPassthrough},
		{"max_read", "BYTES", "largest read request of the kernel (1 MiB)", requestSize(func(c *config) *int { return &c.Mount.MaxRead })},
		{"max_write", "BYTES", "largest write request of the kernel (1 MiB)", requestSize(func(c *config) *int { return &c.Mount.MaxWrite })},
		{"max_background", "N", "read-ahead requests under way at a time", requestCount(func(c *config) *int { return &c.Mount.MaxBackground })},
		{"congestion_threshold", "N", "of these, from where the kernel slows down", requestCount(func(c *config) *int { return &c.Mount.CongestionThreshold })},
		{"debug", "", "log every request, as -d", set(func(c *config) *bool { return &c.Debug })},
	}},
}

// flagWords go to mount(2) as they are.
var flagWords = []string{
	"nosuid", "suid", "nodev", "dev", "noexec", "exec", "sync", "async", "dirsync",
	"atime", "noatime", "diratime", "nodiratime", "relatime", "norelatime", "strictatime",
}

// acceptedWords are in people's fstab and old command lines. They ask for what
// scpfs does anyway, or for what does not matter to it.
var acceptedWords = []string{
	"defaults", "auto", "noauto", "user", "nouser", "users", "nousers", "owner", "group", "_netdev", "nofail", "nonempty",
	"kernel_cache", "auto_cache", "big_writes", "large_read", "async_read", "clone_fd", "intr", "hard_remove",
	"use_ino", "readdir_ino", "noforget", "no_rofd_flush", "splice_read", "splice_write", "splice_move",
	"no_readahead", "sync_readdir", "sshfs_sync", "unreliable_append", "no_contain_symlinks", "silent", "loud",
}

// acceptedValues are the like with a value.
var acceptedValues = []string{
	"comment", "intr_signal", "workaround", "max_conns", "ssh_protocol", "max_readahead", "max_idle_threads", "max_threads",
	"remember", "blksize", "dcache_max_size", "cache_max_size", "dcache_clean_interval", "cache_clean_interval",
	"dcache_min_clean_interval", "cache_min_clean_interval", "ac_attr_timeout",
}

// unsupported are options of sshfs and FUSE that would change what scpfs does, and
// do not yet: ignoring them would be a surprise. A value says what to do instead.
var unsupported = []option{
	{name: "delay_connect", help: "leave it out: scpfs connects before it mounts"},
	{name: "no_reconnect", help: "leave it out: a lost connection is always made again"},
	{name: "no_check_root", help: "leave it out: the remote directory has to exist"},
	{name: "disable_hardlink", help: "leave it out"},
	{name: "transform_symlinks", help: "leave it out: link targets are shown as they are"},
	{name: "contain_symlinks", help: "leave it out: link targets are shown as they are"},
	{name: "direct_io", help: "leave it out"},
	{name: "sync_read", help: "leave it out"},
	{name: "writeback_cache", help: "leave it out"},
	{name: "passive", help: "scpfs makes its own connection"},
	{name: "slave", help: "scpfs makes its own connection"},
	{name: "ssh_command", value: "CMD", help: "scpfs has its own SSH client; ProxyCommand=CMD may do"},
	{name: "sftp_server", value: "PATH", help: "scpfs needs no SFTP server"},
	{name: "directport", value: "PORT", help: "scpfs speaks SSH only"},
	{name: "vsock", value: "CID:PORT", help: "scpfs speaks SSH over TCP only; ProxyCommand=CMD may do"},
	{name: "uidfile", value: "FILE", help: "use idmap=user, uid= or gid="},
	{name: "gidfile", value: "FILE", help: "use idmap=user, uid= or gid="},
	{name: "nomap", value: "HOW", help: "it goes with idmap=file; use idmap=user"},
	{name: "modules", value: "NAMES", help: "file names are taken as they are"},
	{name: "from_code", value: "CHARSET", help: "file names are taken as they are"},
	{name: "to_code", value: "CHARSET", help: "file names are taken as they are"},
	{name: "subdir", value: "DIR", help: "give the directory as host:DIR"},
}

// aliases are other spellings.
var aliases = map[string]string{
	"cache":              "dir_cache",
	"dcache_timeout":     "cache_timeout",
	"cache_stat_timeout": "dcache_stat_timeout",
	"cache_dir_timeout":  "dcache_dir_timeout",
	"cache_link_timeout": "dcache_link_timeout",
	"sshfs_debug":        "debug",
}

// options is the table by name.
var options = indexOptions()

func indexOptions() map[string]option {
	index := make(map[string]option)
	for _, group := range optionTable {
		for _, o := range group.options {
			if o.apply != nil {
				index[o.name] = o
			}
		}
	}
	for _, name := range flagWords {
		index[name] = option{name: name, apply: flagWord(name)}
	}
	for _, name := range acceptedWords {
		index[name] = option{name: name, apply: accept}
	}
	for _, name := range acceptedValues {
		index[name] = option{name: name, value: "VALUE", apply: accept}
	}
	for _, o := range unsupported {
		o.apply = refuse(o.help)
		index[o.name] = o
	}
	for name, other := range aliases {
		o := index[other]
		o.name = name
		index[name] = o
	}
	return index
}

func flagWord(name string) func(*config, string) error {
	return func(c *config, _ string) error {
		if mount.IsFlag(name) {
			c.Mount.Flags = append(c.Mount.Flags, name)
		}
		return nil
	}
}

func refuse(hint string) func(*config, string) error {
	return func(*config, string) error { return errors.New("not supported: " + hint) }
}
