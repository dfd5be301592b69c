package e2e_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/scpfs/scpfs/scpio/scptest"
)

// hostileNames are names that shells, protocols and programs trip over: every
// byte that a name may have, the longest, and those that look like something
// else.
func hostileNames() []string {
	var all strings.Builder
	for b := 1; b < 256; b++ {
		if b != '/' {
			all.WriteByte(byte(b))
		}
	}
	names := []string{
		all.String(), strings.Repeat("n", 255), strings.Repeat("\n", 255), strings.Repeat("ä", 127),
		"-rf", "--", "-", "~", "~root", "*", "?", "[a]", "{a,b}", "!!", "$HOME", "$(touch oops)", "`touch oops`",
		"a b", " a", "a ", "a\tb", "a\nb", "\n", "\r", "a\\", "\\n", "'", "\"", "a'b\"c", ";", "&", "|", "<", ">", "#a", "(", ")",
		"...", "..a", ".hidden", "con", "C0644 5 x", "D0755 0 d", "E", "\x01", "\x02bad", "T1 0 1 0", "a:b", "host:path", "%s%n", "=",
		"\xff\xfe", "e\u0301", "\u00e9", "\u202e", "x\x7f", "\x1b[31m",
	}
	for b := 1; b < 256; b++ {
		if b != '/' && b != '.' {
			names = append(names, "b"+string([]byte{byte(b)}), string([]byte{byte(b)})+"e")
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// TestHostileNames: each name can be made, written, listed, renamed, linked
// and removed, on both kinds of host, and stays what it is.
func TestHostileNames(t *testing.T) {
	for _, host := range hosts {
		t.Run(host.name, func(t *testing.T) {
			t.Parallel()
			m := mountAt(t, scptest.Start(t, host.options...), mountOptions{})
			names := hostileNames()
			for i, name := range names {
				writeFile(t, m.there(name), fmt.Sprint("of the host ", i))
			}
			wantNames(t, m.Point, names)
			for i, name := range names {
				if len(name) == 2 && i%8 > 0 {
					continue // of those with one odd byte few: the first of all has each
				}
				wantFile(t, m.path(name), fmt.Sprint("of the host ", i))
				if len(name) != 2 {
					useName(t, m, name, fmt.Sprint("of ours ", i))
				}
			}
			wantNames(t, m.Remote, names)
		})
	}
}

// hosts are the kinds of remote side that most tests of names and attributes
// run against.
var hosts = []struct {
	name    string
	options []scptest.Option
}{
	{"gnu", nil},
	{"busybox", []scptest.Option{scptest.BusyboxOnly()}},
}

// useName does everything with one name, and leaves a file under it.
func useName(t *testing.T, m *mounted, name, data string) {
	t.Helper()
	steps := []func() error{
		func() error { return os.Remove(m.path(name)) },
		func() error { return os.WriteFile(m.path(name), []byte(data), 0o644) },
		func() error { return os.Rename(m.path(name), m.path("other")) },
		func() error { return os.Symlink(name, m.path(name)) },
		func() error { return os.Remove(m.path(name)) },
		func() error { return os.Mkdir(m.path(name), 0o755) },
		func() error { return os.Rename(m.path("other"), m.path(name, "x")) },
		func() error { return os.Rename(m.path(name, "x"), m.path("other")) },
		func() error { return os.Remove(m.path(name)) },
		func() error { return os.Link(m.path("other"), m.path(name)) },
		func() error { return os.Remove(m.path("other")) },
	}
	for i, step := range steps {
		if err := step(); err != nil {
			t.Errorf("%q, step %d: %v", name, i, err)
			return
		}
	}
	wantFile(t, m.there(name), data)
}

// wantNames compares the names in a directory.
func wantNames(t testing.TB, dir string, want []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%s has %d names %.1000q\nwant %d names %.1000q", dir, len(got), got, len(want), want)
	}
}

// TestBigDirectory lists 10,000 entries, makes some more and removes them all.
func TestBigDirectory(t *testing.T) {
	m := mountAt(t, scptest.Start(t), mountOptions{})
	mkdir(t, m.there("big"))
	shell(t, m.there("big"), "seq -f file-%05.0f 10000 | xargs touch")
	list := "ls -ln --time-style=full-iso big | grep -v ^total"
	if got, want := shell(t, m.Point, list), shell(t, m.Remote, list); got != want {
		t.Errorf("the listings differ: %d bytes, want %d", len(got), len(want))
	}
	shell(t, m.path("big"), "for i in $(seq 100); do echo $i >new-$i; done")
	if got := shell(t, m.Remote, "ls big | wc -l; cat big/new-* | wc -c"); got != "10100\n292\n" {
		t.Errorf("on the host: %q", got)
	}
	if got := shell(t, m.Point, "ls -U big | wc -l; find big -type f | wc -l"); got != "10100\n10100\n" {
		t.Errorf("here: %q", got)
	}
	shell(t, m.Point, "rm -r big/new-*")
	if got := shell(t, m.Remote, "ls big | wc -l"); got != "10000\n" {
		t.Errorf("on the host after rm: %q", got)
	}
}
