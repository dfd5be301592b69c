package e2e_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/scpfs/scpfs/scpio/scptest"
)

// conflict makes "ours" of a file that becomes "foreign" on the host before it
// is closed.
func (m *mounted) conflict(name string) {
	m.t.Helper()
	writeFile(m.t, m.path(name), "old")
	f, err := os.OpenFile(m.path(name), os.O_RDWR|os.O_TRUNC, 0)
	if err != nil {
		m.t.Fatal(err)
	}
	f.WriteString("ours")
	writeFile(m.t, m.there(name), "foreign")
	if err := f.Close(); !errors.Is(err, syscall.ESTALE) {
		m.t.Errorf("close: %v", err)
	}
}

// copyOf is the copy on the host that a conflict of a file has made, if any.
func (m *mounted) copyOf(name string) string {
	m.t.Helper()
	found, _ := filepath.Glob(m.there(name) + ".conflict-*") // the pattern is good
	if len(found) > 1 {
		m.t.Errorf("copies: %q", found)
	}
	if len(found) == 0 {
		return ""
	}
	return filepath.Base(found[0])
}

// wantGone wants no file of a name, on either side.
func (m *mounted) wantGone(name string) {
	m.t.Helper()
	for _, path := range []string{m.there(name), m.path(name)} {
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			m.t.Errorf("%s: %v", path, err)
		}
	}
}

// wantBoth wants contents on both sides.
func (m *mounted) wantBoth(name, want string) {
	m.t.Helper()
	wantFile(m.t, m.there(name), want)
	wantFile(m.t, m.path(name), want)
}

// TestResolveCopies: keep-both leaves a copy, which is listed, also by the next
// mount, until somebody decides.
func TestResolveCopies(t *testing.T) {
	t.Parallel()
	m := mountAt(t, scptest.Start(t), mountOptions{background: true})
	for _, keep := range []string{"local", "remote", "both"} {
		m.conflict(keep)
	}
	wantSaid(t, m.ask("conflicts", m.Point), "local", "copy: "+m.copyOf("remote"), "conflict, "+time.Now().Format("2006"))
	m.Unmount()
	m.Mount()
	wantSaid(t, m.ask("conflicts", m.Point), m.copyOf("local"), m.copyOf("remote"), m.copyOf("both"))

	copies := map[string]string{}
	for _, keep := range []string{"local", "remote", "both"} {
		copies[keep] = m.copyOf(keep)
		m.ask("resolve", "--yes", "--keep", keep, m.Point, keep)
	}
	m.wantBoth("local", "ours")
	m.wantGone(copies["local"])
	m.wantBoth("remote", "foreign")
	m.wantGone(copies["remote"])
	m.wantBoth("both", "foreign")
	m.wantBoth(copies["both"], "ours")
	wantSaid(t, m.ask("conflicts", m.Point), "no conflicts")
	got := ask(t, nil, nil, "resolve", m.Point, "both", "--keep=local")
	if got.status != 1 || !strings.Contains(got.out, "nothing is in conflict") {
		t.Errorf("once more: %+v", got)
	}
}

// TestResolveIsBasedOnWhatWasShown: a copy does not take the place of a version
// that nobody here has seen.
func TestResolveIsBasedOnWhatWasShown(t *testing.T) {
	m := mountAt(t, scptest.Start(t), mountOptions{words: []string{"cache_timeout=1h"}})
	m.conflict("f")
	wantFile(t, m.path("f"), "foreign")
	writeFile(t, m.there("f"), "more foreign")
	got := ask(t, nil, nil, "resolve", m.Point, m.path("f"), "--keep=local")
	if got.status != 1 || !strings.Contains(got.out, "look again") {
		t.Errorf("got %+v", got)
	}
	m.wantBoth("f", "more foreign")
	m.ask("resolve", m.Point, m.path("f"), "--keep=local")
	m.wantBoth("f", "ours")
}

// TestResolveStuck: with conflict=fail ours stays here until somebody decides.
func TestResolveStuck(t *testing.T) {
	m := mountAt(t, scptest.Start(t), mountOptions{words: []string{"conflict=fail"}})
	for _, keep := range []string{"local", "remote", "both"} {
		m.conflict(keep)
	}
	wantSaid(t, m.ask("conflicts", m.Point), "stuck")
	if got := ask(t, nil, nil, "resolve", m.Point, "remote", "--keep=remote"); got.status != 1 || !strings.Contains(got.out, "give --yes") {
		t.Errorf("without being asked: %+v", got)
	}
	saved := filepath.Join(newDir(t, ""), "saved")
	m.ask("resolve", m.Point, "remote", "--keep=remote", "--yes", "--save", saved)
	wantFile(t, saved, "ours")
	m.wantBoth("remote", "foreign")
	m.ask("resolve", m.Point, "local", "--keep=local")
	m.wantBoth("local", "ours")
	m.ask("resolve", m.Point, "both", "--keep=both")
	m.wantBoth("both", "foreign")
	m.wantBoth(m.copyOf("both"), "ours")
	if s := m.told(); len(s.Unsent) != 0 {
		t.Errorf("unsent: %+v", s.Unsent)
	}
}

// TestGiveUp: a change that cannot be sent is given up by a person alone, and
// its contents stay.
func TestGiveUp(t *testing.T) {
	t.Parallel()
	srv := scptest.Start(t)
	m := mountAt(t, srv, mountOptions{words: []string{"timeout=5"}})
	writeFile(t, m.path("f"), "old")
	srv.Stop()
	if err := os.WriteFile(m.path("f"), []byte("new"), 0o644); err == nil {
		t.Fatal("stored on a host that is down")
	}
	said := m.ask("resolve", m.Point, "f", "--keep=remote", "--yes")
	wantSaid(t, said, "the contents are kept in ")
	_, saved, _ := strings.Cut(strings.TrimSpace(said), "kept in ")
	wantFile(t, saved, "new")
	if s := m.told(); len(s.Unsent) != 0 {
		t.Errorf("unsent: %+v", s.Unsent)
	}
	srv.Restart()
	back := func() bool { _, err := os.ReadFile(m.path("f")); return err == nil }
	if !await(back) { // it is noticed after a few seconds
		t.Fatal("the host is not noticed to be back")
	}
	m.wantBoth("f", "old")
}
