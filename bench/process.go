package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// patience bounds what should take no time.
const patience = 20 * time.Second

// A process is a program that runs in the background, in a process group of
// its own: an interrupt from the terminal is ours to act upon. It is told to end
// when this program is killed.
type process struct {
	cmd  *exec.Cmd
	log  string // file of what it says
	done chan struct{}
	err  error // how it ended; valid when done is closed
}

// startProcess starts a program whose output goes to the file log.
func startProcess(env []string, log string, words ...string) (*process, error) {
	f, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p := &process{cmd: exec.Command(words[0], words[1:]...), log: log, done: make(chan struct{})}
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = env, f, f
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.done)
		p.err = p.cmd.Wait()
	}()
	return p, nil
}

// wait waits for the end, or for that of the context.
func (p *process) wait(ctx context.Context) error {
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// kill ends the process at once.
func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.done
}

// stop asks the process to end, and ends it if it does not.
func (p *process) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(patience):
		p.kill()
	}
}

// said is the end of what the process has said.
func (p *process) said() string {
	const most = 2000
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(text[max(0, len(text)-most):]))
}

// blame adds to an error what the process had to say.
func (p *process) blame(err error) error {
	if said := p.said(); said != "" {
		return fmt.Errorf("%w\n%s said: %s", err, filepath.Base(p.cmd.Path), said)
	}
	return err
}

// execute runs a command to its end. Its output goes to w; what it complains
// about becomes part of the error.
func execute(ctx context.Context, env []string, w io.Writer, words ...string) error {
	var complaints strings.Builder
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr = env, w, &complaints
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = patience
	err := cmd.Run()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(words, " "), err, strings.TrimSpace(complaints.String()))
	}
	return nil
}

// lookup finds a program, also where only root has it on the path.
func lookup(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		return filepath.Abs(path)
	}
	for _, dir := range []string{"/usr/sbin", "/sbin", "/usr/local/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", errors.Join(err, errors.New("run scripts/setup bench to install what is compared"))
}
