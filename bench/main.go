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
	"syscall"
)

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
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := compare(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	return 0
}

// compare runs everything that was asked for and reports it on w and in files.
func compare(ctx context.Context, o options, w io.Writer) error {
	l, err := newLab(o)
	if err != nil {
		return err
	}
	measured, err := l.measure(ctx)
	err = errors.Join(err, l.close())
	r := newReport(o, l.versions, measured)
	if o.short {
		return errors.Join(err, checkLimits(w, measured))
	}
	fmt.Fprint(w, r.markdown())
	if err != nil {
		return err // files show complete runs only
	}
	return errors.Join(r.write(o.out), failures(measured))
}

// failures is what went wrong in scpfs; the others' failures are results.
func failures(measured []result) error {
	var errs []error
	said := map[string]bool{} // rows of one workload fail together
	for _, m := range measured {
		if m.Tool == "scpfs" && m.Error != "" && !said[m.Error] {
			said[m.Error] = true
			errs = append(errs, fmt.Errorf("round trip %g ms: %s", m.RTT, m.Error))
		}
	}
	return errors.Join(errs...)
}
