package e2e_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/scpfs/scpfs/control"
)

// asked is what a command that asks mounts has said.
type asked struct {
	out    string
	status int
}

// ask runs scpfs with a command that asks mounts. It must not hang, whatever
// has become of them.
func ask(t testing.TB, who *syscall.Credential, env []string, args ...string) asked {
	t.Helper()
	cmd := exec.Command(scpfs, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who}
	watch := time.AfterFunc(patience, func() { t.Errorf("scpfs %q hangs", args); cmd.Process.Kill() })
	defer watch.Stop()
	out, err := combined(cmd)
	if ended, ok := errors.AsType[*exec.ExitError](err); ok {
		return asked{out, ended.ExitCode()}
	}
	if err != nil {
		t.Fatal(err)
	}
	return asked{out, 0}
}

// ask asks about the mount, or has it do something, and wants it to go well.
func (m *mounted) ask(args ...string) string {
	m.t.Helper()
	got := ask(m.t, m.o.as, m.o.env, args...)
	if got.status != 0 {
		m.t.Errorf("scpfs %q: status %d: %s", args, got.status, got.out)
	}
	return got.out
}

// told is what the mount says of itself.
func (m *mounted) told() control.Status {
	m.t.Helper()
	var all []struct{ Status *control.Status }
	text := m.ask("status", "--json", m.Point)
	if err := json.Unmarshal([]byte(text), &all); err != nil || len(all) != 1 || all[0].Status == nil {
		m.t.Fatalf("status --json: %v: %s", err, text)
	}
	return *all[0].Status
}

// wantSaid looks for parts of what was said.
func wantSaid(t testing.TB, said string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(said, part) {
			t.Errorf("%q is not in\n%s", part, said)
		}
	}
}
