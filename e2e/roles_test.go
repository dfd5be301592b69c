package e2e_test

import (
	"os"
	"os/exec"
	"testing"
)

// roleVariable makes the test binary play a program that works in a mount.
const roleVariable = "SCPFS_E2E_ROLE"

// roles are the programs that the test binary can play, by name. What one
// returns is its exit status.
var roles = map[string]func(args []string) int{}

// role registers a program before TestMain runs.
func role(name string, play func(args []string) int) bool {
	roles[name] = play
	return true
}

// roleCommand is a command that plays a role in a process of its own.
func roleCommand(t testing.TB, name string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), roleVariable+"="+name)
	return cmd
}
