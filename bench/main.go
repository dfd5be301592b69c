// Bench compares scpfs with what else mounts or copies over SSH: sshfs, rclone
// mount, scp itself, and the local disk for orientation. It starts SSH servers of its
// own behind links of given round-trip times, does the same work with each tool in
// turn, checks every byte, and writes a table, charts and the raw results.
//
// All that it starts and mounts lives in a temporary directory and is gone at
// its end, also after failures and an interrupt.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

// endings are the signals that end a run.
var endings = []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP}

func main() { os.Exit(run(os.Args[1:])) }

// run is the program; what it returns is the exit status.
func run(args []string) int {
	o, err := parseOptions(args, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 2
	}
	if !isolated() {
		status, err := isolate(args)
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			return 1
		}
		return status
	}
	if err := letGo(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	// Nobody may read what is printed. That would end the program where it stands,
	// with everything mounted, if the signal went unheard.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), endings...)
	defer stop()
	if err := compare(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	return 0
}

// compare runs everything that was asked for and reports it on w and in files.
func compare(ctx context.Context, o options, w io.Writer) error {
	r, err := openReport(o)
	if err != nil {
		return err
	}
	if !o.render {
		if err := measure(ctx, o, r); err != nil {
			return err
		}
	}
	if o.short {
		return checkLimits(w, r.Results)
	}
	fmt.Fprint(w, r.markdown())
	r.prune()
	return errors.Join(r.save(o.out), r.render(o.out), r.renderReadme(o.readme, o.out), r.failures())
}

// measure adds what was asked for to a report.
func measure(ctx context.Context, o options, r *report) error {
	l, err := newLab(o)
	if err != nil {
		return err
	}
	if !o.short {
		fmt.Fprintln(os.Stderr, l.forecast())
	}
	r.begin(newRun(o, l.versions))
	err = errors.Join(l.measure(ctx, r), l.close())
	if err != nil && !o.short && len(r.Results) > 0 {
		err = fmt.Errorf("%w\nwhat was measured before is in %s: -continue goes on, -render shows it", err, filepath.Join(o.out, rawName))
	}
	return err
}

// failures is what went wrong in scpfs; the others' failures are results, and
// so are those that another run has had.
func (r *report) failures() error {
	var errs []error
	for _, m := range r.Results {
		if m.Tool == "scpfs" && m.Error != "" && m.Run == len(r.Runs)-1 {
			errs = append(errs, fmt.Errorf("round trip %g ms: %s: %s", m.RTT, m.Row, m.Error))
		}
	}
	return errors.Join(errs...)
}
