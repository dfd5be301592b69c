package sshdial_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/scpfs/scpfs/scpio/scptest"
	"github.com/scpfs/scpfs/scpio/sshdial"
)

func script(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// join makes one configuration of several servers', by alias.
func join(t *testing.T, servers map[string]*scptest.Server, more ...string) string {
	t.Helper()
	var b strings.Builder
	for _, line := range more {
		fmt.Fprintln(&b, line)
	}
	for alias, s := range servers {
		b.WriteString(strings.Replace(read(t, s.ConfigFile), "Host "+scptest.Alias, "Host "+alias, 1))
	}
	return write(t, filepath.Join(t.TempDir(), "config"), b.String())
}

func TestProxyJump(t *testing.T) {
	scptest.LeakCheck(t)
	a, b, c := scptest.Start(t), scptest.Start(t), scptest.Start(t)
	config := join(t, map[string]*scptest.Server{"a": a, "b": b, "c": c})
	for _, jumps := range []string{"a", "a,b", "ssh://" + a.User + "@b:" + fmt.Sprint(b.Port), a.User + "@a," + "b"} {
		t.Run(jumps, func(t *testing.T) {
			client := login(t, newDialer(t, "c", sshdial.Options{ConfigFile: config, SSHOptions: []string{"ProxyJump=" + jumps}}))
			client.Close()
			client.Wait()
		})
	}
	if got := strings.Count(c.Log(), "Accepted publickey"); got != 4 {
		t.Errorf("%d logins at the destination, want 4", got)
	}
	if got := strings.Count(a.Log(), "Accepted publickey"); got != 3 {
		t.Errorf("%d logins at the first hop, want 3", got)
	}
}

func TestProxyJumpOfTheFile(t *testing.T) {
	scptest.LeakCheck(t)
	a, b := scptest.Start(t), scptest.Start(t)
	config := join(t, map[string]*scptest.Server{"a": a, "b": b}, "Host *", "ProxyJump a") // a leads to itself
	d := newDialer(t, "b", sshdial.Options{ConfigFile: config})
	client := login(t, d)
	a.Stop()
	if err := client.Wait(); err == nil {
		t.Error("the connection outlived its jump host")
	}
	err := refused(t, d)
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v", err)
	}
	wantText(t, err, "b: jump host a: connection refused")
	a.Restart()
	b.Stop()
	wantText(t, refused(t, d), "jump host a cannot reach 127.0.0.1:", "onnect")
}

func TestProxyJumpChecksEachHostKey(t *testing.T) {
	scptest.LeakCheck(t)
	a, b := scptest.Start(t), scptest.Start(t)
	config := join(t, map[string]*scptest.Server{"a": a, "b": b})
	write(t, a.KnownHosts, line(t, "ed25519", a.Addr))
	d := newDialer(t, "b", sshdial.Options{ConfigFile: config, SSHOptions: []string{"ProxyJump=a", "StrictHostKeyChecking=no"}})
	wantHostKey(t, refused(t, d), sshdial.ErrChangedKey)
}

func TestProxyJumpInCircles(t *testing.T) {
	config := write(t, filepath.Join(t.TempDir(), "config"), "Host a\nProxyJump b\nHost b\nProxyJump a\n")
	if _, err := sshdial.New("a", sshdial.Options{ConfigFile: config}); err == nil {
		t.Error("it was taken")
	} else {
		wantText(t, err, "back to itself")
	}
	config = write(t, config, "ProxyJump a:99999\n")
	if _, err := sshdial.New("x", sshdial.Options{ConfigFile: config}); err == nil {
		t.Error("a bad port was taken")
	}
}

// A jump host must never hear the password of the destination.
func TestReadPasswordIsNotForJumpHosts(t *testing.T) {
	secret := "open sesame"
	jump := passwordServer(t, &secret)
	config := write(t, filepath.Join(t.TempDir(), "config"), "Host jump\n"+read(t, jump)+"Host *\nProxyJump jump\n")
	p, err := sshdial.ReadPassword(strings.NewReader(secret))
	if err != nil {
		t.Fatal(err)
	}
	err = refused(t, newDialer(t, "host", sshdial.Options{ConfigFile: config, Prompter: p}))
	wantText(t, err, "jump host jump: authentication failed")
}

func TestProxyCommand(t *testing.T) {
	scptest.LeakCheck(t)
	program := scptest.Need(t, "ssh")[0]
	a, b := scptest.Start(t), scptest.Start(t)
	config := join(t, map[string]*scptest.Server{"a": a, "b": b})
	command := fmt.Sprintf("ProxyCommand=%s -F %s -W %%h:%%p a", program, config)
	client := login(t, newDialer(t, "b", sshdial.Options{ConfigFile: config, SSHOptions: []string{command}}))
	client.Close()
	client.Wait()
	if !strings.Contains(a.Log(), "Accepted publickey") {
		t.Error("the proxy was not used")
	}
}

func TestProxyCommandThatFails(t *testing.T) {
	scptest.LeakCheck(t)
	for command, want := range map[string]string{
		"echo first >&2; echo the proxy is out >&2; exit 3": "the proxy command failed: the proxy is out",
		"exit 0":                     "the proxy command ended the connection",
		"/nonexistent/proxy":         "/nonexistent/proxy",
		"cat >/dev/null; sleep 1000": "no answer",
	} {
		t.Run(command, func(t *testing.T) {
			o := sshdial.Options{ConfigFile: "none", SSHOptions: []string{"ProxyCommand=sh -c '" + command + "'", "ConnectTimeout=1"}}
			wantText(t, refused(t, newDialer(t, "host", o)), want)
		})
	}
}

// A command runs where it is told to, or else here.
func TestProxyCommandDir(t *testing.T) {
	scptest.LeakCheck(t)
	dir := filepath.Join(t.TempDir(), "it's here")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	script(t, filepath.Join(dir, "proxy"), "echo it runs there >&2")
	script(t, "proxy", "echo it runs here >&2")
	for at, want := range map[string]string{dir: "it runs there", "": "it runs here", dir + "/gone": "it runs here"} {
		o := sshdial.Options{ConfigFile: "none", Dir: at, SSHOptions: []string{"ProxyCommand=./proxy"}}
		wantText(t, refused(t, newDialer(t, "host", o)), want)
	}
}

// A command that ignores the end of its input and hangups is killed.
func TestProxyCommandThatDoesNotEnd(t *testing.T) {
	scptest.LeakCheck(t)
	o := sshdial.Options{ConfigFile: "none", SSHOptions: []string{"ProxyCommand=sh -c 'trap \"\" HUP; while :; do sleep 0.1; done'", "ConnectTimeout=1"}}
	wantText(t, refused(t, newDialer(t, "host", o)), "no answer")
}
