package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/scpfs/scpfs/control"
)

// resolveWithin is how long a resolve may take: a file may have to be sent.
const resolveWithin = 10 * time.Minute

func runResolve(a *ask, args []string) error {
	if len(args) != 2 {
		return errUsage
	}
	if !slices.Contains([]string{control.KeepLocal, control.KeepRemote, control.KeepBoth}, a.keep) {
		return errors.New("say what to keep: --keep local, remote or both")
	}
	mounts, err := a.chosen(args[:1])
	if err != nil {
		return err
	}
	m := mounts[len(mounts)-1] // the one on top
	path, err := below(m, args[1])
	if err != nil {
		return err
	}
	if err := a.confirm(m, path); err != nil {
		return err
	}
	got, err := question(m, control.Request{Command: control.CommandResolve, Path: control.Name(path), Keep: a.keep}, resolveWithin)
	if _, answered := errors.AsType[*control.RemoteError](err); err != nil && !answered {
		return fmt.Errorf("%s: %s", control.Printable(m.Mountpoint), died(m, err))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", control.Printable(path), err)
	}
	return a.resolved(got.Saved)
}

// confirm asks before changes are given up that the host does not have.
func (a *ask) confirm(m control.Mount, path string) error {
	if a.yes || a.keep != control.KeepRemote {
		return nil
	}
	got, err := question(m, control.Request{Command: control.CommandStatus}, askWithin)
	if err != nil {
		return fmt.Errorf("%s: %s", control.Printable(m.Mountpoint), died(m, err))
	}
	unsent := got.Status != nil && slices.ContainsFunc(got.Status.Unsent, func(u control.Unsent) bool { return string(u.Path) == path })
	text := "Remove our copy of %s from the host? "
	if unsent {
		text = "The host does not have the changes of %s. Give them up? "
	}
	if f, ok := a.in.(*os.File); ok && !term.IsTerminal(int(f.Fd())) {
		return errors.New("nobody can be asked: give --yes")
	}
	fmt.Fprintf(a.err, text, control.Printable(path))
	if !agreed(a.in) {
		return errors.New("nothing was done")
	}
	return nil
}

// agreed reads the answer to a question.
func agreed(in io.Reader) bool {
	line, _ := bufio.NewReader(in).ReadString('\n') // without an answer it is no
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "y" || answer == "yes"
}

// resolved says where contents are that were given up, and brings them where
// a person wants them.
func (a *ask) resolved(saved string) error {
	if saved == "" {
		return nil
	}
	if a.save == "" {
		fmt.Fprintf(a.out, "the contents are kept in %s\n", control.Printable(saved))
		return nil
	}
	if err := move(saved, a.save); err != nil {
		return fmt.Errorf("the contents are kept in %s: %w", control.Printable(saved), err)
	}
	fmt.Fprintf(a.out, "the contents are kept in %s\n", control.Printable(a.save))
	return nil
}

// move copies a file to a name that nothing has, and removes it when that is
// on the disk.
func move(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	err = errors.Join(err, dst.Sync(), dst.Close())
	if err != nil {
		return err
	}
	return os.Remove(from)
}
