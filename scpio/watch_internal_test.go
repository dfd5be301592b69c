package scpio

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// FuzzWatch is a hostile host, or one with hostile names: what is told is about a
// directory, in one piece or byte by byte, and never more than what came.
func FuzzWatch(f *testing.F) {
	const marker = "SABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for _, seed := range []string{
		"/d/\x00f\x00/d\x00\x00", "Setting up watches.\nWatches established.\n/d/\x00a\nb\x00",
		marker + "\x00engine inotifywait\x00\n/d/\x00f\x00", marker + "\x00ready\x00\n", "/d\x00a/b\x00", "/x\n/etc\x00f\x00",
		"n\t/d\tf\nc\t/d\n", "n\t/d\ta\nb\n", "\n\n", "o\t/d\n", "Couldn't watch /x: No such file or directory\n", "S\n", "x\t\t\n",
		"/" + strings.Repeat("a", 20<<10),
	} {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, in string, lines bool) {
		whole := told(t, strings.NewReader(in), marker, lines)
		bytewise := told(t, iotest.OneByteReader(strings.NewReader(in)), marker, lines)
		if len(whole) != len(bytewise) {
			t.Fatalf("%+v, and byte by byte %+v", whole, bytewise)
		}
		for i := range whole {
			if whole[i] != bytewise[i] {
				t.Fatalf("%+v, and byte by byte %+v", whole[i], bytewise[i])
			}
			if ch := whole[i]; ch.dir == "" && ch.name != "" || strings.Contains(ch.name, "/") || !lines && ch.dir != "" && ch.dir[0] != '/' {
				t.Errorf("%+v", ch)
			}
		}
	})
}

// told reads all changes.
func told(t *testing.T, r io.Reader, marker string, lines bool) []change {
	c := newChanges(r, marker)
	c.lines = lines
	var all []change
	for {
		ch, err := c.next()
		if err != nil {
			return all
		}
		all = append(all, ch)
		if len(all) > 1<<20 {
			t.Fatal("it does not end")
		}
	}
}

// TestWatchParse: what the tools print, and what becomes of names that they
// print in a way that cannot be told from others.
func TestWatchParse(t *testing.T) {
	for _, tt := range []struct {
		in    string
		lines bool
		want  []change
	}{
		{"/d/\x00f\x00/\x00g\x00", false, []change{{dir: "/d", name: "f"}, {dir: "/", name: "g"}}},
		{"/d/\x00a\nb\x00/e\n/\x00\x00", false, []change{{dir: "/d", name: "a\nb"}, {dir: "/e\n"}}},
		{"Watches established.\n/d/\x00f\x00", false, []change{{text: "Watches established."}, {dir: "/d", name: "f"}}},
		{"M\x00ready\x00\n/d\x00f\x00", false, []change{{said: "ready"}, {}, {dir: "/d", name: "f"}}},
		{"n\t/d\tf\nM\x00ready\x00\nc\t/d\n", true, []change{{dir: "/d", name: "f"}, {said: "ready"}, {}, {dir: "/d"}}},
		{"n\t/d\ta\nb\nd\t/e\tx\ty\n", true, []change{{dir: "/d", name: "a"}, {dir: "/d"}, {dir: "/e", name: "x\ty"}}},
		{"no\t/d\tf\n", true, []change{{dir: "/d", name: "f", all: true}}},
	} {
		got := told(t, strings.NewReader(tt.in), "M", tt.lines)
		if len(got) != len(tt.want) {
			t.Errorf("%q: got %+v, want %+v", tt.in, got, tt.want)
			continue
		}
		for i := range got {
			if got[i] != tt.want[i] {
				t.Errorf("%q: got %+v, want %+v", tt.in, got[i], tt.want[i])
			}
		}
	}
}
