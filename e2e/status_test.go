package e2e_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/scpfs/scpfs/control"
	"github.com/scpfs/scpfs/scpio/scptest"
)

// TestStatus: a mount is found by its mountpoint, however that is written,
// and tells how it is.
func TestStatus(t *testing.T) {
	srv := scptest.Start(t)
	m := mountAt(t, srv, mountOptions{background: true})
	writeFile(t, m.path("f"), "text")
	wantFile(t, m.path("f"), "text")

	s := m.told()
	if s.PID != m.Pid() || s.Mountpoint != m.Point || s.Connection.State != "connected" || len(s.Unsent)+len(s.Conflicts) != 0 {
		t.Errorf("status: %+v", s)
	}
	if s.Cache.Files != 1 || s.Cache.Bytes != 4 || s.Cache.Size == 0 || s.Memory == 0 || !strings.HasPrefix(s.Cache.Dir, m.Cache) {
		t.Errorf("status: %+v", s)
	}
	link := filepath.Join(newDir(t, ""), "link")
	if err := os.Symlink(filepath.Dir(m.Point), link); err != nil {
		t.Fatal(err)
	}
	words := []string{scptest.Alias + ":" + m.Remote + " on " + m.Point, "connected for", "unsent      none", "conflicts   none"}
	for _, point := range []string{m.Point + "/", filepath.Join(link, filepath.Base(m.Point))} {
		wantSaid(t, m.ask("status", point), words...)
	}
	wantSaid(t, ask(t, nil, nil, "status").out, words...) // and other mounts of this machine, perhaps
	if got := ask(t, nil, nil, "status", m.Remote); got.status != 1 || !strings.Contains(got.out, "not a mount") {
		t.Errorf("of what is no mount: %+v", got)
	}
	m.Unmount()
	if got := ask(t, nil, nil, "status", m.Point); got.status != 1 || !strings.Contains(got.out, "not a mount") {
		t.Errorf("after the end: %+v", got)
	}
}

// TestStatusOfUnsent: what the host does not have is named, with the reason and
// the place of the contents, until it is sent.
func TestStatusOfUnsent(t *testing.T) {
	t.Parallel()
	srv := scptest.Start(t)
	m := mountAt(t, srv, mountOptions{words: []string{"timeout=5"}})
	name := "a\x1b[31mb\nc"
	writeFile(t, m.path(name), "old")
	srv.Stop()
	if err := os.WriteFile(m.path(name), []byte("new"), 0o644); err == nil {
		t.Fatal("stored on a host that is down")
	}
	s := m.told()
	if s.Connection.State == "connected" || s.Connection.Error == "" {
		t.Errorf("connection: %+v", s.Connection)
	}
	if len(s.Unsent) != 1 {
		t.Fatalf("unsent: %+v", s.Unsent)
	}
	u := s.Unsent[0]
	if string(u.Path) != name || u.Size != 3 || u.Error == "" || u.Open || time.Since(u.Since) > lifetime {
		t.Errorf("unsent: %+v", u)
	}
	wantFile(t, u.Local, "new")
	text := m.ask("status", m.Point)
	wantSaid(t, text, `"a\x1b[31mb\nc"`, "unsent      1 change", "not stored: ", u.Local)
	if strings.ContainsRune(text, '\x1b') {
		t.Errorf("a terminal would obey %q", text)
	}
	srv.Restart()
	waitUntil(t, "the host is noticed to be back", func() bool {
		f, err := os.OpenFile(m.path(name), os.O_WRONLY, 0)
		return err == nil && f.Close() == nil
	})
	if s := m.told(); len(s.Unsent) != 0 || s.Connection.State != "connected" || s.Connection.Error != "" {
		t.Errorf("afterwards: %+v", s)
	}
	wantFile(t, m.there(name), "new")
}

// TestStatusOfTheKilled: a mount that was killed is told from one that lives,
// without looking at it; the next mount takes the place of its socket.
func TestStatusOfTheKilled(t *testing.T) {
	t.Parallel()
	srv := scptest.Start(t)
	m := mountAt(t, srv, mountOptions{words: []string{"timeout=5"}})
	writeFile(t, m.path("f"), "old")
	srv.Stop()
	if err := os.WriteFile(m.path("f"), []byte("new"), 0o644); err == nil {
		t.Fatal("stored on a host that is down")
	}
	dir := m.told().Cache.Dir
	m.program.kill()
	got := ask(t, nil, nil, "status", m.Point)
	if got.status != 3 {
		t.Errorf("status %d", got.status)
	}
	wantSaid(t, got.out, "has ended without unmounting", "fusermount3 -u "+m.Point, dir)
	if _, err := os.Lstat(filepath.Join(dir, "control")); err != nil {
		t.Errorf("the test is about a socket that is left: %v", err)
	}
	if out, err := m.fusermount("-u"); err != nil {
		t.Fatal(err, out)
	}
	got = ask(t, nil, nil, "status", m.Point)
	wantSaid(t, got.out, "the host does not have all changes", dir)
	srv.Restart()
	m.Mount()
	if s := m.told(); s.Cache.Dir != dir || len(s.Unsent) != 0 {
		t.Errorf("after the next mount: %+v", s)
	}
	wantFile(t, m.there("f"), "new")
}

// TestStatusOfTheStopped: a mount that does not answer is said not to.
func TestStatusOfTheStopped(t *testing.T) {
	t.Parallel()
	m := mountAt(t, scptest.Start(t), mountOptions{})
	if err := syscall.Kill(m.Pid(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	got := ask(t, nil, nil, "status", m.Point)
	if err := syscall.Kill(m.Pid(), syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if got.status != 3 || !strings.Contains(got.out, "does not answer") {
		t.Errorf("got %+v", got)
	}
}

var _ = role("asker", playAsker)

// playAsker asks the mount whose directory is given.
func playAsker(args []string) int {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	a, err := control.Ask(ctx, args[0], control.Request{Command: control.CommandStatus})
	fmt.Println(a.Status != nil, err)
	return 0
}

// TestStatusIsPrivate: another user does not come to the socket, and where the
// modes let him he gets no answer. Root does.
func TestStatusIsPrivate(t *testing.T) {
	srv, o := ordinary(t)
	m := mountAt(t, srv, o)
	dir := m.told().Cache.Dir
	asker := filepath.Join(newDir(t, ""), "asker") // where everybody can run it
	run(t, "/", "cp", roleCommand(t, "asker").Path, asker)
	askAs := func(uid uint32) string {
		cmd := roleCommand(t, "asker", dir)
		cmd.Path = asker
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		return output(t, cmd)
	}
	wantSaid(t, askAs(0), "true <nil>")
	wantSaid(t, askAs(65534), "true <nil>")
	wantSaid(t, askAs(1234), "false", "permission denied")
	st, err := os.Stat(filepath.Join(dir, "control"))
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("socket: %v, %v", st.Mode(), err)
	}
	for at := dir; at != m.Cache; at = filepath.Dir(at) {
		chmod(t, at, 0o755)
	}
	chmod(t, m.Cache, 0o755)
	chmod(t, filepath.Join(dir, "control"), 0o666)
	wantSaid(t, askAs(1234), "false", "it does not answer this user")
	wantSaid(t, askAs(65534), "true <nil>")
}
