package sshdial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

const ttyPath = "/dev/tty"

// Terminal asks on the controlling terminal, wherever standard input and
// output lead.
type Terminal struct{}

// Prompt implements [Prompter]. It returns [ErrNoPrompt] without a terminal
// and [ErrInterrupted] on Ctrl-C or Ctrl-D.
func (Terminal) Prompt(ctx context.Context, question string, echo bool) (string, error) {
	tty, err := os.OpenFile(ttyPath, os.O_RDWR, 0)
	if err != nil {
		return "", ErrNoPrompt
	}
	defer tty.Close()
	// A deadline in the past wakes the reader up when nobody waits any more.
	stop := context.AfterFunc(ctx, func() { tty.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	restore, err := rawMode(tty)
	if err != nil {
		return "", fmt.Errorf("terminal: %w", err)
	}
	defer restore()
	answer, err := readAnswer(tty, question, echo)
	switch {
	case ctx.Err() != nil:
		fmt.Fprint(tty, "\r\n")
		return "", context.Cause(ctx)
	case errors.Is(err, io.EOF):
		fmt.Fprint(tty, "\r\n")
		return "", ErrInterrupted
	}
	return answer, err
}

// rawMode turns echo off, and signals with it: Ctrl-C is read as a character,
// so that the terminal is never left behind in this state.
func rawMode(tty *os.File) (restore func(), err error) {
	control := func(f func(fd int) error) error {
		raw, err := tty.SyscallConn()
		if err != nil {
			return err
		}
		failed := raw.Control(func(fd uintptr) { err = f(int(fd)) })
		return errors.Join(failed, err)
	}
	var old *term.State
	err = control(func(fd int) (err error) {
		old, err = term.MakeRaw(fd)
		return err
	})
	return func() { control(func(fd int) error { return term.Restore(fd, old) }) }, err
}

// readAnswer shows all but the last line of the question as it is, since a
// line editor redraws its prompt.
func readAnswer(tty io.ReadWriter, question string, echo bool) (string, error) {
	if i := strings.LastIndexByte(question, '\n'); i >= 0 {
		fmt.Fprint(tty, strings.ReplaceAll(question[:i+1], "\n", "\r\n"))
		question = question[i+1:]
	}
	t := term.NewTerminal(tty, question)
	if echo {
		return t.ReadLine()
	}
	return t.ReadPassword(question)
}
