package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/scpfs/scpfs/scpio/scptest"
)

// ordinary gives an ordinary user a key, a configuration and a home to mount
// the server with. On the host it is still the account of the server.
func ordinary(t *testing.T) (*scptest.Server, mountOptions) {
	t.Helper()
	needRoot(t)
	srv := scptest.Start(t)
	dir := newDir(t, "")
	run(t, "/", "cp", srv.KeyFile, srv.KnownHosts, dir)
	theirs := *srv
	theirs.ConfigFile = filepath.Join(dir, "config")
	writeFile(t, theirs.ConfigFile, strings.ReplaceAll(readFile(t, srv.ConfigFile), filepath.Dir(srv.KeyFile), dir))
	run(t, "/", "chown", "-R", "65534:65534", dir)
	return &theirs, mountOptions{as: nobody, env: []string{"HOME=" + dir, "XDG_CACHE_HOME=" + dir + "/.cache", "USER=nobody", "LOGNAME=nobody"}}
}

// as runs a script as an ordinary user.
func as(t testing.TB, who *syscall.Credential, dir, script string) string {
	t.Helper()
	cmd := exec.Command("sh", "-euc", `cd "$0"; `+script, dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who}
	return output(t, cmd)
}

// TestOrdinaryUser mounts through fusermount3, in the foreground and the
// background. Even root stays out.
func TestOrdinaryUser(t *testing.T) {
	srv, o := ordinary(t)
	for _, background := range []bool{false, true} {
		o.background = background
		m := mountAt(t, srv, o)
		as(t, nobody, m.Point, "mkdir dir; echo data >dir/file; mv dir/file file; rmdir dir")
		wantFile(t, m.there("file"), "data\n")
		if _, err := os.Stat(m.path("file")); err == nil {
			t.Error("root is let in")
		}
		if line := mountLine(m.Point); !strings.Contains(line, "user_id=65534,group_id=65534") {
			t.Errorf("mount table: %s", line)
		}
		m.Unmount()
	}
}

// TestIDMap: the account's files are the user's here, and what the user gives
// away to the account's id there keeps its meaning.
func TestIDMap(t *testing.T) {
	srv, o := ordinary(t)
	o.words = []string{"idmap=user"}
	m := mountAt(t, srv, o)
	shell(t, m.Remote, "echo x >ours; echo x >other; chown 1234:1234 other; echo x >swapped; chown 65534:65534 swapped")
	want := "other 1234 1234\nours 65534 65534\nswapped 0 0\n"
	if got := as(t, nobody, m.Point, "stat -c '%n %u %g' *"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	as(t, nobody, m.Point, "echo y >new; chown 65534:65534 other; chown 0 ours")
	want = "new 0 0\nother 0 0\nours 65534 0\nswapped 65534 65534\n"
	if got := shell(t, m.Remote, "stat -c '%n %u %g' *"); got != want {
		t.Errorf("on the host: got %q, want %q", got, want)
	}
}

// TestUserRefused: what fusermount3 does not allow a user is explained.
func TestUserRefused(t *testing.T) {
	srv, o := ordinary(t)
	if text, err := os.ReadFile("/etc/fuse.conf"); err == nil && strings.Contains("\n"+string(text), "\nuser_allow_other") {
		t.Log("this machine lets users allow others")
		return
	}
	point := newDir(t, "")
	for _, tt := range []struct{ point, words, want string }{
		{point, "rw", "mount on a directory that you own"},
		{"", "allow_other", "user_allow_other"},
	} {
		if tt.point == "" {
			tt.point = newDir(t, "")
			run(t, "/", "chown", "65534", tt.point)
		}
		p := start(t, o, scptest.Alias+":", tt.point, "-f", "-F", srv.ConfigFile, "-o", tt.words)
		defer p.end(t)
		if err := p.wait(patience); err == nil || !strings.Contains(p.said(), tt.want) {
			t.Errorf("%s: got %v: %s", tt.words, err, p.said())
		}
		if line := mountLine(tt.point); line != "" {
			t.Errorf("left mounted: %s", line)
		}
	}
}

// TestNoDevice: a machine, or a container, without /dev/fuse.
func TestNoDevice(t *testing.T) {
	needRoot(t)
	srv := scptest.Start(t)
	point := newDir(t, "")
	for _, background := range []string{"-s", "-f"} {
		cmd := exec.Command("unshare", "--mount", "sh", "-euc", `mount -t tmpfs none /dev; mknod /dev/null c 1 3; exec "$@"`, "sh",
			scpfs, scptest.Alias+":", point, "-F", srv.ConfigFile, "-o", "cache_dir="+newDir(t, ""), background)
		said, err := combined(cmd)
		if err == nil || !strings.Contains(said, "/dev/fuse") || strings.Count(said, "\n") != 1 {
			t.Errorf("got %v: %s", err, said)
		}
	}
}

// TestForeignUser: what the account on the host may not do is EACCES or EPERM
// here, as for a program there.
func TestForeignUser(t *testing.T) {
	m := mountAt(t, unprivileged(t), mountOptions{remote: lockedDir(t)})
	for _, tt := range []struct {
		what string
		err  error
		want syscall.Errno
	}{
		{"read a secret", write(m.path("secret"), os.O_RDONLY, ""), syscall.EACCES},
		{"write what is read only", write(m.path("readable"), os.O_WRONLY, "x"), syscall.EACCES},
		{"truncate what is read only", os.Truncate(m.path("readable"), 1), syscall.EACCES},
		{"create", write(m.path("new"), os.O_WRONLY|os.O_CREATE, "x"), syscall.EACCES},
		{"mkdir", os.Mkdir(m.path("dir"), 0o755), syscall.EACCES},
		{"unlink", os.Remove(m.path("readable")), syscall.EACCES},
		{"rename", os.Rename(m.path("readable"), m.path("x")), syscall.EACCES},
		{"chmod", os.Chmod(m.path("readable"), 0o666), syscall.EPERM},
		{"chown", os.Chown(m.path("readable"), 65534, 65534), syscall.EPERM},
		{"list", list(m.path("closed")), syscall.EACCES},
		{"look into", list(m.path("closed/below")), syscall.EACCES},
	} {
		wantErrno(t, tt.what, tt.err, tt.want)
	}
	wantFile(t, m.path("readable"), "data\n")
	as(t, &syscall.Credential{}, m.path("open"), "echo mine >file")
	wantFile(t, m.there("open/file"), "mine\n")
}

func list(dir string) error {
	_, err := os.ReadDir(dir)
	return err
}

// lockedDir is root's, with little for others.
func lockedDir(t *testing.T) string {
	t.Helper()
	dir := newDir(t, "")
	shell(t, dir, "echo data >secret; chmod 600 secret; echo data >readable; mkdir -p closed/below open; chmod 700 closed; chmod 777 open")
	return dir
}

// unprivileged is a server whose commands run as an ordinary user.
func unprivileged(t *testing.T) *scptest.Server {
	t.Helper()
	needRoot(t)
	setpriv := scptest.Need(t, "setpriv")[0]
	return scptest.Start(t, scptest.ForceCommand(
		"cd /; exec "+setpriv+` --reuid=65534 --regid=65534 --clear-groups /bin/sh -c "$SSH_ORIGINAL_COMMAND"`))
}
