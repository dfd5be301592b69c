package main

import (
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
		{"-workload", "("}, {"-bandwidth", "-1"}, {"-timeout", "0s"}, {"-budget", "-1s"}, {"extra"}, {"-unknown"},
	} {
		if _, err := parseOptions(args, io.Discard); err == nil {
			t.Errorf("%q was accepted", args)
		}
	}
	if _, err := parseOptions([]string{"-help"}, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-help: got %v", err)
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

func TestSeconds(t *testing.T) {
	r := result{Samples: []sample{{Seconds: 3}, {Seconds: 1}, {Seconds: 2}, {Seconds: 9}}}
	if median, least, most := r.seconds(); median != 2.5 || least != 1 || most != 9 {
		t.Errorf("got %v, %v, %v, want 2.5, 1, 9", median, least, most)
	}
}

func TestMerge(t *testing.T) {
	old := []result{{Row: "a", Tool: "scpfs", RTT: 10, Share: 1}, {Row: "a", Tool: "scpfs", RTT: 50, Share: 1}}
	got := merge(old, []result{{Row: "a", Tool: "scpfs", RTT: 50, Share: 0.5}, {Row: "b", Tool: "scpfs", RTT: 50}})
	if len(got) != 3 || got[1].Share != 0.5 || got[2].Row != "b" {
		t.Errorf("got %+v", got)
	}
}

// sampleReport has a result of every kind.
func sampleReport() *report {
	row := workloads()[1].steps[0].row
	other := workloads()[3].steps[0].row
	return newReport(options{reps: 1, scale: 1}, nil, []result{
		{Row: row, Tool: "scpfs", RTT: 50, Share: 1, Samples: []sample{{Seconds: 0.1}, {Seconds: 0.2}, {Seconds: 0.3}}},
		{Row: row, Tool: "sshfs", RTT: 50, Share: 1. / 16, Samples: []sample{{Seconds: 80}}},
		{Row: row, Tool: "rclone", RTT: 50, Share: 1, Error: "no"},
		{Row: other, Tool: "scpfs", RTT: 50, Share: 1, Samples: []sample{{Seconds: 2}}},
		{Row: other, Tool: "scp", RTT: 50, Share: 1, Samples: []sample{{Seconds: 1}}},
	})
}

func TestMarkdown(t *testing.T) {
	got := sampleReport().markdown()
	for _, want := range []string{
		"| | scpfs | sshfs | rclone | scp |\n",
		"| 200 ms (100 ms–300 ms) | ~80 s **×400** | failed | – |\n",
		"| 2 s | – | – | 1 s **×0.5** |\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in:\n%s", want, got)
		}
	}
}

func TestChart(t *testing.T) {
	got := sampleReport().chart(50)
	d := xml.NewDecoder(strings.NewReader(got))
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in:\n%s", err, got)
		}
	}
	if n := strings.Count(got, "fill-opacity"); n != 1 {
		t.Errorf("%d extrapolated marks, want 1", n)
	}
	a := axis{-1, 3}
	if l, r := a.x(0.1), a.x(1000); l != margin+labelWidth || r != margin+labelWidth+plotWidth {
		t.Errorf("the axis spans %v to %v", l, r)
	}
}

func TestReportIsAddedTo(t *testing.T) {
	dir := t.TempDir()
	if err := sampleReport().write(dir); err != nil {
		t.Fatal(err)
	}
	more := newReport(options{reps: 1, scale: 1, add: true}, nil, []result{
		{Row: workloads()[0].steps[0].row, Tool: "scpfs", RTT: 0, Share: 1, Samples: []sample{{Seconds: 1}}},
	})
	if err := more.write(dir); err != nil {
		t.Fatal(err)
	}
	if len(more.Runs) != 2 || len(more.Results) != 6 {
		t.Errorf("got %d runs, %d results, want 2 and 6", len(more.Runs), len(more.Results))
	}
	for _, name := range []string{"README.md", "results.json", "rtt-0.svg", "rtt-50.svg"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

func TestLimitsCoverAllRows(t *testing.T) {
	var rows []string
	for _, w := range workloads() {
		for _, s := range w.steps {
			rows = append(rows, s.row)
			if _, ok := limits[s.row]; !ok {
				t.Errorf("no limit for %q", s.row)
			}
		}
	}
	if len(limits) != len(rows) {
		t.Errorf("%d limits for %d rows", len(limits), len(rows))
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
