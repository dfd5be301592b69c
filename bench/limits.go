package main

import (
	"errors"
	"fmt"
	"io"
)

// shortScale is the part of the files that the short form works with.
const shortScale = 0.02

// A limit is what a row of the short form may need at most.
type limit struct {
	roundTrips int
	kilobytes  int64 // both ways together
}

// limits hold what was measured, with a little room: how often a waiting
// connection sees its windows opened varies. Who makes a row better lowers its limit.
var limits = map[string]limit{
	"mount and first ls":                                      {13, 18},   // measured: 11, 14
	"ls -lR, 10,000 files in 500 directories":                 {13, 32},   // measured: 11, 28
	"find in it, warm":                                        {3, 5},     // measured: 1, 1
	"ls -l, 10,000 files in a directory":                      {4, 28},    // measured: 2, 24
	"read 2,000 small files":                                  {49, 220},  // measured: 43, 200
	"read 2,000 small files again":                            {1, 2},     // measured: 0, 0
	"read 256 MiB":                                            {8, 5913},  // measured: 6, 5375
	"read 256 MiB again":                                      {1, 2},     // measured: 0, 0
	"1,000 random reads of 4 KiB, warm":                       {1, 2},     // measured: 0, 0
	"remount, read 256 MiB":                                   {13, 18},   // measured: 11, 14
	"copy 256 MiB inside the mount":                           {4, 6},     // measured: 2, 2
	"first and last 4 KiB of 256 MiB":                         {8, 5911},  // measured: 6, 5374
	"ten appends to 16 MiB, each until the server has it":     {26, 4093}, // measured: 23, 3721
	"ten atomic saves of 20 KB, each until the server has it": {24, 244},  // measured: 21, 222
	"unpack 2,000 small files, until unmounted":               {109, 241}, // measured: 95, 219
	"copy 256 MiB in, until the server has it":                {13, 5918}, // measured: 11, 5380
	"git status, 2,000 files":                                 {75, 250},  // measured: 65, 227
	"git status, 2,000 files, warm":                           {6, 6},     // measured: 4, 2
	"git clone, 2,000 files, until unmounted":                 {304, 737}, // measured: 264, 670
}

// checkLimits compares the short form's counts with the limits.
func checkLimits(w io.Writer, measured []result) error {
	var errs []error
	fmt.Fprintf(w, "with %g of the files and sizes:\n", shortScale)
	fmt.Fprintf(w, "%-58s %12s %8s %12s %8s\n", "", "round trips", "at most", "kB", "at most")
	for _, m := range measured {
		if !m.good() {
			errs = append(errs, fmt.Errorf("%s: %s", m.Row, m.Error))
			continue
		}
		s, most := m.Samples[0], limits[m.Row]
		kilobytes := (s.Up + s.Down + 999) / 1000
		fmt.Fprintf(w, "%-58s %12d %8d %12d %8d\n", m.Row, s.RoundTrips, most.roundTrips, kilobytes, most.kilobytes)
		if s.RoundTrips > most.roundTrips {
			errs = append(errs, fmt.Errorf("%s: %d round trips, at most %d are allowed", m.Row, s.RoundTrips, most.roundTrips))
		}
		if kilobytes > most.kilobytes {
			errs = append(errs, fmt.Errorf("%s: %d kB on the wire, at most %d are allowed", m.Row, kilobytes, most.kilobytes))
		}
	}
	return errors.Join(errs...)
}
