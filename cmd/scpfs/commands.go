package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/scpfs/scpfs/cache"
	"github.com/scpfs/scpfs/control"
)

// command is a word as the first argument that asks a running mount. There is
// no clash with what is mounted, which has a colon.
type command struct {
	name, usage, help string
	run               func(*ask, []string) error
}

func commands() []command {
	return []command{
		{"status", "status [MOUNTPOINT] [--json]", "how mounts are: connection, cache, what is not sent yet", runStatus},
		{"conflicts", "conflicts [MOUNTPOINT] [--json]", "files that were changed on both sides", runConflicts},
		{"resolve", "resolve MOUNTPOINT PATH --keep local|remote|both [--yes] [--save FILE]", "end a conflict, or give up a change that cannot be sent", runResolve},
	}
}

// commandOf is the command that a command line begins with.
func commandOf(args []string) (command, bool) {
	if len(args) == 0 {
		return command{}, false
	}
	all := commands()
	i := slices.IndexFunc(all, func(c command) bool { return c.name == args[0] })
	if i < 0 {
		return command{}, false
	}
	return all[i], true
}

// ask is what the commands share.
type ask struct {
	in       io.Reader
	out, err io.Writer
	places   []string
	mounts   []control.Mount

	json bool
	yes  bool
	keep string
	save string
}

// statusDead is the exit status when a mount is dead, or does not answer.
const statusDead = 3

// exitStatus is an error that has been told, and what the program ends with.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprint("status ", int(e)) }

// runCommand runs a command and returns the exit status.
func runCommand(c command, args []string) int {
	places := control.Places()
	a := &ask{in: os.Stdin, out: os.Stdout, err: os.Stderr, places: places, mounts: control.Registered(places, void)}
	f := pflag.NewFlagSet(c.name, pflag.ContinueOnError)
	f.Usage = func() {}
	f.BoolVar(&a.json, "json", false, "")
	if c.name == "resolve" {
		f.BoolVar(&a.yes, "yes", false, "")
		f.StringVar(&a.keep, "keep", "", "")
		f.StringVar(&a.save, "save", "", "")
	}
	err := f.Parse(args)
	if errors.Is(err, pflag.ErrHelp) {
		fmt.Fprintf(a.out, "usage: scpfs %s\n", c.usage)
		return 0
	}
	if err == nil {
		err = c.run(a, f.Args())
	}
	if status, ok := errors.AsType[exitStatus](err); ok {
		return int(status)
	}
	if errors.Is(err, errUsage) {
		err = fmt.Errorf("usage: scpfs %s", c.usage)
	}
	return report(nil, err)
}

var errUsage = errors.New("usage")

// askWithin is how long a mount may take to say what it knows anyway.
const askWithin = 10 * time.Second

// question asks a mount.
func question(m control.Mount, r control.Request, within time.Duration) (control.Answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	return control.Ask(ctx, m.Dir, r)
}

// chosen are the mounts that a command is about.
func (a *ask) chosen(args []string) ([]control.Mount, error) {
	switch len(args) {
	case 0:
		return a.mounts, nil
	case 1:
	default:
		return nil, errUsage
	}
	found := control.Find(a.mounts, args[0])
	if len(found) > 0 {
		return found, nil
	}
	if control.MountedHere(control.Absolute(args[0])) {
		return nil, fmt.Errorf("%s is mounted, but nothing tells where it can be asked: it has no file in %s",
			control.Printable(args[0]), strings.Join(a.places, " or "))
	}
	return nil, fmt.Errorf("%s is not a mount of this user's scpfs", control.Printable(args[0]))
}

// died says what is known of a mount that gave no answer.
func died(m control.Mount, err error) string {
	if !errors.Is(err, control.ErrDead) {
		return err.Error()
	}
	if m.Held() {
		return "it is ending: what is not sent yet is being sent"
	}
	what := control.ErrDead.Error()
	if control.MountedHere(m.Mountpoint) {
		what += " without unmounting: clear it away with fusermount3 -u " + control.Printable(m.Mountpoint)
	}
	if cache.HasUnsent(m.Dir) {
		what += "; the host does not have all changes: they are in " + control.Printable(m.Dir) + ", and sent by the next mount of the same directory"
	}
	return what
}

// below is a path of the host by how a person names a file of a mount: by a
// path below the mountpoint, or by the whole one.
func below(m control.Mount, path string) (string, error) {
	if !filepath.IsAbs(path) {
		return filepath.Clean(path), nil
	}
	path = filepath.Clean(path)
	if !strings.HasPrefix(path, m.Mountpoint+"/") {
		path = control.Absolute(path) // by another way
	}
	rest, ok := strings.CutPrefix(path, m.Mountpoint+"/")
	if !ok {
		return "", fmt.Errorf("%s is not below %s", control.Printable(path), control.Printable(m.Mountpoint))
	}
	return rest, nil
}
