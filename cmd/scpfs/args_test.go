package main

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestSource(t *testing.T) {
	tests := []struct{ source, user, host, dir string }{
		{"host:", "", "host", ""},
		{"host:dir/sub", "", "host", "dir/sub"},
		{"me@host:/", "me", "host", "/"},
		{"me@corp@host:/a:b@c", "me@corp", "host", "/a:b@c"},
		{`CORP\alice@host:`, `CORP\alice`, "host", ""},
		{"[::1]:dir", "", "::1", "dir"},
		{"me@[fe80::1%eth0]:/x", "me", "fe80::1%eth0", "/x"},
		{"host:[x]:y", "", "host", "[x]:y"},
		{"host:a\nb", "", "host", "a\nb"},
	}
	for _, tt := range tests {
		c, err := parseArgs("scpfs", []string{tt.source, "/mnt"})
		if err != nil {
			t.Errorf("%q: %v", tt.source, err)
		}
		if c.User != tt.user || c.Host != tt.host || c.Dir != tt.dir || c.Mount.FsName != tt.source {
			t.Errorf("%q: got %q %q %q, fsname %q", tt.source, c.User, c.Host, c.Dir, c.Mount.FsName)
		}
	}
}

func TestSourceErrors(t *testing.T) {
	tests := []struct{ source, want string }{
		{"host", "has no colon"},
		{"[::1]", "has no colon"},
		{":dir", "the host is missing"},
		{"me@:dir", "the host is missing"},
		{"@host:dir", "has no user"},
		{"[]:dir", "the host is missing"},
		{"-oProxyCommand=x@host:", `invalid user "-oProxyCommand=x": it begins with a dash`},
		{"me@-host:", `invalid host "-host": it begins with a dash`},
		{"ho st:", "it has the character \" \""},
		{"$(id):", "it has the character \"$\""},
		{"a\x00b:", "invalid host"},
		{`me\@host:`, `invalid user "me\\"`},
		{"host:a\x00b", "NUL"},
	}
	for _, tt := range tests {
		_, err := parseArgs("scpfs", []string{"--", tt.source, "/mnt"})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: got %v, want %q", tt.source, err, tt.want)
		}
	}
}

// TestOrder: flags may stand anywhere, with their value attached or not.
func TestOrder(t *testing.T) {
	for _, line := range []string{
		"-f -p 22 -F cfg -o ro,uid=1 -C host:d /mnt",
		"host:d -fCoro,uid=1 -p22 /mnt -Fcfg",
		"host:d /mnt -ouid=1 -oro -p 22 -F cfg -s -f -C",
		"-f -C -o ro -o uid=1 -Fcfg -p22 -- host:d /mnt",
	} {
		c, err := parseArgs("scpfs", strings.Fields(line))
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		ok := c.Foreground && c.Port == 22 && c.SSHConfig == "cfg" && c.Mount.ReadOnly && c.UID != nil &&
			c.Host == "host" && c.Dir == "d" && c.Mountpoint == "/mnt" &&
			slices.Equal(c.SSHOptions, []string{"Compression=yes"})
		if !ok {
			t.Errorf("%s: got %+v", line, c)
		}
	}
}

func TestHelperOfMount(t *testing.T) {
	args := strings.Fields("host:d /mnt -o rw,noexec -n -s -v -t fuse.scpfs -N /proc/1/ns/mnt")
	c, err := parseArgs("/sbin/mount.scpfs", args)
	if err != nil || c.Fake || c.Foreground {
		t.Errorf("got %+v, %v", c, err)
	}
	if c, err = parseArgs("mount.fuse.scpfs", append(args, "-f")); err != nil || !c.Fake || c.Foreground {
		t.Errorf("with -f: got %+v, %v", c, err)
	}
}

func TestFlagErrors(t *testing.T) {
	tests := []struct{ line, want string }{
		{"", "what to mount is missing"},
		{"host:", "the mountpoint is missing"},
		{"host: /mnt x", `one argument too many: "x"`},
		{"host: /mnt -Z", "unknown shorthand flag: 'Z' in -Z: scpfs -h lists the flags"},
		{"host: /mnt -p", "needs an argument"},
		{"host: /mnt -p 70000", `port "70000" is not a number`},
		{"host: /mnt -o nope", `unknown option "nope"`},
	}
	for _, tt := range tests {
		_, err := parseArgs("scpfs", strings.Fields(tt.line))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: got %v, want %q", tt.line, err, tt.want)
		}
	}
	if _, err := parseArgs("scpfs", []string{"host:", ""}); err == nil {
		t.Error("an empty mountpoint is taken")
	}
}

func TestHelpNeedsNothingElse(t *testing.T) {
	for _, arg := range []string{"-h", "--help", "-V", "--version"} {
		c, err := parseArgs("scpfs", []string{arg})
		if err != nil || !c.Help && !c.Version {
			t.Errorf("%s: %+v, %v", arg, c, err)
		}
	}
}

// failWriter fails at once.
type failWriter struct{}

func (failWriter) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestHelpReportsItsWriter(t *testing.T) {
	if writeHelp(failWriter{}) == nil {
		t.Error("no error")
	}
}
