package e2e_test

import (
	"bytes"
	"cmp"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds waiting for what should come soon.
const patience = 30 * time.Second

// program is scpfs in a process of its own.
type program struct {
	cmd  *exec.Cmd
	out  safeBuffer
	done chan struct{} // closed when it has ended
	err  error         // of Wait; valid after done

	watch *time.Timer // makes it dump and end when it takes too long
	races string      // prefix of the race detector's files
}

// start runs scpfs. When it has not ended in time it is told to dump its
// goroutines, which ends it, and with it whatever waits in the mount. The
// caller sees to it that end is called.
func start(t testing.TB, o mountOptions, args ...string) *program {
	t.Helper()
	p := &program{done: make(chan struct{}), races: filepath.Join(newDir(t, ""), "race")}
	if o.as != nil {
		chmod(t, filepath.Dir(p.races), 0o777)
	}
	p.cmd = exec.Command(cmp.Or(o.program, scpfs), args...)
	p.cmd.Env = append(os.Environ(), "GORACE=halt_on_error=0 atexit_sleep_ms=20 log_path="+p.races, "GOTRACEBACK=all")
	p.cmd.Env = append(p.cmd.Env, o.env...)
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = o.stdin, &p.out, &p.out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: o.as, Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.watch = time.AfterFunc(max(o.patience, lifetime), func() { p.cmd.Process.Signal(syscall.SIGQUIT) })
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p
}

// end kills the program if it still runs, and fails the test for data races.
func (p *program) end(t testing.TB) {
	t.Helper()
	p.watch.Stop()
	p.kill()
	reportRaces(t, p.races)
}

// reportRaces fails the test for what the race detector wrote.
func reportRaces(t testing.TB, prefix string) {
	t.Helper()
	files, _ := filepath.Glob(prefix + ".*") // the pattern is good
	for _, file := range files {
		text, err := os.ReadFile(file)
		t.Errorf("data race in scpfs (%v):\n%s", err, text)
	}
}

// wait gives what the program ended with. One that does not end in time is
// made to dump its goroutines.
func (p *program) wait(limit time.Duration) error {
	select {
	case <-p.done:
		return p.err
	case <-time.After(limit):
	}
	p.cmd.Process.Signal(syscall.SIGQUIT)
	select {
	case <-p.done:
	case <-time.After(patience):
		p.kill()
	}
	return errors.New("it did not end by itself")
}

// kill ends the program, and its mount if it waits for that.
func (p *program) kill() {
	p.cmd.Process.Kill()
	select {
	case <-p.done:
	case <-time.After(patience):
		for _, word := range p.cmd.Args {
			if mountLine(word) != "" {
				exec.Command("umount", "-f", word).Run() // aborts the connection, busy or not
			}
		}
		<-p.done
	}
}

func (p *program) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

func (p *program) pid() int {
	if p.ended() {
		return 0
	}
	return p.cmd.Process.Pid
}

// said is what the program has printed so far.
func (p *program) said() string { return p.out.String() }

// safeBuffer is a bytes.Buffer that may be read while a process writes to it.
type safeBuffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// pidsWith lists the living processes of a program that have a word on their
// command line.
func pidsWith(word, program string) []int {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline") // the pattern is good
	var pids []int
	for _, file := range files {
		line, err := os.ReadFile(file)
		args := strings.Split(string(line), "\x00")
		pid, nerr := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		exe, _ := os.Readlink(filepath.Join(filepath.Dir(file), "exe")) // a zombie has none
		if err == nil && nerr == nil && exe == program && slices.Contains(args, word) {
			pids = append(pids, pid)
		}
	}
	return pids
}
