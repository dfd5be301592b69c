package scptest

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// StartDropbear is [Start] for dropbear, which looks for authorized_keys in the
// account's home and nowhere else: it needs a mount namespace.
func StartDropbear(t testing.TB, opts ...Option) *Server {
	t.Helper()
	tools := Need(t, "dropbear", "dropbearkey")
	o := newOptions(opts)
	if o.busybox {
		t.Fatal("scptest: dropbear cannot chroot, use Start for BusyboxOnly")
	}
	if !canMount() {
		Missing(t, "namespaces", "dropbear takes keys from the account's home, which only a mount namespace can replace")
	}
	s := newServer(t)
	// -e hands the environment on, and with it the marker.
	args := []string{tools[0], "-F", "-E", "-e", "-m", "-s"}
	for _, kind := range o.hostKeyTypes {
		args = append(args, "-r", s.dropbearKey(t, tools[1], kind))
	}
	if o.forceCommand != "" {
		args = append(args, "-c", o.forceCommand)
	}
	space := s.newNamespace(t, o)
	env := environList(o.env)
	s.listen(t, "Not backgrounding", func(port int) []string {
		line := append(args, "-p", "127.0.0.1:"+strconv.Itoa(port))
		return space.wrap(append(env, line...)...)
	})
	return s
}

// environList is the command line prefix that sets variables.
func environList(env map[string]string) []string {
	line := []string{"env"}
	for name, value := range env {
		line = append(line, name+"="+value)
	}
	return line
}

// dropbearKey makes a host key: dropbear has a format of its own.
func (s *Server) dropbearKey(t testing.TB, program, kind string) string {
	t.Helper()
	path := filepath.Join(s.dir, "host_"+kind)
	out, err := exec.Command(program, "-t", kind, "-f", path).Output()
	if err != nil {
		t.Fatalf("dropbearkey -t %s: %v", kind, err)
	}
	public := path + ".pub"
	writeFile(t, public, publicLine(out), 0o644)
	s.HostKeys = append(s.HostKeys, readPublicKey(t, public))
	return path
}

// publicLine finds the authorized_keys line among what dropbearkey prints.
func publicLine(out []byte) []byte {
	for line := range bytes.Lines(out) {
		if bytes.HasPrefix(line, []byte("ssh-")) || bytes.HasPrefix(line, []byte("ecdsa-")) {
			return line
		}
	}
	return nil
}
