package scptest

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// marker is an environment variable that every command run by a server
// inherits, so that it can be found even after its parents are gone.
const marker = "SCPTEST_SERVER"

// patience bounds every wait for a process.
const patience = 20 * time.Second

// A process is a running server that can be started again.
type process struct {
	t     testing.TB
	args  []string
	ready string // what it logs once it listens
	mark  string // environment entry by which its commands are known

	mu    sync.Mutex // guards the fields below
	lines strings.Builder
	cmd   *exec.Cmd     // nil when stopped
	done  chan struct{} // closed at the log's end: all that held it are gone
}

func (p *process) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lines.String()
}

// start runs the command and returns once it listens.
func (p *process) start() error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer w.Close()
	cmd := exec.Command(p.args[0], p.args[1:]...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH") + ":" + sbin, p.mark}
	cmd.Stdout, cmd.Stderr = w, w
	// A test binary that is killed runs no Cleanup.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		r.Close()
		return err
	}
	listening := make(chan struct{})
	p.mu.Lock()
	p.cmd, p.done = cmd, make(chan struct{})
	p.mu.Unlock()
	go p.read(r, listening, p.done)
	return p.await(listening)
}

func (p *process) read(r *os.File, listening, done chan struct{}) {
	defer close(done)
	defer r.Close()
	found := false
	for s := bufio.NewScanner(r); s.Scan(); {
		p.mu.Lock()
		fmt.Fprintln(&p.lines, s.Text())
		p.mu.Unlock()
		if !found && strings.Contains(s.Text(), p.ready) {
			found = true
			close(listening)
		}
	}
}

func (p *process) await(listening chan struct{}) error {
	select {
	case <-listening:
		return nil
	case <-p.done:
	case <-time.After(patience):
	}
	p.stop()
	return fmt.Errorf("%s did not start:\n%s", p.args, p.log())
}

// stop kills the server and all it started. The listener is stopped first, so
// that no new child can appear meanwhile, and killed last, so that the others
// stay its descendants until they are found.
func (p *process) stop() {
	p.t.Helper()
	p.mu.Lock()
	cmd, done := p.cmd, p.done
	p.cmd = nil
	p.mu.Unlock()
	if cmd == nil {
		return
	}
	cmd.Process.Signal(syscall.SIGSTOP)
	err := killAll(func() []stat { return p.others(cmd.Process.Pid) })
	cmd.Process.Kill()
	cmd.Wait() // the state of a killed process says nothing
	if err != nil {
		p.t.Errorf("scptest: %v", err)
	}
	select {
	case <-done:
	case <-time.After(patience):
		p.t.Errorf("scptest: somebody still holds the log of %s", p.args[0])
	}
}

func (p *process) others(listener int) []stat {
	found := append(descendants(listener), marked(p.mark)...)
	return slices.DeleteFunc(found, func(s stat) bool { return s.pid == listener })
}

func (p *process) cleanup() {
	p.t.Helper()
	p.stop()
	if p.t.Failed() {
		p.t.Logf("log of %s:\n%s", p.args[0], p.log())
	}
}
