package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/scpfs/scpfs/scpio/scptest"
)

// TestReadOnly: -o ro refuses here, before the host is asked.
func TestReadOnly(t *testing.T) {
	m := mountAt(t, scptest.Start(t), mountOptions{words: []string{"ro"}})
	writeFile(t, m.there("file"), "old\n")
	wantErrno(t, "write", write(m.path("file"), os.O_WRONLY, "x"), syscall.EROFS)
	wantErrno(t, "create", write(m.path("new"), os.O_WRONLY|os.O_CREATE, "x"), syscall.EROFS)
	wantErrno(t, "remove", os.Remove(m.path("file")), syscall.EROFS)
	wantFile(t, m.path("file"), "old\n")
	if !strings.Contains(mountLine(m.Point), " ro,") {
		t.Errorf("mount table: %s", mountLine(m.Point))
	}
}

// TestMountTable: what is mounted is named there.
func TestMountTable(t *testing.T) {
	srv := scptest.Start(t)
	m := mountAt(t, srv, mountOptions{})
	want := fmt.Sprintf("%s:%s %s fuse.scpfs rw,nosuid,nodev,", scptest.Alias, m.Remote, m.Point)
	if !strings.HasPrefix(mountLine(m.Point), want) {
		t.Errorf("got %s, want %s", mountLine(m.Point), want)
	}
	m = mountAt(t, srv, mountOptions{words: []string{`fsname=a\,b c`, "subtype=mine", "noexec"}})
	if line := mountLine(m.Point); !strings.HasPrefix(line, `a,b\040c `) || !strings.Contains(line, " fuse.mine ") || !strings.Contains(line, "noexec") {
		t.Errorf("got %s", line)
	}
}

// TestOwnerShown: uid, gid and umask replace what the host has.
func TestOwnerShown(t *testing.T) {
	m := mountAt(t, scptest.Start(t), mountOptions{words: []string{"uid=1234", "gid=4321", "umask=027"}})
	writeFile(t, m.there("file"), "")
	chmod(t, m.there("file"), 0o600)
	mkdir(t, m.path("dir"))
	if got := run(t, m.Point, "stat", "-c", "%n %u %g %a", "file", "dir", "."); got != "file 1234 4321 750\ndir 1234 4321 750\n. 1234 4321 750\n" {
		t.Errorf("got %q", got)
	}
	wantMode(t, m.there("file"), 0o600)
}

// TestFollowSymlinks: links are shown as what they point to.
func TestFollowSymlinks(t *testing.T) {
	m := mountAt(t, scptest.Start(t), mountOptions{words: []string{"follow_symlinks"}})
	outside := filepath.Join(newDir(t, ""), "outside")
	writeFile(t, outside, "outside\n")
	shell(t, m.Remote, "mkdir dir; echo below >dir/file; ln -s dir todir; ln -s nowhere dangling; ln -s "+outside+" out")
	wantFile(t, m.path("out"), "outside\n")
	wantFile(t, m.path("todir/file"), "below\n")
	if got := run(t, m.Point, "stat", "-c", "%n %F", "out", "todir"); got != "out regular file\ntodir directory\n" {
		t.Errorf("got %q", got)
	}
	writeFile(t, m.path("out"), "changed\n")
	wantFile(t, outside, "changed\n")
	if target, err := os.Readlink(m.there("out")); err != nil || target != outside {
		t.Errorf("the link is now %q, %v", target, err)
	}
}

// TestPort: -p wins over the configuration.
func TestPort(t *testing.T) {
	srv := scptest.Start(t)
	wrong := *srv
	wrong.ConfigFile = filepath.Join(newDir(t, ""), "config")
	port := fmt.Sprint(srv.Port)
	writeFile(t, wrong.ConfigFile, strings.Replace(readFile(t, srv.ConfigFile), "Port "+port, "Port 1", 1))
	for _, args := range [][]string{{"-p", port}, {"-o", "port=" + port}, {"-o", "Port=" + port}} {
		m := mountAt(t, &wrong, mountOptions{args: args})
		writeFile(t, m.path("file"), port)
		wantFile(t, m.there("file"), port)
	}
}

// TestMountHelper: the program under the name by which mount(8) calls it.
func TestMountHelper(t *testing.T) {
	srv := scptest.Start(t)
	point, remote := newDir(t, ""), newDir(t, srv.Home)
	helper := filepath.Join(newDir(t, ""), "mount.scpfs")
	if err := os.Symlink(scpfs, helper); err != nil {
		t.Fatal(err)
	}
	options := "rw,noexec,_netdev,x-systemd.automount,cache_dir=" + newDir(t, "") +
		",UserKnownHostsFile=" + srv.KnownHosts + ",HostKeyAlias=" + scptest.Alias + ",IdentityFile=" + srv.KeyFile + ",port=" + fmt.Sprint(srv.Port)
	run(t, "/", helper, srv.User+"@127.0.0.1:"+remote, point, "-n", "-o", options)
	defer func() {
		run(t, "/", "umount", point)
		waitUntil(t, "the program ended", func() bool { return len(pidsWith(point, scpfs)) == 0 })
	}()
	if line := mountLine(point); !strings.Contains(line, " fuse.scpfs rw,") || !strings.Contains(line, "noexec") {
		t.Errorf("mount table: %s", line)
	}
	writeFile(t, point+"/file", "data\n")
	wantFile(t, remote+"/file", "data\n")
}

// TestSignals: a program that is told to end stores what is open, and leaves
// no mount.
func TestSignals(t *testing.T) {
	srv := scptest.Start(t)
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		m := mountAt(t, srv, mountOptions{})
		writeFile(t, m.path("file"), "data\n")
		m.Signal(sig)
		wantFile(t, m.there("file"), "data\n")
	}
	m := mountAt(t, srv, mountOptions{})
	f, err := os.Create(m.path("open"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("not closed\n"); err != nil {
		t.Fatal(err)
	}
	m.Signal(syscall.SIGTERM)
	wantFile(t, m.there("open"), "not closed\n")
}

// TestAllow: who but the mounting user is let in.
func TestAllow(t *testing.T) {
	needRoot(t)
	srv := scptest.Start(t)
	for _, tt := range []struct {
		name, words string
		shared      bool // another user reads what everybody may
		secret      bool // another user reads what is for its owner
	}{
		{"nobody", "rw", false, false},
		{"root", "allow_root", false, false},
		{"everybody", "allow_other", true, true},
		{"everybody by modes", "allow_other,default_permissions", true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := mountAt(t, srv, mountOptions{words: strings.Split(tt.words, ",")})
			writeFile(t, m.path("shared"), "data\n")
			writeFile(t, m.path("secret"), "data\n")
			chmod(t, m.path("secret"), 0o600)
			if got := readAs(nobody, m.path("shared")); got != tt.shared {
				t.Errorf("shared: got %v, want %v", got, tt.shared)
			}
			if got := readAs(nobody, m.path("secret")); got != tt.secret {
				t.Errorf("secret: got %v, want %v", got, tt.secret)
			}
		})
	}
}

// nobody is an ordinary user.
var nobody = &syscall.Credential{Uid: 65534, Gid: 65534}

// readAs tells whether a user can read a file.
func readAs(who *syscall.Credential, path string) bool {
	cmd := exec.Command("cat", path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who}
	return cmd.Run() == nil
}
