package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Two rows of workloads that have one.
var (
	someRow  = workloads()[1].steps[0].row
	otherRow = workloads()[3].steps[0].row
)

// seconds are samples of so many seconds.
func seconds(all ...float64) []sample {
	var samples []sample
	for _, s := range all {
		samples = append(samples, sample{Seconds: s})
	}
	return samples
}

// sampleReport has a result of every kind.
func sampleReport() *report {
	r := &report{Setting: newSetting(options{scale: 1})}
	r.begin(runInfo{Command: "make bench", Reps: 1, Versions: map[string]string{"scpfs": "1", "sshfs": "3"}})
	r.add([]result{
		{Row: someRow, Tool: "scpfs", RTT: 50, Share: 1, Samples: seconds(0.1, 0.2, 0.3)},
		{Row: someRow, Tool: "sshfs", RTT: 50, Share: 1. / 16, Samples: seconds(80)},
		{Row: someRow, Tool: "rclone", RTT: 50, Share: 1, Error: "no\nway"},
		{Row: otherRow, Tool: "scpfs", RTT: 50, Share: 1, Samples: seconds(2)},
		{Row: otherRow, Tool: "sshfs", RTT: 50, Share: 1, Error: errTooLong.Error(), Over: 600},
		{Row: otherRow, Tool: "scp", RTT: 50, Share: 1, Samples: seconds(1)},
		{Row: readLarge, Tool: "scpfs", RTT: 100, Share: 1, Samples: seconds(11)},
		{Row: readLarge, Tool: "scp", RTT: 100, Share: 1, Samples: seconds(10)},
	})
	return r
}

