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
	out       string
	add       bool
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
	mbits := f.Float64("bandwidth", 0, "of the link, each way, in `Mbit/s`; 0 is unlimited")
	workload := f.String("workload", "", "only rows or groups of rows that match this `regexp`")
	tools := f.String("tools", strings.Join(toolNames(), ","), "which tools, separated by commas")
	f.IntVar(&o.reps, "reps", 3, "how often everything is done")
	f.Float64Var(&o.scale, "scale", 1, "multiplies numbers of files and sizes")
	f.DurationVar(&o.timeout, "timeout", 10*time.Minute, "end of patience with one tool in one group")
	f.DurationVar(&o.budget, "budget", time.Minute,
		"a tool that would need longer for a group gets fewer files, and its results are extrapolated and marked ~; 0: never")
	f.StringVar(&o.out, "out", "docs/benchmark", "`directory` of the results")
	f.BoolVar(&o.add, "add", false, "add to the results that are there, replacing the same rows")
	f.BoolVar(&o.short, "short", false, "scpfs alone, small, at 20 ms: checks round trips and bytes against limits")
	f.StringVar(&o.scpfs, "scpfs", "bin/scpfs", "the `program` to measure")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unexpected %q: there are only flags, see -help", f.Arg(0))
	}
	if o.short {
		*rtts, *tools, o.scale, o.reps, o.budget = "20", "scpfs", shortScale, 1, 0
	}
	o.bandwidth = int64(*mbits * 1e6 / 8)
	o.tools = strings.Split(*tools, ",")
	var badRegexp error
	o.workload, badRegexp = regexp.Compile(*workload)
	return o, errors.Join(badRegexp, o.parseRTTs(*rtts), o.check())
}

func (o *options) parseRTTs(list string) error {
	for ms := range strings.SplitSeq(list, ",") {
		d, err := time.ParseDuration(ms + "ms")
		if err != nil || d < 0 || d > time.Minute {
			return fmt.Errorf("-rtt %q: give milliseconds separated by commas, as in 0,10,50", list)
		}
		o.rtts = append(o.rtts, d)
	}
	return nil
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
	return errors.Join(errs...)
}
