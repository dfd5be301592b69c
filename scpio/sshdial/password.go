package sshdial

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxPassword bounds the line that [ReadPassword] takes.
const maxPassword = 4 << 10

// Password answers questions for a password, of the destination only: a jump
// host never hears it. There is no answer to anything else.
type Password struct{ secret string }

// ReadPassword takes the first line of r. It may read beyond that line.
func ReadPassword(r io.Reader) (*Password, error) {
	line, err := bufio.NewReader(io.LimitReader(r, maxPassword)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading the password: %w", err)
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return nil, errors.New("reading the password: the first line of standard input is empty")
	}
	return &Password{secret: line}, nil
}

// Prompt implements [Prompter].
func (p *Password) Prompt(_ context.Context, question string, echo bool) (string, error) {
	if echo || !asksForPassword(question) {
		return "", ErrNoPrompt
	}
	return p.secret, nil
}

// String keeps the password out of logs.
func (p *Password) String() string { return "password from standard input" }

// GoString keeps the password out of %#v.
func (p *Password) GoString() string { return p.String() }
