package mount_test

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Two ordinary users; neither needs to exist in the password file.
const (
	mounter  = 65534
	stranger = 65533
)

// player is the test binary at work as a program that has a mount.
type player struct {
	cmd  *exec.Cmd
	in   io.Closer
	line string // the first line it said
}

// startMount starts a program in the role "mount" and takes its first line.
func startMount(t *testing.T, cmd *exec.Cmd) *player {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	p := &player{cmd: cmd, in: in, line: strings.TrimSpace(line)}
	t.Cleanup(func() { p.stop() })
	return p
}

// stop has the program unmount and end.
func (p *player) stop() error {
	p.in.Close()
	return p.cmd.Wait()
}

// userDir is a directory of the mounter's, which everybody can reach, and a copy of the
// test binary that he can run.
func userDir(t *testing.T) (dir, bin string) {
	t.Helper()
	needRoot(t)
	info, err := os.Stat("/dev/fuse")
	need(t, err == nil && info.Mode().Perm() == 0o666, "a /dev/fuse that users may open (mode 0666)")
	base, err := os.MkdirTemp("", "mount")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	dir, bin = filepath.Join(base, "mnt"), filepath.Join(base, "program")
	t.Cleanup(func() { mustBeFree(t, dir) })
	for _, err := range []error{
		os.Chmod(base, 0o755), os.Mkdir(dir, 0o755), os.Chown(dir, mounter, mounter), copySelf(bin),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir, bin
}

func copySelf(to string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	data, err := os.ReadFile(self)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o755)
}

// as runs a command as another user, in a directory that he can enter.
func as(uid uint32, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	return cmd
}

// mountAs has an ordinary user mount with option words.
func mountAs(t *testing.T, uid uint32, dir, bin string, words ...string) *player {
	t.Helper()
	cmd := as(uid, bin, append([]string{dir}, words...)...)
	cmd.Env = append(os.Environ(), roleVariable+"=mount")
	return startMount(t, cmd)
}

// allowOthers sets what /etc/fuse.conf says of allow_other while the test runs: the
// file is covered, not changed.
func allowOthers(t *testing.T, allow bool) {
	t.Helper()
	text := "# for a test\n"
	if allow {
		text = "user_allow_other\n"
	}
	conf := filepath.Join(t.TempDir(), "fuse.conf")
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount(conf, "/etc/fuse.conf", "", syscall.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Unmount("/etc/fuse.conf", syscall.MNT_DETACH) })
}

func TestUserMount(t *testing.T) {
	dir, bin := userDir(t)
	p := mountAs(t, mounter, dir, bin, "ro", "noexec", "noatime", "relatime", "default_permissions")
	if p.line != "mounted" {
		t.Fatal(p.line)
	}
	line := mountLine(dir)
	for _, want := range []string{"ro,nosuid,nodev,noexec,noatime", "user_id=65534",
		`- fuse.scpfs me@host:/a,\040b\134c `, "default_permissions", "max_read=1048576"} {
		if !strings.Contains(line, want) {
			t.Errorf("no %q in %s", want, line)
		}
	}
	if out, err := as(mounter, "cat", dir+"/hello").CombinedOutput(); string(out) != "hello\n" {
		t.Errorf("the mounter reads %q, %v", out, err)
	}
	if out, err := as(stranger, "cat", dir+"/hello").CombinedOutput(); err == nil {
		t.Errorf("a stranger reads %q", out)
	}
	if err := p.stop(); err != nil {
		t.Errorf("ended with %v", err)
	}
}

func TestUserMountRefused(t *testing.T) {
	dir, bin := userDir(t)
	allowOthers(t, false)
	tests := []struct {
		name string
		dir  string
		uid  uint32
		word string
		want string
	}{
		{"allow_other", dir, mounter, "allow_other", "user_allow_other into /etc/fuse.conf"},
		{"setuid", dir, mounter, "suid", `"suid" is for root only`},
		{"not his", dir, stranger, "rw", "is not writable for you"},
		{"sticky", "/tmp", stranger, "rw", "mountpoint /tmp is not yours"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := mountAs(t, tt.uid, tt.dir, bin, tt.word)
			if !strings.Contains(p.line, tt.want) {
				t.Errorf("got %q, want %q", p.line, tt.want)
			}
		})
	}
}

func TestAllowRoot(t *testing.T) {
	dir, bin := userDir(t)
	allowOthers(t, true)
	p := mountAs(t, mounter, dir, bin, "allow_root")
	if p.line != "mounted" {
		t.Fatal(p.line)
	}
	for uid, may := range map[uint32]bool{mounter: true, 0: true, stranger: false} {
		for _, cmd := range []*exec.Cmd{as(uid, "cat", dir+"/hello"), as(uid, "ls", dir), as(uid, "stat", dir+"/nothing/..")} {
			out, err := cmd.CombinedOutput()
			denied := strings.Contains(string(out), "Permission denied")
			if denied == may {
				t.Errorf("uid %d: %v: %s, %v", uid, cmd.Args, out, err)
			}
		}
	}
}

// TestUserAutoUnmount kills the program: the mount has to be cleared.
func TestUserAutoUnmount(t *testing.T) {
	dir, bin := userDir(t)
	p := mountAs(t, mounter, dir, bin, "auto_unmount")
	if p.line != "mounted" {
		t.Fatal(p.line)
	}
	p.cmd.Process.Kill()
	waitUntil(t, "unmounted after the program was killed", func() bool { return mountLine(dir) == "" })
}

// TestUserCheckOthersMount looks at a mount of somebody else's.
func TestUserCheckOthersMount(t *testing.T) {
	dir, bin := userDir(t)
	if p := mountAs(t, mounter, dir, bin); p.line != "mounted" {
		t.Fatal(p.line)
	}
	p := mountAs(t, stranger, dir, bin)
	if !strings.Contains(p.line, "permission denied") {
		t.Errorf("got %q", p.line)
	}
}
