package main

import (
	"fmt"
	"math"
	"strings"
)

// page is the report as a page of its own.
func (r *report) page() string {
	var b strings.Builder
	b.WriteString("# Benchmark\n\n<!-- Written by make bench. -->\n\n")
	b.WriteString(introduction)
	for _, run := range r.Runs {
		b.WriteString(run.markdown())
	}
	b.WriteString("\nThe raw results are in [results.json](results.json).\n\n")
	b.WriteString(r.markdown())
	return b.String()
}

const introduction = `Seconds are the median of several repetitions, with the least and the most behind it. The
factor is that time divided by the one of scpfs: above 1, scpfs is faster. Every tool does the same work, in
turn, over the same link, and all that it has read or written is compared byte for byte. A time
marked ~ is extrapolated: the tool was too slow for all of the work, and did two shares of it. "Cold", that is
unless said otherwise, means an empty cache directory and a new mount.

`

func (run runInfo) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "    %s\n\n", run.Command)
	fmt.Fprintf(&b, "%s; %s; %s; repetitions: %d", run.Date.Format("2006-01-02"), run.Machine, run.Network, run.Reps)
	if run.Scale != 1 {
		fmt.Fprintf(&b, "; all numbers of files and sizes are %g times those in the table", run.Scale)
	}
	fmt.Fprintf(&b, ".\n%s.\n\n", strings.Join(run.Versions, "; "))
	return b.String()
}

// markdown is the tables, one for each round-trip time.
func (r *report) markdown() string {
	var b strings.Builder
	for _, rtt := range r.rtts() {
		fmt.Fprintf(&b, "## Round trip %g ms\n\n![chart](%s)\n\n", rtt, chartName(rtt))
		r.table(&b, rtt)
		b.WriteString("\n")
	}
	b.WriteString("How they were run:\n\n")
	for _, t := range tools("") {
		fmt.Fprintf(&b, "- %s: %s\n", t.name, t.about)
	}
	return b.String()
}

func (r *report) table(b *strings.Builder, rtt float64) {
	others := r.others(rtt)
	fmt.Fprintf(b, "| | scpfs | %s |\n|---|---%s|\n", strings.Join(others, " | "), strings.Repeat("|---", len(others)))
	for _, row := range r.rows(rtt) {
		cells := []string{r.cell(row, "scpfs", rtt)}
		for _, name := range others {
			cells = append(cells, r.cell(row, name, rtt)+r.factor(row, name, rtt))
		}
		fmt.Fprintf(b, "| %s | %s |\n", row, strings.Join(cells, " | "))
	}
}

// cell is a time with its range.
func (r *report) cell(row, tool string, rtt float64) string {
	m, ok := r.find(row, tool, rtt)
	switch {
	case !ok:
		return "–"
	case !m.good():
		return "failed"
	}
	mark := ""
	if m.estimated() {
		mark = "~"
	}
	median, least, most := m.seconds()
	if len(m.Samples) == 1 {
		return mark + duration(median)
	}
	return fmt.Sprintf("%s%s (%s–%s)", mark, duration(median), duration(least), duration(most))
}

func (r *report) factor(row, tool string, rtt float64) string {
	ratio, _ := r.ratio(row, tool, rtt)
	if math.IsNaN(ratio) {
		return ""
	}
	return fmt.Sprintf(" **×%s**", digits(ratio))
}

// duration is seconds as people read them.
func duration(seconds float64) string {
	if seconds < 1 {
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
