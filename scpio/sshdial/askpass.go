package sshdial

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// Askpass asks through a program, given by path: it gets the question as its
// argument and prints the answer, as for SSH_ASKPASS in ssh(1).
type Askpass string

// Prompt implements [Prompter]. The program decides itself what to show.
func (a Askpass) Prompt(ctx context.Context, question string, _ bool) (string, error) {
	cmd := exec.CommandContext(ctx, string(a), question)
	cmd.WaitDelay = time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case errors.As(err, &exit):
		return "", fmt.Errorf("%w: %s", ErrInterrupted, withStderr(err, stderr.String()))
	case err != nil:
		return "", fmt.Errorf("SSH_ASKPASS: %w", err)
	}
	answer, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSuffix(answer, "\r"), nil
}
