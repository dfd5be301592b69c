package mount_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/scpfs/scpfs/mount"
)

func deviceMinor(dev uint64) string {
	return strconv.FormatUint(dev&0xff|(dev>>12)&^0xff, 10)
}

// controlMounted makes sure that the kernel's control files for FUSE can be reached.
func controlMounted(t *testing.T) bool {
	t.Helper()
	const dir = "/sys/fs/fuse/connections"
	if mountLine(dir) != "" {
		return true
	}
	if err := syscall.Mount("fusectl", dir, "fusectl", 0, ""); err != nil {
		t.Log(err)
		return false
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	return true
}

func TestCheck(t *testing.T) {
	base := t.TempDir()
	file := filepath.Join(base, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	full := filepath.Join(base, "full")
	if err := os.MkdirAll(filepath.Join(full, "below"), 0o700); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, dir, want string }{
		{"a directory", base, ""},
		{"not empty", full, ""},
		{"missing", filepath.Join(base, "it's"), `make it with: mkdir -p '` + base + `/it'\''s'`},
		{"a file", file, "is not a directory"},
		{"below a file", filepath.Join(file, "x"), "not a directory"},
		{"descriptor", "/dev/fd/63", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := mount.Check(tt.dir)
			if tt.want == "" && err != nil {
				t.Errorf("got %v", err)
			}
			if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestCheckMounted(t *testing.T) {
	_, dir := mounted(t, mount.Options{FsName: "me@host:"})
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{dir, link} {
		err := mount.Check(name)
		want := "me@host: is already mounted on " + name + ": unmount it first with: fusermount3 -u " + name
		if err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

// TestCheckDeadMount kills a program that has mounted.
func TestCheckDeadMount(t *testing.T) {
	dir := mountpoint(t)
	p := startMount(t, play(t, "mount", dir))
	p.cmd.Process.Kill()
	p.cmd.Wait()
	err := mount.Check(dir)
	if err == nil || !strings.Contains(err.Error(), "is a dead mount") ||
		!strings.Contains(err.Error(), "fusermount3 -u "+dir) {
		t.Errorf("got %v", err)
	}
	unmount(t, dir, "-u")
}
