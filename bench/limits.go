package main

import (
	"errors"
	"fmt"
	"io"
)

// shortScale is the part of the files that the short form works with.
const shortScale = 0.02

// A limit is what a row of the short form may need at most. It is lowered by
// whoever makes the row better; raising it needs a reason in the commit.
type limit struct {
	row string

	// roundTrips is how often in a row somebody waited for the other side: the
	// longest chain of answers to answers on one TCP connection, as counted by a
	// link.Link. What is sent at the same time counts once. A busy machine makes it
	// longer where much data flows: SSH opens its windows while it does, and what
	// comes after that looks like an answer. So the least of some tries is taken.
	roundTrips int

	// kilobytes are all bytes of the SSH connections, both ways together.
	kilobytes int64

	does string // the work at shortScale
}

// shortTries is how often a workload is tried whose limits do not hold.
const shortTries = 3

// limits have a little room above what was measured, which stands behind them.
var limits = []limit{
	{"mount and first ls", 14, 26, "connect, start two shells, probe the host, list 10 files"}, // 13, 24
	{"ls -lR, 10,000 files in 500 directories", 4, 32, "200 files in 10 directories"},          // 1, 28
	{"find in it, warm", 1, 3, "the same names again"},                                         // 0, 1
	{"ls -l, 10,000 files in a directory", 2, 26, "200 files in one directory"},                // 1, 23
	{"read 2,000 small files", 10, 240, "40 files of 0.5 to 8 KB in 2 directories"},            // 8, 218
	{"read 2,000 small files again", 1, 2, "nothing should be asked"},                          // 0, 0
	{"read 256 MiB", 8, 5913, "5 MiB"},                                                         // 5, 5391
	{"read 256 MiB again", 1, 2, "nothing should be asked"},                                    // 0, 1
	{"read 256 MiB a third time", 1, 2, "nothing should be asked"},                             // 0, 0
	{"1,000 random reads of 4 KiB, warm", 1, 2, "20 reads"},                                    // 0, 0
	{"remount, read 256 MiB", 14, 26, "connect, ask whether it is still the same"},             // 12, 24
	{"copy 256 MiB inside the mount", 3, 3, "copied on the host, nothing is sent"},             // 2, 1
	{"first and last 4 KiB of 256 MiB", 4, 1600, "8 KiB of 5 MiB"},                             // 2, 1191
	{"ten appends to 16 MiB, each until the server has it", 14, 390, "1 KB to 328 KB"},         // 11, 352
	{"ten atomic saves of 20 KB, each until the server has it", 22, 242, "as they are"},        // 20, 220
	{"unpack 2,000 small files, until unmounted", 100, 230, "40 files, then unmount"},          // 90, 209
	{"the same with tar --overwrite, until unmounted", 56, 214, "40 files, then unmount"},      // 50, 194
	{"copy 256 MiB in, until the server has it", 12, 5918, "5 MiB"},                            // 8, 5379
	{"git status, 2,000 files", 17, 55, "40 files, index made on the host"},                    // 14, 49
	{"git status, 2,000 files, warm", 3, 5, "the same again"},                                  // 2, 1
	{"git clone, 2,000 files, until unmounted", 235, 710, "40 files, then unmount"},            // 208, 656
}

// checkLimits compares the short form's counts with the limits.
func checkLimits(w io.Writer, measured []result) error {
	var errs []error
	fmt.Fprintf(w, "with %g of the files and sizes:\n", shortScale)
	fmt.Fprintf(w, "%-58s %11s %8s %8s %8s  %s\n", "", "round trips", "at most", "kB", "at most", "what is done")
	byRow := map[string]result{}
	for _, m := range measured {
		byRow[m.Row] = m
	}
	for _, most := range limits {
		m, ok := byRow[most.row]
		switch {
		case !ok: // not asked for
		case !m.good():
			errs = append(errs, fmt.Errorf("%s: %s", m.Row, m.Error))
		default:
			errs = append(errs, most.check(w, m.least()))
		}
	}
	return errors.Join(errs...)
}

// check compares one row, and prints it.
func (l limit) check(w io.Writer, s sample) error {
	var errs []error
	kilobytes := (s.Up + s.Down + 999) / 1000
	fmt.Fprintf(w, "%-58s %11d %8d %8d %8d  %s\n", l.row, s.RoundTrips, l.roundTrips, kilobytes, l.kilobytes, l.does)
	if s.RoundTrips > l.roundTrips {
		errs = append(errs, fmt.Errorf("%s: %d round trips, at most %d are allowed", l.row, s.RoundTrips, l.roundTrips))
	}
	if kilobytes > l.kilobytes {
		errs = append(errs, fmt.Errorf("%s: %d kB on the wire, at most %d are allowed", l.row, kilobytes, l.kilobytes))
	}
	return errors.Join(errs...)
}

// least is the best of several tries.
func (r result) least() sample {
	best := r.Samples[0]
	for _, s := range r.Samples[1:] {
		best.RoundTrips = min(best.RoundTrips, s.RoundTrips)
		if s.Up+s.Down < best.Up+best.Down {
			best.Up, best.Down = s.Up, s.Down
		}
	}
	return best
}
