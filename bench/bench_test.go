package main

import (
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestParseOptions(t *testing.T) {
	o, err := parseOptions([]string{"-rtt", "0,2.5", "-bandwidth", "100", "-tools", "scpfs,scp"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if want := []time.Duration{0, 2500 * time.Microsecond}; !slices.Equal(o.rtts, want) {
		t.Errorf("got round trips %v, want %v", o.rtts, want)
	}
	if o.bandwidth != 12_500_000 {
		t.Errorf("got %d bytes a second, want 12500000", o.bandwidth)
	}
}

func TestParseOptionsRefuses(t *testing.T) {
	for _, args := range [][]string{
		{"-rtt", "fast"}, {"-rtt", ""}, {"-rtt", "-5"}, {"-tools", "nfs"}, {"-reps", "0"}, {"-scale", "0"},
		{"-workload", "("}, {"-bandwidth", "-1"}, {"-timeout", "0s"}, {"-budget", "-1s"}, {"-scp-rtt", "slow"}, {"-render", "-add"}, {"extra"}, {"-unknown"},
	} {
		if _, err := parseOptions(args, io.Discard); err == nil {
			t.Errorf("%q was accepted", args)
		}
	}
	if _, err := parseOptions([]string{"-help"}, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-help: got %v", err)
	}
}

func TestVersionLine(t *testing.T) {
	for text, want := range map[string]string{
		"fusermount3 version: 3.14.0\nSSHFS version 3.7.3\n": "SSHFS version 3.7.3",
		"OpenSSH_9.2p1\n": "OpenSSH_9.2p1",
		"":                "",
	} {
		if got := versionLine(text, "sshfs"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestExtrapolate(t *testing.T) {
	// Two seconds, and a second for each tenth.
	if got := extrapolate(3, 0.1, 4, 0.2, 1); math.Abs(got-12) > 1e-9 {
		t.Errorf("got %v, want 12", got)
	}
	if got := extrapolate(4, 0.1, 3, 0.2, 1); got != 3 {
		t.Errorf("a time that does not grow: got %v, want 3", got)
	}
	if got := extrapolate(1, 0.1, 4, 0.2, 1); math.Abs(got-20) > 1e-9 {
		t.Errorf("a time that grows too fast: got %v, want 20", got)
	}
}

func TestSameTrees(t *testing.T) {
	f := &fixtures{dir: t.TempDir()}
	tree, err := f.tree(2, 4, 10, 2000)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(other, os.DirFS(tree)); err != nil {
		t.Fatal(err)
	}
	if err := sameTrees(other, tree, ""); err != nil {
		t.Errorf("a copy: %v", err)
	}
	if err := os.Mkdir(filepath.Join(other, "extra"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := sameTrees(other, tree, "extra"); err != nil {
		t.Errorf("a copy and what is left out: %v", err)
	}
	if sameTrees(other, tree, "") == nil {
		t.Error("an additional directory was not seen")
	}
}

func TestSameFilesSeesOneByte(t *testing.T) {
	dir := t.TempDir()
	data := make([]byte, 3<<20)
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	a := write("a", data)
	if err := sameFiles(write("same", data), a); err != nil {
		t.Error(err)
	}
	if sameFiles(write("shorter", data[1:]), a) == nil {
		t.Error("a shorter file was not seen")
	}
	data[len(data)-1] = 1
	if sameFiles(write("other", data), a) == nil {
		t.Error("a changed byte was not seen")
	}
}
