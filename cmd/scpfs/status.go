package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/scpfs/scpfs/control"
)

// mountReport is what a command knows of one mount, for machines.
type mountReport struct {
	Mountpoint string             `json:"mountpoint"`
	Source     string             `json:"source,omitempty"`
	Dir        string             `json:"dir,omitempty"`
	Error      string             `json:"error,omitempty"` // why there is nothing else
	Status     *control.Status    `json:"status,omitempty"`
	Conflicts  []control.Conflict `json:"conflicts,omitempty"`
}

func runStatus(a *ask, args []string) error {
	reports, err := a.reports(args, control.CommandStatus)
	if err != nil {
		return err
	}
	return a.show(reports, "no scpfs mount of this user", func(w io.Writer, r mountReport) {
		printStatus(w, *r.Status, time.Now())
	})
}

func runConflicts(a *ask, args []string) error {
	reports, err := a.reports(args, control.CommandConflicts)
	if err != nil {
		return err
	}
	return a.show(reports, "no scpfs mount of this user", func(w io.Writer, r mountReport) {
		if len(r.Conflicts) == 0 {
			fmt.Fprintf(w, "%s: no conflicts\n", control.Printable(r.Mountpoint))
			return
		}
		fmt.Fprintf(w, "%s:\n", control.Printable(r.Mountpoint))
		printConflicts(w, r.Conflicts)
	})
}

// reports asks all mounts at once, so that one that hangs costs the others
// nothing.
func (a *ask) reports(args []string, command string) ([]mountReport, error) {
	mounts, err := a.chosen(args)
	if err != nil {
		return nil, err
	}
	all := make([]mountReport, len(mounts))
	done := make(chan struct{})
	for i, m := range mounts {
		go func() {
			all[i] = askOne(m, command)
			done <- struct{}{}
		}()
	}
	for range mounts {
		<-done
	}
	if len(args) == 0 {
		for _, dir := range control.Unregistered(a.mounts) {
			all = append(all, mountReport{Mountpoint: dir, Error: "it is mounted, but nothing tells where it can be asked"})
		}
	}
	return all, nil
}

func askOne(m control.Mount, command string) mountReport {
	r := mountReport{Mountpoint: m.Mountpoint, Source: m.Source, Dir: m.Dir}
	got, err := question(m, control.Request{Command: command}, askWithin)
	switch {
	case err != nil:
		r.Error = died(m, err)
	case command == control.CommandStatus && got.Status == nil:
		r.Error = "it gave an answer to something else"
	default:
		r.Status, r.Conflicts = got.Status, got.Conflicts
	}
	return r
}

// show prints what mounts have said, and fails if one did not.
func (a *ask) show(all []mountReport, none string, print func(io.Writer, mountReport)) error {
	var failed error
	for _, r := range all {
		if r.Error != "" {
			failed = exitStatus(statusDead)
		}
	}
	if a.json {
		if all == nil {
			all = []mountReport{}
		}
		e := json.NewEncoder(a.out)
		e.SetIndent("", "  ")
		if err := e.Encode(all); err != nil {
			return err
		}
		return failed
	}
	if len(all) == 0 {
		fmt.Fprintln(a.out, none)
	}
	for i, r := range all {
		if i > 0 {
			fmt.Fprintln(a.out)
		}
		if r.Error != "" {
			fmt.Fprintf(a.out, "%s: %s\n", control.Printable(r.Mountpoint), r.Error)
			continue
		}
		print(a.out, r)
	}
	return failed
}

// printStatus is for people.
func printStatus(w io.Writer, s control.Status, now time.Time) {
	fmt.Fprintf(w, "%s on %s\n", control.Printable(s.Source), control.Printable(s.Mountpoint))
	fmt.Fprintf(w, "  mounted     for %s, process %d, %s of memory\n", age(now, s.Since), s.PID, size(int64(s.Memory)))
	fmt.Fprintf(w, "  connection  %s\n", connectionWords(s.Connection, now))
	fmt.Fprintf(w, "  cache       %s in %s%s, %s\n", size(s.Cache.Bytes), plural(s.Cache.Files, "file"), budget(s.Cache.Size), control.Printable(s.Cache.Dir))
	fmt.Fprintf(w, "  ahead       %s fetched, %s of it read\n", size(s.Ahead.Fetched), size(s.Ahead.Read))
	fmt.Fprintf(w, "  unsent      %s\n", count(len(s.Unsent), "change"))
	for _, u := range s.Unsent {
		fmt.Fprintf(w, "    %s\n      %s, for %s%s\n", control.Printable(string(u.Path)), cmp.Or(u.Change, size(u.Size)), age(now, u.Since), opened(u.Open))
		if u.Error != "" {
			fmt.Fprintf(w, "      not stored: %s\n", control.Printable(u.Error))
		}
		if u.Local != "" {
			fmt.Fprintf(w, "      contents: %s\n", control.Printable(u.Local))
		}
	}
	fmt.Fprintf(w, "  conflicts   %s\n", count(len(s.Conflicts), "file"))
	printConflicts(w, s.Conflicts)
}

func printConflicts(w io.Writer, all []control.Conflict) {
	for _, x := range all {
		fmt.Fprintf(w, "    %s\n      %s, %s\n", control.Printable(string(x.Path)), x.Kind, x.Time.Local().Format(time.DateTime))
		if x.Copy != "" {
			fmt.Fprintf(w, "      copy: %s\n", control.Printable(string(x.Copy)))
		}
	}
}

func connectionWords(c control.Connection, now time.Time) string {
	text := c.State
	if !c.Since.IsZero() {
		text += " for " + age(now, c.Since)
	}
	if c.Error != "" {
		text += ": " + control.Printable(c.Error)
	}
	return text
}

func budget(most int64) string {
	if most == 0 {
		return ""
	}
	return " of at most " + size(most)
}

func opened(open bool) string {
	if open {
		return ", open"
	}
	return ""
}

func count(n int, what string) string {
	if n == 0 {
		return "none"
	}
	return plural(n, what)
}

func plural(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// age is how long ago something was, to the second.
func age(now, then time.Time) string {
	return max(0, now.Sub(then)).Round(time.Second).String()
}

// size is bytes for people.
func size(n int64) string {
	const units = "KMGTPE"
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	f, i := float64(n)/(1<<10), 0
	for f >= 1<<10 && i < len(units)-1 {
		f, i = f/(1<<10), i+1
	}
	return fmt.Sprintf("%.1f %ciB", f, units[i])
}
