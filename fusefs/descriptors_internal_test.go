package fusefs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestHasOpen: a descriptor counts if it is one of the file, of the process, and
// open for writing.
func TestHasOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	var st syscall.Stat_t
	if err := syscall.Fstat(int(f.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	me, of := uint32(os.Getpid()), &FS{}
	hasOpen := of.hasOpen
	if hasOpen(me, st.Ino) {
		t.Error("it is not known which mount it is")
	}
	of.Mounted("1000000")
	if hasOpen(me, st.Ino) {
		t.Error("files of another mount are taken for its own")
	}
	info, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	_, id, _ := strings.Cut(string(info), "mnt_id:")
	of.Mounted(strings.Fields(id)[0])
	if !hasOpen(me, st.Ino) || hasOpen(me, st.Ino+1<<40) || hasOpen(0, st.Ino) || hasOpen(1<<31, st.Ino) {
		t.Error("descriptors are taken for others")
	}
	r, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if f.Close(); hasOpen(me, st.Ino) {
		t.Error("who reads is taken for one who writes")
	}
	w, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for range maxDescriptors {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
	}
	if hasOpen(me, st.Ino) {
		t.Error("a process with many descriptors was looked at")
	}
}
