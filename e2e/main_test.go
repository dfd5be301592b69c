// Package e2e_test proves scpfs with real programs: the binary as people run
// it, in a process of its own, mounts a directory of a real sshd, real
// editors, version control, databases and compilers work in the mount, and what
// they did is looked for on the server's own disk.
//
// [mountAt] makes a mount for a test. A test fails if it leaves a mount, a
// process, an open object of the cache, a temporary file on the host, unsent
// changes or a report of the race detector behind.
package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// scpfs is the path of the program under test. Set once, by TestMain.
var scpfs string

func TestMain(m *testing.M) {
	if play := roles[os.Getenv(roleVariable)]; play != nil {
		os.Exit(play(os.Args[1:]))
	}
	heedSignals()
	os.Exit(buildAndRun(m))
}

// heedSignals has the programs that are started heed signals that nohup(1), or a
// shell that has put us in the background, lets us ignore: what is caught here is
// not ignored there.
func heedSignals() {
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if signal.Ignored(s) {
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
}

// buildAndRun builds the program with the race detector, whose reports the
// harness collects.
func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "scpfs-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // other users run it, too
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	goCache, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		fmt.Fprintln(os.Stderr, "go env:", err)
		return 1
	}
	os.Setenv("GOCACHE", strings.TrimSpace(string(goCache))) // which would be below XDG_CACHE_HOME
	// Where mounts say that they are: not among those of who runs the tests.
	for _, name := range []string{"XDG_RUNTIME_DIR", "XDG_CACHE_HOME"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		os.Setenv(name, filepath.Join(dir, name))
	}
	scpfs = filepath.Join(dir, "scpfs")
	build := exec.Command("go", "build", "-race", "-o", scpfs, "../cmd/scpfs")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build scpfs:", err)
		return 1
	}
	return m.Run()
}
