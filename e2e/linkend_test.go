package e2e_test

import (
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestEndOfSilentHost: with a host gone silent and files that it does not have,
// every way to end the mount ends it, says what is unsent and where that is, and
// the next mount sends it.
func TestEndOfSilentHost(t *testing.T) {
	for _, tt := range []struct {
		name string
		busy bool // a file is still open
		end  func(*mounted) error
	}{
		{"fusermount3 -u", false, func(m *mounted) error { _, err := m.fusermount("-u"); return err }},
		{"SIGTERM", false, func(m *mounted) error { return syscall.Kill(m.Pid(), syscall.SIGTERM) }},
		{"SIGTERM in use", true, func(m *mounted) error { return syscall.Kill(m.Pid(), syscall.SIGTERM) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m, link, _ := linked(t, mountOptions{words: []string{"timeout=2"}})
			first, second := unsentFile(t, m, "first"), unsentFile(t, m, "second")
			defer first.Close()
			defer second.Close()
			link.Stall()
			if !tt.busy {
				wantAway(t, "close", first.Close())
				wantAway(t, "close", second.Close())
			}
			if err := tt.end(m); err != nil {
				t.Fatal(err)
			}
			// Half a second and ten for the kernel, and twice the time limit.
			within(t, 20*time.Second, tt.name, func() error { <-m.program.done; return nil })
			said := m.program.said()
			for _, word := range []string{"first", "second", m.Cache} {
				if !strings.Contains(said, word) {
					t.Errorf("%s is not named in: %s", word, said)
				}
			}
			if m.program.err == nil {
				t.Error("its exit status says that all is well")
			}
			if line := mountLine(m.Point); line != "" {
				t.Errorf("left mounted: %s", line)
			}
			link.Cut()
			link.Resume()
			m.Mount()
			recovered(t, m, "first", tt.busy)
			recovered(t, m, "second", tt.busy)
		})
	}
}

func unsentFile(t *testing.T, m *mounted, name string) *os.File {
	t.Helper()
	f, err := os.OpenFile(m.path(name), os.O_CREATE|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = io.WriteString(f, name)
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// recovered checks that the host has a file after the next mount: under its
// name, or beside it where no program had closed it.
func recovered(t *testing.T, m *mounted, name string, beside bool) {
	t.Helper()
	all, err := os.ReadDir(m.Remote)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if e.Name() == name || beside && strings.HasPrefix(e.Name(), name+".recovered-") {
			wantFile(t, m.there(e.Name()), name)
			return
		}
	}
	t.Errorf("the host does not have %s: %v", name, all)
}
