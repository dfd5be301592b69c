package scptest

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// privsepDir makes the directory without which sshd refuses to start as root;
// the system's service manager normally does.
func privsepDir(t testing.TB) {
	t.Helper()
	if os.Geteuid() == 0 {
		mkdirAll(t, "/run/sshd")
	}
}

// sshdConfig is written anew for each port that is tried. HOME is set here as
// well as in the namespace's passwd: where there is no namespace, the real
// home's shell start-up files would cost up to a second a command.
func (s *Server) sshdConfig(o *options, h host, hostKeys []string, port int) string {
	lines := slices.Clone(o.extra)
	add := func(format string, args ...any) {
		lines = append(lines, fmt.Sprintf(format, args...))
	}
	add("ListenAddress 127.0.0.1")
	add("Port %d", port)
	for _, file := range hostKeys {
		add("HostKey %s", file)
	}
	add("AuthorizedKeysFile %s", filepath.Join(s.Home, ".ssh", "authorized_keys"))
	add("PidFile none")
	add("UsePAM no")
	add("StrictModes no")
	add("PermitRootLogin yes")
	add("PasswordAuthentication no")
	add("KbdInteractiveAuthentication no")
	add("PrintMotd no")
	add("PrintLastLog no")
	add("UseDNS no")
	add("MaxStartups 1000")
	add("MaxSessions %d", o.maxSessions)
	add("LogLevel %s", h.logLevel())
	add("SetEnv %s", setEnv(s.environ(o, h)))
	if h.chroot != "" {
		add("ChrootDirectory %s", h.chroot)
	}
	if o.forceCommand != "" {
		add("ForceCommand %s", o.forceCommand)
	}
	return strings.Join(lines, "\n") + "\n"
}

// logLevel is as talkative as the host allows: inside a chroot sshd's own words
// about it go to the command's standard error.
func (h host) logLevel() string {
	if h.chroot != "" {
		return "INFO"
	}
	return "VERBOSE"
}

func (s *Server) environ(o *options, h host) map[string]string {
	env := o.environ(s.Home)
	env[marker] = s.dir
	if h.path != "" {
		env["PATH"] = h.path
	}
	return env
}

// setEnv writes the arguments of SetEnv, of which sshd takes the first line
// only.
func setEnv(env map[string]string) string {
	var words []string
	for _, name := range slices.Sorted(maps.Keys(env)) {
		words = append(words, fmt.Sprintf("\"%s=%s\"", name, escape(env[name])))
	}
	return strings.Join(words, " ")
}

func escape(value string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value)
}

// writeClientConfig writes ssh_config and known_hosts for the server.
func (s *Server) writeClientConfig(t testing.TB, extra string) {
	t.Helper()
	config := fmt.Sprintf(`Host %s
HostName 127.0.0.1
Port %d
User %s
IdentityFile %s
IdentitiesOnly yes
IdentityAgent none
UserKnownHostsFile %s
GlobalKnownHostsFile none
StrictHostKeyChecking yes
PreferredAuthentications publickey
%s
`, Alias, s.Port, s.User, s.KeyFile, s.KnownHosts, extra)
	writeFile(t, s.ConfigFile, []byte(config), 0o600)
	if extra == "" {
		s.writeKnownHosts(t)
	}
}

func (s *Server) writeKnownHosts(t testing.TB) {
	t.Helper()
	var b strings.Builder
	for _, key := range s.HostKeys {
		fmt.Fprintln(&b, KnownHostsLine(key, s.Addr, Alias))
	}
	writeFile(t, s.KnownHosts, []byte(b.String()), 0o600)
}

// KnownHostsLine is a line of known_hosts, without its newline, for addresses
// given as host or host:port.
func KnownHostsLine(key ssh.PublicKey, addrs ...string) string {
	return knownhosts.Line(addrs, key)
}
