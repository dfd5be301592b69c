package main

import (
	"fmt"
	"strings"
)

// bounds puts scpfs beside what it cannot be much better than: scp where the
// link is all that counts, and the disk for what is in the cache.
func (r *report) bounds() string {
	var b strings.Builder
	for _, rtt := range r.rtts() {
		for _, c := range []struct{ row, tool, is string }{
			{readLarge, "scp", "scp of the same file"},
			{readAgain, "local", "the same read of a file on the file system of the cache"},
			{readThird, "local", "the same"},
		} {
			if x, ok := r.ratio(c.row, c.tool, rtt); ok {
				fmt.Fprintf(&b, "| %s | %g ms | %s | %s%s |\n", c.row, rtt, c.is, digits(1/x.x), apartMark(x))
			}
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return "## Times of scpfs as a multiple of what bounds them\n\n| | round trip | bound | multiple |\n|---|---|---|---|\n" +
		b.String() + "\n"
}

// behind puts what scpfs does in the background beside those who do it at once.
func (r *report) behind() string {
	var b strings.Builder
	for _, rtt := range r.rtts() {
		for _, row := range r.rows(rtt) {
			ours, ok := r.find(row, "scpfs-writeback", rtt)
			if !ok || !ours.good() {
				continue
			}
			for _, name := range []string{"sshfs", "rclone"} {
				if theirs, ok := r.find(row, name, rtt); ok && theirs.good() {
					fmt.Fprintf(&b, "| %s | %g ms | %s | %s |\n", row, rtt, name, digits(theirs.seconds().median/ours.seconds().median))
				}
			}
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return "## Times of others as a multiple of those of scpfs -o writeback\n\n| | round trip | other | multiple |\n|---|---|---|---|\n" +
		b.String() + "\n"
}

func apartMark(x ratio) string {
	if x.apart {
		return "†"
	}
	return ""
}

// mishaps tells why what failed has failed.
func (r *report) mishaps() string {
	var b strings.Builder
	for _, m := range r.Results {
		if m.Error == "" || m.Over > 0 || m.Unreached {
			continue
		}
		first, _, _ := strings.Cut(m.Error, "\n")
		fmt.Fprintf(&b, "- %s, %g ms, %s: %s\n", m.Tool, m.RTT, m.Row, first)
	}
	if b.Len() == 0 {
		return ""
	}
	return "## What failed\n\n" + b.String() + "\n"
}