func TestSeconds(t *testing.T) {
	r := result{Samples: seconds(3, 1, 2, 9)}
	if got, want := r.seconds(), (spread{2.5, 1, 9}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestCommand(t *testing.T) {
	for want, args := range map[string][]string{
		"make bench":                                            nil,
		`make bench ARGS="-rtt 0,50 -tools=scp"`:                {"-rtt", "0,50", "-tools=scp"},
		`make bench ARGS="-readme ''"`:                          {"-readme", ""},
		`make bench ARGS="-workload '^(small files|tree)\$\$'"`: {"-workload", "^(small files|tree)$"},
	} {
		if got := command(args); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func expect(t *testing.T, got string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in:\n%s", want, got)
		}
	}
}

func TestMarkdown(t *testing.T) {
	expect(t, sampleReport().markdown(),
		"| | scpfs | sshfs | rclone | scp |\n",
		"| 200 ms (100 ms–300 ms) | ~80 s **×400** | failed | – |\n",
		"| 2 s | over 600 s **>×300** | – | 1 s **×0.5** |\n",
		"| read 256 MiB | 100 ms | scp of the same file | 1.1 |\n",
		"- rclone, 50 ms, "+someRow+": no\n",
	)
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
	if n := strings.Count(got, ">&gt;</text>"); n != 1 {
		t.Errorf("%d marks of what was ended, want 1", n)
	}
	a := axis{-1, 3}
	if l, r := a.x(0.1), a.x(1000); l != margin+labelWidth || r != margin+labelWidth+plotWidth {
		t.Errorf("the axis spans %v to %v", l, r)
	}
}

// A report on disk is added to by a run of the same setting, and shows which
// factors are of two runs.
func TestReportIsAddedTo(t *testing.T) {
	o := options{out: t.TempDir(), scale: 1, add: true}
	if err := sampleReport().save(o.out); err != nil {
		t.Fatal(err)
	}
	r, err := openReport(o)
	if err != nil {
		t.Fatal(err)
	}
	r.begin(runInfo{Command: "make bench again", Reps: 1, Versions: map[string]string{"sshfs": "4"}})
	r.add([]result{
		{Row: someRow, Tool: "sshfs", RTT: 50, Share: 1, Samples: seconds(40)},
		{Row: otherRow, Tool: "rclone", RTT: 50, Share: 1, Samples: seconds(4)},
	})
	if len(r.Runs) != 2 || len(r.Results) != 9 {
		t.Errorf("got %d runs, %d results, want 2 and 9", len(r.Runs), len(r.Results))
	}
	expect(t, r.markdown(), "40 s **×200†**", "4 s **×2†**", "1 s **×0.5** |")
	if !r.has([]string{someRow}, "sshfs", "4", 50, 1) || r.has([]string{someRow}, "sshfs", "3", 50, 1) ||
		r.has([]string{someRow}, "sshfs", "4", 50, 3) || r.has([]string{someRow}, "sshfs", "4", 10, 1) {
		t.Error("what is there is not told from what is not")
	}
	if err := r.render(o.out); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"README.md", "results.json", "rtt-50.svg", "rtt-100.svg"} {
		if _, err := os.Stat(filepath.Join(o.out, name)); err != nil {
			t.Error(err)
		}
	}
}

func TestReportOfAnotherSettingIsNotAddedTo(t *testing.T) {
	o := options{out: t.TempDir(), scale: 1, add: true}
	if err := sampleReport().save(o.out); err != nil {
		t.Fatal(err)
	}
	for _, other := range []options{
		{out: o.out, add: true, scale: 0.5},
		{out: o.out, resume: true, scale: 1, bandwidth: 1e6},
	} {
		if _, err := openReport(other); err == nil {
			t.Errorf("%+v was added", other)
		}
		other.add, other.resume, other.render = false, false, true
		if _, err := openReport(other); err != nil {
			t.Errorf("it cannot be shown either: %v", err)
		}
	}
}

func TestRunsOfWhichNothingIsLeftAreForgotten(t *testing.T) {
	r := sampleReport()
	for range 2 {
		r.begin(runInfo{Reps: 1})
	}
	r.add([]result{{Row: someRow, Tool: "sshfs", RTT: 50, Share: 1, Samples: seconds(1)}})
	r.prune()
	if len(r.Runs) != 2 || r.Results[1].Run != 1 || r.Results[0].Run != 0 {
		t.Errorf("got %d runs; results are of %d and %d", len(r.Runs), r.Results[0].Run, r.Results[1].Run)
	}
}

// The page names all runs, the section of one round-trip time those that it is of.
func TestOrigin(t *testing.T) {
	r := sampleReport()
	r.begin(runInfo{Command: "make bench at 100 ms", Reps: 1})
	r.add([]result{{Row: readLarge, Tool: "scp", RTT: 100, Share: 1, Samples: seconds(12)}})
	expect(t, r.page(), "    make bench\n", "    make bench at 100 ms\n")
	section := r.section(50, "docs")
	expect(t, section, "    make bench\n")
	if strings.Contains(section, "at 100 ms") {
		t.Errorf("a run of another round-trip time is named in:\n%s", section)
	}
}

func TestRenderReadme(t *testing.T) {
	page := filepath.Join(t.TempDir(), "README.md")
	out := filepath.Join(filepath.Dir(page), "docs/benchmark")
	show := func(text string) (string, error) {
		if err := os.WriteFile(page, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		err := sampleReport().renderReadme(page, out)
		got, rerr := os.ReadFile(page)
		return string(got), errors.Join(err, rerr)
	}
	got, err := show("before\n" + readmeBegin + "old\n" + readmeEnd + "after\n")
	if err != nil {
		t.Fatal(err)
	}
	expect(t, got, "before\n"+readmeBegin, "](docs/benchmark/rtt-50.svg)", "    make bench\n", "**×400**", readmeEnd+"after\n")
	if strings.Contains(got, "old") {
		t.Error("the old table is still there")
	}
	if got, err := show("no marks\n"); err != nil || got != "no marks\n" {
		t.Errorf("a page without marks: %q, %v", got, err)
	}
	if got, err := show("x\n" + readmeBegin); err == nil || got != "x\n"+readmeBegin {
		t.Errorf("a page with one mark: %q, %v", got, err)
	}
}
