package main

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// parse is parseArgs with a source and a mountpoint in front.
func parse(t *testing.T, args ...string) config {
	t.Helper()
	c, err := parseArgs("scpfs", append([]string{"host:", "/mnt"}, args...))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestOptionValues(t *testing.T) {
	tests := []struct {
		option string
		field  func(c config) any
		want   any
	}{
		{"port=2222", func(c config) any { return c.Port }, 2222},
		{"Port=2222", func(c config) any { return c.Port }, 2222},
		{"ro", func(c config) any { return c.Mount.ReadOnly }, true},
		{"ro,rw", func(c config) any { return c.Mount.ReadOnly }, false},
		{"allow_other", func(c config) any { return c.Mount.AllowOther }, true},
		{"allow_root", func(c config) any { return c.Mount.AllowRoot }, true},
		{"default_permissions", func(c config) any { return c.Mount.DefaultPermissions }, true},
		{"uid=1000", func(c config) any { return *c.UID }, uint32(1000)},
		{"gid=0", func(c config) any { return *c.GID }, uint32(0)},
		{"umask=022", func(c config) any { return *c.Umask }, uint32(0o22)},
		{"idmap=user", func(c config) any { return c.IDMap }, "user"},
		{"follow_symlinks", func(c config) any { return c.FollowSymlinks }, true},
		{"password_stdin", func(c config) any { return c.PasswordStdin }, true},
		{"timeout=5", func(c config) any { return c.Timeout }, 5 * time.Second},
		{"timeout=1m30s", func(c config) any { return c.Timeout }, 90 * time.Second},
		{"cache_dir=/a\\,b", func(c config) any { return c.Cache.Dir }, "/a,b"},
		{"cache_size=10G", func(c config) any { return c.Cache.Size }, amount{Bytes: 10 << 30}},
		{"cache_size=12.5%", func(c config) any { return c.Cache.Size }, amount{Percent: 12.5}},
		{"cache_entries=1000", func(c config) any { return c.Cache.Entries }, 1000},
		{"ahead_size=1M", func(c config) any { return c.Cache.AheadSize }, int64(1 << 20)},
		{"ahead_size=0", func(c config) any { return c.Cache.AheadSize }, int64(0)},
		{"ahead_entries=0", func(c config) any { return c.Cache.AheadEntries }, 0},
		{"min_free=512MiB", func(c config) any { return c.Cache.MinFree }, amount{Bytes: 512 << 20}},
		{"conflict=fail", func(c config) any { return c.Conflict }, "fail"},
		{"dcache_timeout=3", func(c config) any { return c.Cache.DirTimeout }, 3 * time.Second},
		{"cache_timeout=3,cache_stat_timeout=7", func(c config) any { return c.Cache.StatTimeout }, 7 * time.Second},
		{"dcache_link_timeout=0", func(c config) any { return c.Cache.LinkTimeout }, time.Duration(0)},
		{"cache=no", func(c config) any { return c.Cache.StatTimeout }, time.Duration(0)},
		{"dir_cache=yes", func(c config) any { return c.Cache.StatTimeout }, defaultCacheTimeout},
		{"attr_timeout=0.5", func(c config) any { return *c.Mount.AttrTimeout }, 500 * time.Millisecond},
		{"entry_timeout=2", func(c config) any { return *c.Mount.EntryTimeout }, 2 * time.Second},
		{"negative_timeout=0", func(c config) any { return *c.Mount.NegativeTimeout }, time.Duration(0)},
		{"fsname=x", func(c config) any { return c.Mount.FsName }, "x"},
		{"subtype=sshfs", func(c config) any { return c.Mount.Subtype }, "sshfs"},
		{"auto_unmount", func(c config) any { return c.Mount.AutoUnmount }, true},
		{"max_read=65536", func(c config) any { return c.Mount.MaxRead }, 65536},
		{"max_background=64", func(c config) any { return c.Mount.MaxBackground }, 64},
		{"sshfs_debug", func(c config) any { return c.Foreground && c.Mount.Debug }, true},
		{"noexec,noatime", func(c config) any { return c.Mount.Flags }, []string{"noexec", "noatime"}},
		{"identityfile=~/a,User=bob", func(c config) any { return c.SSHOptions }, []string{"IdentityFile=~/a", "User=bob"}},
		{"ProxyCommand=a\\,b \\\\ c=d", func(c config) any { return c.SSHOptions }, []string{`ProxyCommand=a,b \ c=d`}},
	}
	for _, tt := range tests {
		t.Run(tt.option, func(t *testing.T) {
			if got := tt.field(parse(t, "-o", tt.option)); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// TestRelativeDirs: what is named from where the program was started is found from elsewhere.
func TestRelativeDirs(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err == nil {
		err = os.MkdirAll(filepath.Join(dir, "mnt", "below"), 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string]string{".": dir, "mnt": "", "mnt/below": ""} {
		t.Chdir(filepath.Join(dir, at))
		if got := commandDir(filepath.Join(dir, "mnt")); got != want {
			t.Errorf("in %s a ProxyCommand runs in %q, want %q", at, got, want)
		}
	}
	t.Chdir(dir)
	if got, want := parse(t, "-o", "cache_dir=sub/../cache").Cache.Dir, filepath.Join(dir, "cache"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOptionErrors(t *testing.T) {
	tests := []struct{ option, want string }{
		{"cache_tiemout=3", `unknown option "cache_tiemout": did you mean "cache_timeout"?`},
		{"IdentitiFile=x", `unknown option "IdentitiFile": did you mean "IdentityFile"?`},
		{"zzzzzzzzzzzz", `unknown option "zzzzzzzzzzzz": scpfs -h lists them`},
		{"uid", `option "uid" needs a value: uid=N`},
		{"Ciphers", `option "Ciphers" needs a value: Ciphers=VALUE`},
		{"allow_other=yes", `option "allow_other" takes no value`},
		{"uid=bob", `option "uid": "bob" is not a numeric id`},
		{"gid=4294967295", "is not a numeric id"},
		{"umask=1000", "is no umask"},
		{"umask=8", "is no umask"},
		{"port=0", `option "port": port "0" is not a number from 1 to 65535`},
		{"timeout=-1", "out of range"},
		{"timeout=1e99", "out of range"},
		{"timeout=0", "more than 0"},
		{"timeout=NaN", "is no time"},
		{"timeout=soon", "give seconds"},
		{"cache_size=-1", "is no size"},
		{"ahead_size=10%", "is no size"},
		{"ahead_entries=-1", "is no number"},
		{"cache_size=9999999T", "is no size"},
		{"cache_size=0%", "is no size"},
		{"cache_size=NaN%", "is no size"},
		{"cache_dir=", "the path is empty"},
		{"conflict=mine", `"mine" is none of keep-both, local, remote, fail`},
		{"idmap=file", `"file" is none of none, user`},
		{"dir_cache=maybe", "none of yes, no"},
		{"max_read=1", "not a number from 4096"},
		{"delay_connect", `option "delay_connect": not supported: leave it out`},
		{"sftp_server=/x", "not supported: scpfs needs no SFTP server"},
	}
	for _, tt := range tests {
		t.Run(tt.option, func(t *testing.T) {
			_, err := parseArgs("scpfs", []string{"host:", "/mnt", "-o", tt.option})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestOldLines are options as they stand in people's fstab and scripts for sshfs.
func TestOldLines(t *testing.T) {
	for _, line := range []string{
		"defaults,_netdev,noauto,user,nofail,x-systemd.automount,x-gvfs-hide,comment=hello,users",
		"allow_other,default_permissions,reconnect,ServerAliveInterval=15,ServerAliveCountMax=3",
		"noatime,nodiratime,relatime,nodev,nosuid,noexec,async",
		"kernel_cache,auto_cache,big_writes,large_read,max_read=131072,max_write=131072,nonempty,intr,intr_signal=2",
		"workaround=rename:nodelaysrv,max_conns=4,no_readahead,sync_readdir,sshfs_sync,use_ino,readdir_ino,hard_remove",
		"cache=yes,compression=no,Ciphers=aes128-ctr,idmap=none,,",
		"StrictHostKeyChecking=accept-new,UserKnownHostsFile=/dev/null,PubkeyAcceptedAlgorithms=+ssh-rsa",
		"dcache_max_size=100000,dcache_clean_interval=60,cache_clean_interval=60,dcache_min_clean_interval=5",
	} {
		parse(t, "-o", line)
	}
}

func TestSplitOptions(t *testing.T) {
	tests := []struct {
		list string
		want []string
	}{
		{"", []string{""}},
		{"a,b", []string{"a", "b"}},
		{`a\,b,c`, []string{"a,b", "c"}},
		{`a\\,b`, []string{`a\`, "b"}},
		{`a\b\`, []string{`a\b\`}},
	}
	for _, tt := range tests {
		if got := splitOptions(tt.list); !slices.Equal(got, tt.want) {
			t.Errorf("%q: got %q, want %q", tt.list, got, tt.want)
		}
	}
}

// FuzzOptions: no list of options makes the parser panic or takes a value out of its range.
func FuzzOptions(f *testing.F) {
	f.Add(`ro,cache_size=10%,IdentityFile=a\,b,x-y,timeout=1.5`)
	f.Add(`uid=1,gid=2,umask=077,,=,a=b=c,\`)
	f.Add(`cache_size=9223372036854775807K,timeout=Inf,entry_timeout=9e18`)
	f.Fuzz(func(t *testing.T, list string) {
		c := defaultConfig()
		if err := c.applyOptions(list); err != nil {
			if err.Error() == "" {
				t.Error("an error without words")
			}
			return
		}
		if c.Timeout < 0 || c.Timeout > maxDuration || c.Cache.Size.Bytes < 0 || c.Port < 0 || c.Port > 65535 {
			t.Errorf("%q: out of range: %+v", list, c)
		}
	})
}
