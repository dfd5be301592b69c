package scpio_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/scpfs/scpfs/scpio"
)

// serverVariable makes a process of the test binary an scp at the far end.
const serverVariable = "SCPIO_TEST_SERVE"

// TestServerProcess is not a test but what runs in that process.
func TestServerProcess(t *testing.T) {
	if os.Getenv(serverVariable) == "" {
		return
	}
	cmd, err := scpio.ParseServerArgs(flag.Args())
	if err == nil {
		err = cmd.Serve(context.Background(), os.Stdin, os.Stdout, "")
	}
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	os.Exit(0)
}

// fakeSSH makes a program that scp can take for ssh. It runs the command here,
// with an scp that is this package's.
func fakeSSH(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, script := range map[string]string{
		"scp": "export " + serverVariable + "=1\nexec '" + self + "' -test.run='^TestServerProcess$' -- \"$@\"\n",
		"ssh": "while [ \"$1\" != -- ]; do shift; done\nshift 2\nPATH='" + dir + "':$PATH\nexec sh -c \"$*\"\n",
	} {
		if err := os.WriteFile(dir+"/"+name, []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir + "/ssh"
}

// runClient runs the real scp and returns its exit status and all it says.
func runClient(t *testing.T, args ...string) (int, string) {
	t.Helper()
	cmd := exec.Command("scp", args...)
	out, err := cmd.CombinedOutput()
	if _, failed := errors.AsType[*exec.ExitError](err); err != nil && !failed {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

func TestServeRealClient(t *testing.T) {
	ssh := fakeSSH(t)
	dir := t.TempDir()
	makeTree(t, dir+"/tree")
	t.Run("download", func(t *testing.T) {
		if status, out := runClient(t, "-O", "-r", "-p", "-S", ssh, "host:"+dir+"/tree", dir+"/down"); status != 0 {
			t.Fatalf("status %d: %s", status, out)
		}
		sameTree(t, dir+"/down", dir+"/tree")
	})
	t.Run("upload", func(t *testing.T) {
		if status, out := runClient(t, "-O", "-r", "-p", "-S", ssh, dir+"/tree", "host:"+dir+"/up"); status != 0 {
			t.Fatalf("status %d: %s", status, out)
		}
		sameTree(t, dir+"/up", dir+"/tree")
	})
	t.Run("several", func(t *testing.T) {
		status, out := runClient(t, "-O", "-S", ssh, dir+"/tree/empty", dir+"/missing", dir+"/tree/secret", "host:"+dir+"/tree/sub")
		if status != 1 || getFile(t, dir+"/tree/sub/secret") != "s" {
			t.Errorf("status %d: %s", status, out)
		}
	})
	for _, tt := range []struct{ name, from, to, want string }{
		{"missing", "host:" + dir + "/missing", dir + "/x", "missing: No such file or directory"},
		{"directory", "host:" + dir + "/tree", dir + "/x", "tree: not a regular file"},
		{"no parent", dir + "/tree/empty", "host:" + dir + "/no/such", "no/such: No such file or directory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if status, out := runClient(t, "-O", "-S", ssh, tt.from, tt.to); status != 1 || !strings.Contains(out, tt.want) {
				t.Errorf("status %d: %q, want %q", status, out, tt.want)
			}
		})
	}
}
