package scptest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/scpfs/scpfs/scpio/scptest"
	"golang.org/x/crypto/ssh"
)

// output runs a command on the host and returns what it printed.
func output(t *testing.T, client *ssh.Client, command string) string {
	t.Helper()
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	out, err := session.CombinedOutput(command)
	if err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return string(out)
}

func TestStart(t *testing.T) {
	s := scptest.Start(t)
	client := s.Dial(t)
	if got := output(t, client, "echo $HOME"); got != s.Home+"\n" {
		t.Errorf("HOME is %q, want %q", got, s.Home)
	}
	if _, _, err := client.OpenChannel("session", nil); err != nil {
		t.Error(err)
	}
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	if err := session.RequestSubsystem("sftp"); err == nil {
		t.Error("the server has an sftp subsystem")
	}
}

func TestWorkingDirectoryIsHome(t *testing.T) {
	for name, start := range starters {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			if got := output(t, s.Dial(t), "pwd"); got != s.Home+"\n" {
				t.Errorf("commands start in %q, want %q", got, s.Home)
			}
		})
	}
}

var starters = map[string]func(testing.TB, ...scptest.Option) *scptest.Server{
	"sshd":     scptest.Start,
	"dropbear": scptest.StartDropbear,
}

func TestConfigFileServesSSH(t *testing.T) {
	ssh := scptest.Need(t, "ssh")[0]
	s := scptest.Start(t, scptest.HostKeyTypes("ecdsa", "ed25519"))
	out, err := exec.Command(ssh, "-F", s.ConfigFile, scptest.Alias, "echo", "hello").Output()
	if err != nil || string(out) != "hello\n" {
		t.Fatalf("got %q, %v", out, err)
	}
}

func TestOptionsReachCommands(t *testing.T) {
	for name, start := range starters {
		t.Run(name, func(t *testing.T) {
			s := start(t, scptest.Env("GREETING", `a "b" \c`), scptest.ForceCommand(`printf '%s|' "$GREETING" "$SSH_ORIGINAL_COMMAND"`))
			if got, want := output(t, s.Dial(t), "asked for"), `a "b" \c|asked for|`; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestMaxSessions(t *testing.T) {
	client := scptest.Start(t, scptest.MaxSessions(1)).Dial(t)
	first, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if _, err := client.NewSession(); err == nil {
		t.Error("a second session was let in")
	}
}

func TestLoginShell(t *testing.T) {
	shell := filepath.Join(t.TempDir(), "shell")
	if err := os.WriteFile(shell, []byte("#!/bin/sh\necho noise\nexec /bin/sh \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	s := scptest.Start(t, scptest.LoginShell(shell))
	if got := output(t, s.Dial(t), "echo hello"); got != "noise\nhello\n" {
		t.Errorf("got %q", got)
	}
}

func TestRestartKeepsTheAddress(t *testing.T) {
	for name, start := range starters {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			before := s.Dial(t)
			s.Restart()
			if err := before.Wait(); err == nil {
				t.Error("the old connection ended well")
			}
			if got := output(t, s.Dial(t), "echo again"); got != "again\n" {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestStopKillsBackgroundJobs(t *testing.T) {
	for name, start := range starters {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			pid := strings.TrimSpace(output(t, s.Dial(t), "setsid sleep 1000 </dev/null >/dev/null 2>&1 & echo $!"))
			s.Stop()
			if line, err := os.ReadFile("/proc/" + pid + "/cmdline"); err == nil && len(line) > 0 {
				t.Errorf("process %s is alive: %q", pid, line)
			}
			if _, err := ssh.Dial("tcp", s.Addr, &ssh.ClientConfig{HostKeyCallback: ssh.InsecureIgnoreHostKey()}); err == nil {
				t.Error("a stopped server answers")
			}
		})
	}
}

func TestBusyboxOnly(t *testing.T) {
	s := scptest.Start(t, scptest.BusyboxOnly())
	if err := os.WriteFile(filepath.Join(s.Home, "file"), []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	client := s.Dial(t)
	if got := output(t, client, "cat "+s.Home+"/file; /bin/sh -c 'cat file'"); got != "texttext" {
		t.Errorf("got %q", got)
	}
	if got := output(t, client, "find --help 2>&1; readlink -f /proc/$$/exe || echo none"); !strings.Contains(got, "BusyBox") {
		t.Errorf("find is not busybox's: %q", got)
	}
	if got := output(t, client, "scp -f file </dev/zero | head -n 1"); got != "C0600 4 file\n" {
		t.Errorf("scp says %q", got)
	}
	if os.Geteuid() == 0 {
		if got := output(t, client, "ls /; ls /usr 2>&1 | head -n 3"); strings.Contains(got, "sbin") {
			t.Errorf("the machine shows through: %q", got)
		}
	}
}
