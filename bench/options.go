package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
)

// options are the command line.
type options struct {
	args      []string // as given
	rtts      []time.Duration
	bandwidth int64 // bytes a second, 0 is unlimited
	workload  *regexp.Regexp
	tools     []string
	reps      int
	scale     float64
	timeout   time.Duration
	budget    time.Duration
	scpRTTs   []time.Duration
	out       string
	readme    string
	add       bool
	resume    bool
	render    bool
	short     bool
	scpfs     string
}

const usage = `usage: bench [flags]

Times scpfs, sshfs, rclone mount, scp and the local disk at the same work over the
same link, and writes a table, charts and raw results.

`

// parseOptions reads the command line; help goes to w.
func parseOptions(args []string, w io.Writer) (options, error) {
	o := options{args: args}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(w)
	f.Usage = func() { fmt.Fprint(w, usage); f.PrintDefaults() }
	rtts := f.String("rtt", "0,10,50,150", "round-trip times in `ms`, separated by commas")
	scpRTTs := f.String("scp-rtt", "100", "the same, at which only 256 MiB are copied, by scpfs and scp; may be empty")
	mbits := f.Float64("bandwidth", 0, "of the link, each way, in `Mbit/s`; 0 is unlimited")
	workload := f.String("workload", "", "only rows or groups of rows that match this `regexp`")
	tools := f.String("tools", strings.Join(usual(), ","), "which tools, separated by commas; there is also sshfs-tuned")
	f.IntVar(&o.reps, "reps", 3, "how often everything is done")
	f.Float64Var(&o.scale, "scale", 1, "multiplies numbers of files and sizes")
	f.DurationVar(&o.timeout, "timeout", 10*time.Minute, "most that a tool may take for a row; one that takes longer is ended")
	f.DurationVar(&o.budget, "budget", time.Minute,
		"a tool other than scpfs that would need longer for a row gets fewer files, and its results are extrapolated and marked ~; 0: never")
	f.StringVar(&o.out, "out", "docs/benchmark", "`directory` of the results")
	f.StringVar(&o.readme, "readme", "README.md", "`file` that gets the table of one round-trip time between its two marks, if it has them")
	f.BoolVar(&o.add, "add", false, "add to the results that are there, replacing the same rows; machine, link and work have to be the same")
	f.BoolVar(&o.resume, "continue", false, "the same, and leave out what is there already of the same versions")
	f.BoolVar(&o.render, "render", false, "measure nothing: write the table and the charts of the results that are there")
	f.BoolVar(&o.short, "short", false, "scpfs alone, small, at 20 ms: checks round trips and bytes against limits")
	f.StringVar(&o.scpfs, "scpfs", "bin/scpfs", "the `program` to measure")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unexpected %q: there are only flags, see -help", f.Arg(0))
	}
	if o.short {
		*rtts, *scpRTTs, *tools, o.scale, o.reps, o.budget = "20", "", "scpfs", shortScale, 1, 0
	}
	o.bandwidth = int64(*mbits * 1e6 / 8)
	o.tools = strings.Split(*tools, ",")
	var badRegexp error
	o.workload, badRegexp = regexp.Compile(*workload)
	var badRTT, badScpRTT error
	o.rtts, badRTT = parseRTTs(*rtts)
	if *scpRTTs != "" {
		o.scpRTTs, badScpRTT = parseRTTs(*scpRTTs)
	}
	return o, errors.Join(badRegexp, badRTT, badScpRTT, o.check())
}

func parseRTTs(list string) ([]time.Duration, error) {
	var all []time.Duration
	for ms := range strings.SplitSeq(list, ",") {
		d, err := time.ParseDuration(ms + "ms")
		if err != nil || d < 0 || d > time.Minute {
			return nil, fmt.Errorf("round trips %q: give milliseconds separated by commas, as in 0,10,50", list)
		}
		all = append(all, d)
	}
	return all, nil
}

func (o *options) check() error {
	var errs []error
	complain := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	for _, name := range o.tools {
		complain(!slices.Contains(toolNames(), name), "-tools: there is no %q, only %s", name, strings.Join(toolNames(), ", "))
	}
	complain(o.reps < 1, "-reps has to be at least 1")
	complain(o.scale <= 0 || o.scale > 10, "-scale has to be above 0 and at most 10")
	complain(o.bandwidth < 0, "-bandwidth cannot be negative")
	complain(o.timeout <= 0, "-timeout has to be above 0")
	complain(o.budget < 0, "-budget cannot be negative")
	complain(o.render && (o.add || o.resume), "-render measures nothing that could be added")
	return errors.Join(errs...)
}
