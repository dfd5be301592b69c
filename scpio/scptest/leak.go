package scptest

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"
	"testing"
	"time"
)

// settle is how long [LeakCheck] waits for what is still ending.
const settle = 10 * time.Second

// LeakCheck fails the test when, after its Cleanup functions have run, there
// are goroutines, child processes, FUSE mounts or open descriptors that were
// not there when LeakCheck was called. Call it first, so that its own Cleanup
// runs last. It looks at the whole process: it must not be used in a test that
// runs in parallel with others. Of the machine's mounts, some of which belong
// to other packages' tests, it sees those below t.TempDir.
func LeakCheck(t testing.TB) {
	t.Helper()
	dir := filepath.Dir(tempDir(t)) // all of the test's are below this one
	before := census(dir)
	t.Cleanup(func() {
		t.Helper()
		if left := before.await(dir); len(left) > 0 {
			t.Errorf("left behind:\n%s", strings.Join(left, "\n"))
		}
	})
}

// holdings are the things held, by description, and how many of each.
type holdings map[string]int

// census counts what is held now, with the mounts below dir.
func census(dir string) holdings {
	h := holdings{}
	for _, item := range slices.Concat(goroutines(), children(), mounts(dir), descriptors()) {
		h[item]++
	}
	return h
}

// await returns what is more than before once it has stopped becoming less.
func (h holdings) await(dir string) []string {
	for deadline := time.Now().Add(settle); ; time.Sleep(5 * time.Millisecond) {
		left := h.surplus(census(dir))
		if len(left) == 0 || time.Now().After(deadline) {
			return left
		}
	}
}

func (h holdings) surplus(now holdings) []string {
	var left []string
	for _, item := range slices.Sorted(maps.Keys(now)) {
		if n := now[item] - h[item]; n > 0 {
			left = append(left, fmt.Sprintf("%d of %s", n, item))
		}
	}
	return left
}

// goroutines describes each by its stack. The one that runs the test is where
// it is asked, and the testing package's own come and go.
func goroutines() []string {
	var b bytes.Buffer
	pprof.Lookup("goroutine").WriteTo(&b, 2)
	var all []string
	for stack := range strings.SplitSeq(b.String(), "\n\n") {
		if !strings.Contains(stack, "scptest.goroutines(") && !strings.Contains(stack, "testing.tRunner") && !harness(stack) {
			all = append(all, "goroutine "+origin(stack))
		}
	}
	return all
}

// harness recognises goroutines that the testing package and the runtime run,
// and one that x/crypto/ssh cannot end: an OpenChannel that was called just as
// its connection ended.
func harness(stack string) bool {
	for _, name := range []string{"ssh.(*mux).OpenChannel", "testing.(*M).", "testing.runFuzz", "created by os/signal", "created by testing.", "runtime.ensureSigM"} {
		if strings.Contains(stack, name) {
			return true
		}
	}
	return false
}

// origin drops the parts of a stack that differ between two goroutines of the
// same kind: ids, addresses, and where it is just now.
func origin(stack string) string {
	lines := strings.Split(strings.TrimSpace(stack), "\n")
	for i, line := range lines {
		if made, ok := strings.CutPrefix(line, "created by "); ok && i+1 < len(lines) {
			made, _, _ = strings.Cut(made, " in goroutine")
			at, _, _ := strings.Cut(strings.TrimSpace(lines[i+1]), " +")
			return made + " at " + at
		}
	}
	return "main"
}

func children() []string {
	var all []string
	for _, s := range processes() {
		if s.parent == os.Getpid() {
			line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", s.pid)) // a zombie's is empty
			all = append(all, fmt.Sprintf("child process %d %q", s.pid, bytes.ReplaceAll(line, []byte{0}, []byte(" "))))
		}
	}
	return all
}

// mounts lists the FUSE mounts below dir.
func mounts(dir string) []string {
	text, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil
	}
	var all []string
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) > 2 && strings.HasPrefix(fields[2], "fuse") && strings.HasPrefix(fields[1], dir+"/") {
			all = append(all, "mount "+fields[1])
		}
	}
	return all
}

// descriptors describes each by what it leads to, without the inode numbers of
// pipes and sockets, and without the poller's own and the one that lists them.
func descriptors() []string {
	links, _ := filepath.Glob("/proc/self/fd/*") // the pattern is good
	var all []string
	for _, link := range links {
		target, err := os.Readlink(link)
		if err != nil {
			continue
		}
		kind, _, _ := strings.Cut(target, "[")
		if !strings.HasPrefix(target, "anon_inode") && !strings.HasPrefix(target, "/proc/") {
			all = append(all, "descriptor of "+kind)
		}
	}
	return all
}
