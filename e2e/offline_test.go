package e2e_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/scpfs/scpfs/scpio/scptest"
)

// lookAt makes a small tree on the host, and looks at all of it in the mount.
func lookAt(t *testing.T, m *mounted) {
	t.Helper()
	for _, dir := range []string{"dir/below", "empty"} {
		if err := os.MkdirAll(m.there(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	writeFile(t, m.there("file"), "a file")
	writeFile(t, m.there("dir/below/file"), "below")
	writeFile(t, m.there("large"), strings.Repeat("0123456789abcdef", 100_000))
	if err := os.Symlink("below/file", m.there("dir/link")); err != nil {
		t.Fatal(err)
	}
	wantTree(t, m)
}

// wantTree reads what lookAt has made.
func wantTree(t *testing.T, m *mounted) {
	t.Helper()
	got := contents(t, m.Point)
	want := map[string]string{"file": "a file", "dir/below/file": "below", "dir/link": "below", "large": strings.Repeat("0123456789abcdef", 100_000), "dir/": "", "dir/below/": "", "empty/": ""}
	for name, text := range want {
		if b, ok := got[name]; !ok || !bytes.Equal(b, []byte(text)) {
			t.Errorf("%s has %d bytes, %v", name, len(b), ok)
		}
	}
	if len(got) != len(want) {
		t.Errorf("there are %d names, want %d", len(got), len(want))
	}
}

// TestHostCannotBeReached: what is here can be read while the host is away, long
// after it is believed, and the rest fails at once with the error of the link.
func TestHostCannotBeReached(t *testing.T) {
	t.Parallel()
	srv := scptest.Start(t)
	m := mountAt(t, srv, mountOptions{words: []string{"timeout=2", "cache_timeout=0"}})
	lookAt(t, m)
	if err := os.Mkdir(m.there("unseen"), 0o755); err != nil {
		t.Fatal(err)
	}
	srv.Stop()
	wantTree(t, m)
	if _, err := os.ReadDir(m.path("unseen")); !errors.Is(err, syscall.EHOSTUNREACH) && !errors.Is(err, syscall.ENOENT) {
		t.Errorf("what nobody has looked at: %v", err)
	}
	if err := os.WriteFile(m.path("new"), nil, 0o644); err == nil {
		t.Error("a file was written through to a host that is away")
	}
	srv.Restart()
	waitUntil(t, "the host is asked again", func() bool { _, err := os.ReadDir(m.path("unseen")); return err == nil })
	os.Remove(m.path("new"))
	m.Unmount()
}

// change makes changes of all kinds that can wait, and wantChanged looks for them.
func change(t *testing.T, m *mounted) {
	t.Helper()
	writeFile(t, m.path("file"), "edited")
	writeFile(t, m.path("new.tmp"), "saved")
	if err := os.Rename(m.path("new.tmp"), m.path("new")); err != nil {
		t.Error(err)
	}
	if err := os.Mkdir(m.path("made"), 0o755); err != nil {
		t.Error(err)
	}
	writeFile(t, m.path("made", "file"), "in it")
	if err := os.Remove(m.path("dir/link")); err != nil {
		t.Error(err)
	}
	f, err := os.OpenFile(m.path("dir/below/file"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(" and more"); err != nil {
		t.Error(err)
	}
	if err := f.Sync(); err != nil {
		t.Errorf("fsync without a host: %v", err)
	}
}

func wantChanged(t *testing.T, dir string) {
	t.Helper()
	if _, err := os.ReadDir(dir); err != nil {
		t.Error(err)
	}
	for name, want := range map[string]string{"file": "edited", "new": "saved", "made/file": "in it", "dir/below/file": "below and more"} {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(b) != want {
			t.Errorf("%s has %q, %v", name, b, err)
		}
	}
	for _, name := range []string{"dir/link", "new.tmp"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); !os.IsNotExist(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// endOffline unmounts a mount that has to keep changes.
func endOffline(t *testing.T, m *mounted) {
	t.Helper()
	m.endUnsent()
	wantSaid(t, m.program.said(), "does not have the last changes of", "made/file", m.Cache)
}

// TestMountOffline: a directory that was mounted once can be mounted while the
// host cannot be reached, or is not to be; changes reach it when it is back.
func TestMountOffline(t *testing.T) {
	for name, words := range map[string][]string{"by itself": nil, "asked for": {"offline"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := scptest.Start(t)
			m := mountAt(t, srv, mountOptions{})
			lookAt(t, m)
			m.Unmount()
			if words == nil {
				srv.Stop()
			}
			m.o.words = words
			m.Mount()
			if state := m.told().Connection.State; state != "offline" {
				t.Errorf("the status is %s", state)
			}
			wantTree(t, m)
			change(t, m)
			wantChanged(t, m.Point)
			endOffline(t, m)
			m.Mount() // and once more, with changes that wait
			wantChanged(t, m.Point)
			endOffline(t, m)
			if words == nil {
				srv.Restart()
			}
			m.o.words = nil
			m.Mount()
			wantChanged(t, m.Point)
			wantChanged(t, m.Remote)
			m.Unmount()
		})
	}
}

// TestHostComesLater: the host of a mount that began without it comes.
func TestHostComesLater(t *testing.T) {
	srv := scptest.Start(t)
	m := mountAt(t, srv, mountOptions{})
	lookAt(t, m)
	m.Unmount()
	srv.Stop()
	m.Mount()
	change(t, m)
	srv.Restart()
	waitUntil(t, "the host has everything", func() bool {
		_, err := os.Stat(m.there("made/file"))
		return err == nil && len(unsentRecords(m.Cache)) == 0
	})
	wantChanged(t, m.Remote)
	writeFile(t, m.path("file"), "through")
	if b, err := os.ReadFile(m.there("file")); string(b) != "through" {
		t.Errorf("the host has %q, %v", b, err)
	}
	m.Unmount()
}

// TestOfflineUnknown: a directory that was never mounted cannot be.
func TestOfflineUnknown(t *testing.T) {
	srv := scptest.Start(t)
	m := prepare(t, srv, mountOptions{words: []string{"offline"}})
	p := start(t, m.o, m.args()...)
	if err := p.wait(lifetime); err == nil {
		t.Error("it is mounted")
	}
	wantSaid(t, p.said(), "mount it once while the host can be reached")
}
