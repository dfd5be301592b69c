package e2e_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/scpfs/scpfs/scpio/scptest"
)

// refusal is a mount that cannot be made.
type refusal struct {
	name string
	args []string // of scpfs; -f is added
	want []string // words of its one sentence
}

// TestRefused: what cannot be mounted is said in one sentence, with a status
// that is not 0 and no mount left, in the foreground and in the background.
func TestRefused(t *testing.T) {
	for _, tt := range refusals(t) {
		t.Run(tt.name, func(t *testing.T) {
			for _, mode := range []struct {
				name string
				args []string
			}{{"foreground", append(tt.args, "-f")}, {"background", tt.args}} {
				wantRefused(t, mode.name, mode.args, tt.want)
			}
		})
	}
}

// wantRefused runs scpfs, which must refuse in one line.
func wantRefused(t *testing.T, mode string, args, want []string) {
	t.Helper()
	before, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, mountOptions{env: []string{"SSH_AUTH_SOCK=", "SSH_ASKPASS="}}, args...)
	defer p.end(t)
	if err := p.wait(patience); err == nil {
		t.Errorf("%s: it succeeded", mode)
	}
	said := p.said()
	if !strings.HasPrefix(said, "scpfs: ") || strings.Count(said, "\n") != 1 {
		t.Errorf("%s: not one line: %q", mode, said)
	}
	for _, word := range want {
		if !strings.Contains(said, word) {
			t.Errorf("%s: %q is missing in: %s", mode, word, said)
		}
	}
	point := args[1]
	if line := mountLine(point); line != "" && !strings.Contains(string(before), line) {
		t.Errorf("%s: left mounted: %s", mode, line)
	}
}

// refusals sets up what goes wrong.
func refusals(t *testing.T) []refusal {
	t.Helper()
	srv := scptest.Start(t)
	writeFile(t, filepath.Join(srv.Home, "file"), "")
	point, cache := newDir(t, ""), newDir(t, "")
	file := filepath.Join(newDir(t, ""), "file")
	writeFile(t, file, "")
	at := func(srv *scptest.Server, dir, point string, more ...string) []string {
		return append([]string{scptest.Alias + ":" + dir, point, "-F", srv.ConfigFile, "-o", "cache_dir=" + cache}, more...)
	}
	other := scptest.NewKey(t, "ed25519")
	keyFile := filepath.Join(newDir(t, ""), "key")
	scptest.WriteKey(t, keyFile, other, "")
	changed, unknown := knownHosts(t, srv, scptest.PublicKey(t, other)), filepath.Join(newDir(t, ""), "none")
	list := []refusal{
		{"host key changed", at(srv, "", point, "-o", "UserKnownHostsFile="+changed), []string{"host key", "changed", changed}},
		{"unknown host", at(srv, "", point, "-o", "UserKnownHostsFile="+unknown), []string{"host key", "not known"}},
		{"wrong key", at(srv, "", point, "-F", withKey(t, srv, keyFile)), []string{"authentication failed for user"}},
		{"no such directory", at(srv, "no/such", point), []string{"no directory no/such", "make it"}},
		{"not a directory", at(srv, "file", point), []string{"file", "not a directory"}},
		{"host down", at(srv, "", point, "-p", fmt.Sprint(closedPort(t))), []string{"connection refused"}},
		{"bad option", at(srv, "", point, "-o", "alow_other"), []string{`unknown option "alow_other"`, `did you mean "allow_other"`}},
		{"bad value", at(srv, "", point, "-o", "cache_size=lots"), []string{"cache_size", `"lots"`}},
		{"no colon", []string{"host", point}, []string{"no colon"}},
		{"missing mountpoint", at(srv, "", point+"/none"), []string{point + "/none does not exist", "mkdir"}},
		{"mountpoint a file", at(srv, "", file), []string{file + " is not a directory"}},
		{"cache in a file", at(srv, "", point, "-o", "cache_dir="+file+"/x"), []string{"cache directory", file}},
	}
	return append(list, serverRefusals(t, at, point)...)
}

// serverRefusals are servers that do not do what is needed.
func serverRefusals(t *testing.T, at func(*scptest.Server, string, string, ...string) []string, point string) []refusal {
	t.Helper()
	sftp := scptest.Start(t, scptest.ForceCommand("internal-sftp"))
	nologin := scptest.Start(t, scptest.ForceCommand("echo 'This account is not available.'; exit 1"))
	noscp := scptest.Start(t, scptest.ForceCommand(`PATH=/nowhere; export PATH; eval "$SSH_ORIGINAL_COMMAND"`))
	dead := deadMount(t)
	return []refusal{
		{"sftp only", at(sftp, "", point), []string{"shell"}},
		{"no login", at(nologin, "", point), []string{"shell", "This account is not available."}},
		{"no scp", at(noscp, "", point), []string{"scp"}},
		{"dead mount", at(scptest.Start(t), "", dead), []string{"dead mount", "fusermount3 -u " + dead}},
		{"mounted already", at(scptest.Start(t), "", liveMount(t)), []string{"already mounted", "fusermount3 -u"}},
	}
}

// deadMount is one whose program was killed, in the background so that it had surely
// come up.
func deadMount(t *testing.T) string {
	t.Helper()
	m := mountAt(t, scptest.Start(t), mountOptions{background: true})
	if err := syscall.Kill(m.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, "the killed process is gone", func() bool { return m.Pid() == 0 })
	t.Cleanup(func() { m.fusermount("-u") })
	return m.Point
}

func liveMount(t *testing.T) string {
	t.Helper()
	return mountAt(t, scptest.Start(t), mountOptions{}).Point
}

// knownHosts is a file that knows the server by a key that is not its own.
func knownHosts(t *testing.T, srv *scptest.Server, key ssh.PublicKey) string {
	t.Helper()
	path := filepath.Join(newDir(t, ""), "known_hosts")
	writeFile(t, path, scptest.KnownHostsLine(key, srv.Addr, scptest.Alias)+"\n")
	return path
}

// withKey is the server's client configuration with another key.
func withKey(t *testing.T, srv *scptest.Server, keyFile string) string {
	t.Helper()
	path := filepath.Join(newDir(t, ""), "config")
	writeFile(t, path, strings.ReplaceAll(readFile(t, srv.ConfigFile), srv.KeyFile, keyFile))
	return path
}

// closedPort is one where nobody listens.
func closedPort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
