package sshdial

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// askSSHTimeout bounds ssh -G, which may run programs for "Match exec".
const askSSHTimeout = 15 * time.Second

// query is what is asked about: a host under the settings of a command line.
type query struct {
	host    string
	file    string
	port    int
	user    string
	options []string
}

// settings asks ssh(1), or reads the files itself where there is none.
func (q query) settings() (settings, error) {
	ssh, err := exec.LookPath("ssh")
	if err != nil {
		return q.readFiles()
	}
	return q.askSSH(ssh)
}

func (q query) askSSH(program string) (settings, error) {
	asked, err := runG(program, q.args())
	if err != nil {
		return nil, fmt.Errorf("ssh -G %s: %w", q.host, err)
	}
	builtin, err := runG(program, []string{"-F", "/dev/null", "--", q.host})
	if err != nil {
		return nil, fmt.Errorf("ssh -G %s: %w", q.host, err)
	}
	asked.dropDefaults(builtin)
	return asked, nil
}

// args puts the host behind "--", so that it cannot be an option.
func (q query) args() []string {
	var args []string
	if q.file != "" {
		args = append(args, "-F", q.file)
	}
	if q.port != 0 {
		args = append(args, "-p", strconv.Itoa(q.port))
	}
	if q.user != "" {
		args = append(args, "-l", q.user)
	}
	for _, option := range q.options {
		args = append(args, "-o", option)
	}
	return append(args, "--", q.host)
}

// runG runs ssh -G. -T keeps it from remarking that there is no terminal.
func runG(program string, args []string) (settings, error) {
	ctx, cancel := context.WithTimeout(context.Background(), askSSHTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, append([]string{"-T", "-G"}, args...)...)
	cmd.WaitDelay = time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return nil, fmt.Errorf("no answer within %v: a \"Match exec\" command may hang", askSSHTimeout)
	}
	if err != nil {
		return nil, withStderr(err, stderr.String())
	}
	return parseG(string(out)), nil
}

func withStderr(err error, text string) error {
	if text = Sanitize(strings.TrimSpace(text)); text != "" {
		return errors.New(strings.ReplaceAll(text, "\n", "; "))
	}
	return err
}

// parseG reads lines of a keyword and a value. Keywords are not all lower
// case; one without a value is as good as none.
func parseG(text string) settings {
	s := settings{}
	for line := range strings.Lines(text) {
		keyword, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		if ok && keyword != "" && value != "" {
			keyword = strings.ToLower(keyword)
			s[keyword] = append(s[keyword], value)
		}
	}
	return s
}

// dropDefaults forgets the lists of algorithms that nobody asked for: OpenSSH's
// own preference is not the fastest here, nor does this program know them all.
func (s settings) dropDefaults(builtin settings) {
	for _, keyword := range []string{"hostkeyalgorithms", "ciphers", "kexalgorithms", "macs"} {
		if slices.Equal(s[keyword], builtin[keyword]) {
			delete(s, keyword)
		}
	}
}
