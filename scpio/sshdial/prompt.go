package sshdial

import (
	"context"
	"errors"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Prompter asks a person, or what stands for one. The question may hold text
// of the remote side; it has been through [Sanitize]. With echo the answer may
// be shown while it is typed. [ErrNoPrompt] says that nobody can be asked.
type Prompter interface {
	Prompt(ctx context.Context, question string, echo bool) (string, error)
}

// ErrNoPrompt is returned by a Prompter that has no answer and will not have
// one later.
var ErrNoPrompt = errors.New("nobody can be asked")

// ErrInterrupted is returned when the person does not want to answer.
var ErrInterrupted = errors.New("interrupted at the prompt")

// DefaultPrompter chooses as ssh(1) does: the terminal, or the program in
// SSH_ASKPASS where there is none or SSH_ASKPASS_REQUIRE prefers it. It is nil
// when nobody can be asked.
func DefaultPrompter() Prompter {
	program := os.Getenv("SSH_ASKPASS")
	switch strings.ToLower(os.Getenv("SSH_ASKPASS_REQUIRE")) {
	case "force", "prefer":
		if program != "" {
			return Askpass(program)
		}
	case "never":
		program = ""
	}
	if tty, err := os.OpenFile(ttyPath, os.O_RDWR, 0); err == nil {
		tty.Close()
		return Terminal{}
	}
	if program != "" {
		return Askpass(program)
	}
	return nil
}

// maxQuestion bounds what a server can make somebody read.
const maxQuestion = 4 << 10

// Sanitize makes remote text fit for a terminal: no control characters but
// newlines, no invisible ones, no invalid UTF-8, no endless length.
func Sanitize(text string) string {
	if len(text) > maxQuestion {
		text = text[:maxQuestion]
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == utf8.RuneError, unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == '\u2028', r == '\u2029':
			return '?'
		}
		return r
	}, text)
}

// asksForPassword recognises the questions to which a password that does not
// change is the answer; a one-time code is asked for in other words.
func asksForPassword(question string) bool {
	question = strings.ToLower(question)
	return strings.Contains(question, "password") && !strings.Contains(question, "one-time")
}
