package main

import (
	"fmt"
	"slices"
	"strings"
)

// page is the report as a page of its own.
func (r *report) page() string {
	var b strings.Builder
	b.WriteString("# Benchmark\n\n<!-- Written by make bench from results.json. -->\n\n")
	b.WriteString(introduction)
	b.WriteString(r.origin(func(result) bool { return true }))
	b.WriteString("The raw results, with round trips and bytes, are in [results.json](results.json).\n\n")
	b.WriteString(r.markdown())
	return b.String()
}

const introduction = `Seconds are the median of the repetitions, with the least and the most behind it. The
factor is that time divided by the one of scpfs: above 1, scpfs is faster. Every tool does the same work, in
turn, over the same link to the same machine, and all that it has read or written is compared byte for byte.
"Until the server has it" is looked for on the server. Unless a row says otherwise, the mount is new
and the cache directory is empty.

- **over 600 s**: the tool was ended then. The factor, with >, is the least that it can be. What would
  have come after it with the same mount was **not reached**.
- **~**: the tool was too slow for all of the work. It did two shares of it, and the time is extrapolated.
  That is an estimate: in a share nothing expires, and git uses fewer threads. With -budget 0 there is none.
- **†**: the two times are of different runs of the benchmark, so the factor is not to be relied on.

`

// origin is how those results came about that are shown.
func (r *report) origin(shown func(result) bool) string {
	var b strings.Builder
	for i, run := range r.Runs {
		if !slices.ContainsFunc(r.Results, func(m result) bool { return m.Run == i && shown(m) }) {
			continue
		}
		fmt.Fprintf(&b, "    %s\n\n%s; repetitions: %d", run.Command, run.Date.Format("2006-01-02 15:04 MST"), run.Reps)
		for _, name := range toolNames() {
			if version, ok := run.Versions[name]; ok && r.measuredIn(i, name) {
				fmt.Fprintf(&b, "; %s: %s", name, version)
			}
		}
		b.WriteString(".\n\n")
	}
	fmt.Fprintf(&b, "%s.\n\n", r.Setting)
	return b.String()
}

// measuredIn tells whether a run has something of a tool.
func (r *report) measuredIn(run int, tool string) bool {
	return slices.ContainsFunc(r.Results, func(m result) bool { return m.Run == run && m.Tool == tool })
}

// markdown is the tables, one for each round-trip time.
func (r *report) markdown() string {
	var b strings.Builder
	for _, rtt := range r.rtts() {
		fmt.Fprintf(&b, "## Round trip %g ms\n\n", rtt)
		if len(r.compared(rtt)) > 0 {
			fmt.Fprintf(&b, "![chart](%s)\n\n", chartName(rtt))
		}
		b.WriteString(r.table(rtt, r.others(rtt)))
		b.WriteString("\n")
	}
	b.WriteString(r.bounds())
	b.WriteString(r.behind())
	b.WriteString(r.mishaps())
	b.WriteString("## How they were run\n\n")
	for _, t := range tools("") {
		if slices.ContainsFunc(r.Results, func(m result) bool { return m.Tool == t.name }) {
			fmt.Fprintf(&b, "- %s: %s\n", t.name, t.about)
		}
	}
	return b.String()
}

// table is one round-trip time, scpfs beside others.
func (r *report) table(rtt float64, others []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| | %s |\n|---|---%s|\n",
		strings.Join(append([]string{"scpfs"}, others...), " | "), strings.Repeat("|---", len(others)))
	for _, row := range r.rows(rtt) {
		cells := []string{r.cell(row, "scpfs", rtt)}
		for _, name := range others {
			cells = append(cells, r.cell(row, name, rtt)+r.factor(row, name, rtt))
		}
		fmt.Fprintf(&b, "| %s | %s |\n", row, strings.Join(cells, " | "))
	}
	return b.String()
}

// cell is a time with its range.
func (r *report) cell(row, tool string, rtt float64) string {
	m, ok := r.find(row, tool, rtt)
	switch {
	case !ok:
		return "–"
	case m.Over > 0:
		return "over " + duration(m.Over)
	case m.Unreached:
		return "not reached"
	case !m.good():
		return "failed"
	}
	mark := ""
	if m.estimated() {
		mark = "~"
	}
	t := m.seconds()
	if len(m.Samples) == 1 {
		return mark + duration(t.median)
	}
	return fmt.Sprintf("%s%s (%s–%s)", mark, duration(t.median), duration(t.least), duration(t.most))
}

func (r *report) factor(row, tool string, rtt float64) string {
	if x, ok := r.ratio(row, tool, rtt); ok {
		return fmt.Sprintf(" **%s**", x)
	}
	return ""
}

// String is a factor as it stands in the table.
func (x ratio) String() string {
	text := "×" + digits(x.x)
	if x.atLeast {
		text = ">" + text
	}
	if x.apart {
		text += "†"
	}
	return text
}

// duration is seconds as people read them.
func duration(seconds float64) string {
	if seconds < 0.9995 { // what would not be shown as 1000 ms
		return digits(seconds*1000) + " ms"
	}
	return digits(seconds) + " s"
}

// digits keeps two or three of them.
func digits(x float64) string {
	switch {
	case x >= 99.5:
		return fmt.Sprintf("%.0f", x)
	case x >= 9.95:
		return fmt.Sprintf("%.3g", x)
	}
	return fmt.Sprintf("%.2g", x)
}
