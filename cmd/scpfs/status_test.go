package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/scpfs/scpfs/control"
)

// TestStatusIsPrintable: nothing that a host, or a name of a file, has in it
// reaches a terminal as it is.
func TestStatusIsPrintable(t *testing.T) {
	evil := "a\x1b]0;x\a\nb\u202e"
	now := time.Now()
	var b bytes.Buffer
	printStatus(&b, control.Status{
		Source: evil, Mountpoint: evil, Since: now.Add(-time.Minute),
		Connection: control.Connection{State: "lost", Error: evil, Since: now},
		Cache:      control.CacheUse{Dir: evil},
		Unsent:     []control.Unsent{{Path: control.Name(evil), Error: evil, Local: evil, Since: now}},
		Conflicts:  []control.Conflict{{Kind: "conflict", Path: control.Name(evil), Copy: control.Name(evil), Time: now}},
	}, now)
	if strings.ContainsAny(b.String(), "\x1b\a\u202e") || strings.Contains(b.String(), "\nb") {
		t.Errorf("%q", b.String())
	}
	if n := strings.Count(b.String(), `a\x1b]0;x\a\nb\u202e`); n != 9 {
		t.Errorf("the name is there %d times:\n%s", n, b.String())
	}
	if !strings.Contains(b.String(), "mounted     for 1m0s") {
		t.Error(b.String())
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 5 << 20: "5.0 MiB", 1 << 62: "4.0 EiB"} {
		if got := size(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}

func TestBelow(t *testing.T) {
	m := control.Mount{Mountpoint: "/mnt/x"}
	for in, want := range map[string]string{"a/b": "a/b", "./a//b": "a/b", "/mnt/x/a": "a", "/mnt/y/../x/a": "a"} {
		if got, err := below(m, in); got != want || err != nil {
			t.Errorf("%s: got %q, %v", in, got, err)
		}
	}
	for _, in := range []string{"/mnt/x", "/mnt/xy/a", "/"} {
		if got, err := below(m, in); err == nil {
			t.Errorf("%s: got %q", in, got)
		}
	}
}

// TestCommandWords: what is mounted has a colon, so a word is no source.
func TestCommandWords(t *testing.T) {
	for _, args := range [][]string{{"status:", "/mnt"}, {"box:", "/mnt"}, {"-f", "status"}, {}} {
		if c, ok := commandOf(args); ok {
			t.Errorf("%q is taken for %s", args, c.name)
		}
	}
	if c, ok := commandOf([]string{"status", "/mnt"}); !ok || c.name != "status" {
		t.Errorf("got %+v", c)
	}
}

// TestConfirm: what cannot be taken back is asked, and no is the default.
func TestConfirm(t *testing.T) {
	for answer, want := range map[string]bool{"y\n": true, "Yes\n": true, "\n": false, "n\n": false, "": false, "yellow\n": false} {
		if got := agreed(strings.NewReader(answer)); got != want {
			t.Errorf("%q: got %v", answer, got)
		}
	}
}
