package main

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// chartName is the file of a chart.
func chartName(rtt float64) string { return fmt.Sprintf("rtt-%g.svg", rtt) }

// The measures of a chart, in its own units.
const (
	labelWidth = 400
	plotWidth  = 520
	rowHeight  = 24
	headHeight = 76
	footHeight = 64
	margin     = 20
)

// marks are the shapes and colours of the tools: told apart also by who sees
// no colours, and on light and dark ground.
var marks = map[string]string{
	"sshfs":           `<circle r="6" fill="#d9480f" stroke="#d9480f" stroke-width="1.5"/>`,
	"scpfs-writeback": `<circle r="6" fill="#2f9e44"/>`,
	"sshfs-tuned":     `<circle r="6" fill="none" stroke="#d9480f" stroke-width="1.5"/>`,
	"rclone":          `<rect x="-5.5" y="-5.5" width="11" height="11" fill="#1c7ed6" stroke="#1c7ed6" stroke-width="1.5"/>`,
	"scp":             `<path d="M0,-7 7,6 -7,6Z" fill="#2b8a3e" stroke="#2b8a3e" stroke-width="1.5"/>`,
}

const chartStyle = `<style>
.ground{fill:#fff}.ink{fill:#1f2328}.soft{fill:#59636e}.grid{stroke:#d1d9e0}.one{stroke:#1f2328}
text{font:13px sans-serif}.title{font-size:16px;font-weight:bold}.small{font-size:11px}
@media(prefers-color-scheme:dark){.ground{fill:#0d1117}.ink{fill:#f0f6fc}.soft{fill:#9198a1}.grid{stroke:#3d444d}.one{stroke:#f0f6fc}}
</style>
`

// chart draws how many times longer than scpfs the others take, on a
// logarithmic axis.
func (r *report) chart(rtt float64) string {
	rows := r.rows(rtt)
	a := r.axis(rtt)
	width, height := margin+labelWidth+plotWidth+margin*2, headHeight+rowHeight*len(rows)+footHeight
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">`+"\n",
		width, height, width, height)
	title := fmt.Sprintf("Time divided by that of scpfs, round trip %g ms", rtt)
	fmt.Fprintf(&b, "<title>%s</title>\n%s", title, chartStyle)
	fmt.Fprintf(&b, `<rect class="ground" width="%d" height="%d" rx="6"/>`+"\n", width, height)
	fmt.Fprintf(&b, `<text class="ink title" x="%d" y="28">%s</text>`+"\n", margin, title)
	r.legend(&b, rtt, headHeight+rowHeight*len(rows))
	a.draw(&b, len(rows))
	for i, row := range rows {
		r.chartRow(&b, a, row, rtt, headHeight+rowHeight*i+rowHeight/2)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// compared are the tools in a chart: those that do the same over the network.
func (r *report) compared(rtt float64) []string {
	var names []string
	for _, name := range r.others(rtt) {
		if marks[name] != "" {
			names = append(names, name)
		}
	}
	return names
}

// legend tells what the marks mean: the tools above, what qualifies them below.
func (r *report) legend(b *strings.Builder, rtt float64, bottom int) {
	x := margin + labelWidth
	for _, name := range r.compared(rtt) {
		fmt.Fprintf(b, `<g transform="translate(%d,52)">%s<text class="ink" x="12" y="5">%s</text></g>`+"\n", x, marks[name], name)
		x += 90
	}
	fmt.Fprintf(b, `<text class="soft small" x="%d" y="%d">right of 1, scpfs is faster; hollow: extrapolated; `+
		`&gt; at least, the tool was ended; † of another run</text>`+"\n", margin, bottom+44)
}

// chartRow draws a label and the marks of a row around the height y.
func (r *report) chartRow(b *strings.Builder, a axis, row string, rtt float64, y int) {
	fmt.Fprintf(b, `<text class="ink" x="%d" y="%d" text-anchor="end">%s</text>`+"\n",
		margin+labelWidth-14, y+5, html.EscapeString(row))
	for _, name := range r.compared(rtt) {
		x, ok := r.ratio(row, name, rtt)
		if !ok {
			continue
		}
		mark, beside := marks[name], ""
		if x.estimated {
			mark = `<g fill-opacity="0">` + mark + `</g>`
		}
		if x.atLeast {
			beside += ">"
		}
		if x.apart {
			beside += "†"
		}
		if beside != "" {
			beside = fmt.Sprintf(`<text class="ink" x="9" y="5">%s</text>`, html.EscapeString(beside))
		}
		fmt.Fprintf(b, `<g transform="translate(%.1f,%d)"><title>%s: %s %s</title>%s%s</g>`+"\n",
			a.x(x.x), y, html.EscapeString(row), name, html.EscapeString(x.String()), mark, beside)
	}
}

// An axis spans whole powers of ten.
type axis struct{ low, high int }

// axis is wide enough for all ratios of a chart, and for 1.
func (r *report) axis(rtt float64) axis {
	a := axis{0, 1}
	for _, row := range r.rows(rtt) {
		for _, name := range r.compared(rtt) {
			if x, ok := r.ratio(row, name, rtt); ok {
				a.low = min(a.low, int(math.Floor(math.Log10(x.x))))
				a.high = max(a.high, int(math.Ceil(math.Log10(x.x))))
			}
		}
	}
	return a
}

func (a axis) x(ratio float64) float64 {
	return margin + labelWidth + plotWidth*(math.Log10(ratio)-float64(a.low))/float64(a.high-a.low)
}

// draw draws the grid with its numbers.
func (a axis) draw(b *strings.Builder, rows int) {
	bottom := headHeight + rowHeight*rows
	for power := a.low; power <= a.high; power++ {
		value := math.Pow10(power)
		class := "grid"
		if power == 0 {
			class = "one"
		}
		fmt.Fprintf(b, `<line class="%s" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>`+"\n", class, a.x(value), a.x(value), headHeight, bottom)
		fmt.Fprintf(b, `<text class="soft" x="%.1f" y="%d" text-anchor="middle">%g</text>`+"\n", a.x(value), bottom+20, value)
	}
}
