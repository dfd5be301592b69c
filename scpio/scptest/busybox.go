package scptest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// host is what a server's commands see of the machine.
type host struct {
	chroot string // where the server puts them, "" for nowhere
	path   string // their PATH, "" for the usual
}

// Busybox returns a directory with a busybox, a link to it for each of its
// applets, and the machine's scp.
func Busybox(t testing.TB) string {
	t.Helper()
	tools := Need(t, "busybox", "scp")
	dir := filepath.Join(tempDir(t), "bin")
	mkdirAll(t, dir)
	if err := os.Symlink(tools[1], filepath.Join(dir, "scp")); err != nil {
		t.Fatal(err)
	}
	copyFile(t, tools[0], filepath.Join(dir, "busybox"))
	linkApplets(t, dir)
	return dir
}

func linkApplets(t testing.TB, dir string) {
	t.Helper()
	busybox := filepath.Join(dir, "busybox")
	out, err := exec.Command(busybox, "--list").Output()
	if err != nil {
		t.Fatalf("busybox --list: %v", err)
	}
	for applet := range strings.FieldsSeq(string(out)) {
		if err := os.Symlink("busybox", filepath.Join(dir, applet)); err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
	}
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, to, data, 0o755)
}

// prepareHost lays out what [BusyboxOnly] asks for.
func (s *Server) prepareHost(t testing.TB, o *options, n *namespace) host {
	t.Helper()
	switch {
	case !o.busybox:
		return host{}
	case os.Geteuid() == 0 && n.possible:
		return s.chroot(t, n)
	}
	dir := Busybox(t)
	if n.possible {
		n.bind(filepath.Join(dir, "busybox"), "/bin/sh")
	}
	return host{path: dir}
}

// chrootPoint is where the root directory is mounted: sshd wants each
// directory above it to be writable by root alone, as temporary ones never
// are.
const chrootPoint = "/mnt"

// chroot builds a root directory of binaries, devices and the home. Everything
// that is not busybox comes by bind mount, and the mounts go with the
// namespace.
func (s *Server) chroot(t testing.TB, n *namespace) host {
	t.Helper()
	root := filepath.Join(s.dir, "root")
	copyFile(t, Need(t, "busybox")[0], filepath.Join(root, "bin", "busybox"))
	linkApplets(t, filepath.Join(root, "bin"))
	scp := Need(t, "scp")[0]
	bindInto(t, n, root, scp, "/bin/scp")
	for _, lib := range libraries(t, scp) {
		bindInto(t, n, root, lib, lib)
	}
	for _, dev := range []string{"/dev/null", "/dev/zero", "/dev/urandom"} {
		bindInto(t, n, root, dev, dev)
	}
	for _, dir := range []string{"tmp", s.Home} {
		mkdirAll(t, filepath.Join(root, dir))
	}
	writeFile(t, filepath.Join(root, "etc/passwd"), []byte(s.passwdLine(t, "/bin/sh")), 0o644)
	writeFile(t, filepath.Join(root, "etc/group"), []byte("root:x:0:\n"), 0o644)
	n.bind(s.Home, filepath.Join(root, s.Home))
	n.rbind(root, chrootPoint)
	return host{chroot: chrootPoint, path: "/bin"}
}

// bindInto makes a file of the machine appear below root.
func bindInto(t testing.TB, n *namespace, root, file, at string) {
	t.Helper()
	target := filepath.Join(root, at)
	writeFile(t, target, nil, 0o644)
	n.bind(file, target)
}

// libraries asks the dynamic loader for the paths that program needs: the
// words of ldd's output that begin with a slash.
func libraries(t testing.TB, program string) []string {
	t.Helper()
	out, err := exec.Command("ldd", program).Output()
	if err != nil {
		t.Fatalf("ldd %s: %v", program, err)
	}
	var libs []string
	for word := range strings.FieldsSeq(string(out)) {
		if strings.HasPrefix(word, "/") {
			libs = append(libs, word)
		}
	}
	return libs
}
