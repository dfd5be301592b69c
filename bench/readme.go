package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The lines between which the table stands in a page that people write.
const (
	readmeBegin = "<!-- benchmark: written by make bench -->\n"
	readmeEnd   = "<!-- end of benchmark -->\n"
)

// readmeRTT is the round-trip time that the page shows, in milliseconds, if it
// was measured.
const readmeRTT = 50

// renderReadme writes the table and the chart of one round-trip time into a
// page, where it has the marks for them.
func (r *report) renderReadme(path, out string) error {
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(text), readmeBegin)
	_, after, ended := strings.Cut(rest, readmeEnd)
	rtts := r.rtts()
	switch {
	case !found && !strings.Contains(string(text), readmeEnd):
		return nil
	case !found || !ended:
		return fmt.Errorf("%s: of the marks %q and %q there is only one", path, strings.TrimSpace(readmeBegin), strings.TrimSpace(readmeEnd))
	case len(rtts) == 0:
		return nil
	}
	rtt := rtts[len(rtts)-1]
	if slices.Contains(rtts, readmeRTT) {
		rtt = readmeRTT
	}
	dir, err := filepath.Rel(filepath.Dir(path), out)
	if err != nil {
		return err
	}
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(before+readmeBegin+r.section(rtt, dir)+readmeEnd+after), st.Mode().Perm())
}

// section is what stands in the page; dir is where the rest is, seen from it.
func (r *report) section(rtt float64, dir string) string {
	var b strings.Builder
	if len(r.compared(rtt)) > 0 {
		fmt.Fprintf(&b, "![time divided by that of scpfs](%s/%s)\n\n", dir, chartName(rtt))
	}
	fmt.Fprintf(&b, "Round trip %g ms. The factor is the time divided by that of scpfs; > and ~ mark tools that did not finish, † other runs.\n\n", rtt)
	tools := append(r.compared(rtt), "scpfs")
	b.WriteString(r.table(rtt, r.compared(rtt)))
	b.WriteString("\nMeasured by:\n\n")
	b.WriteString(r.origin(func(m result) bool { return m.RTT == rtt && slices.Contains(tools, m.Tool) }))
	fmt.Fprintf(&b, "Other round-trip times, and how each tool was run: [%s](%s/README.md).\n", dir, dir)
	return b.String()
}
