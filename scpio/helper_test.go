package scpio_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/scpfs/scpfs/scpio"
	"github.com/scpfs/scpfs/scpio/scptest"
)

// TestHelper has a host with perl on which, once that is known, no program
// works but scp: nothing else is started for what programs do all the time.
func TestHelper(t *testing.T) {
	scptest.Need(t, "perl")
	env, dir := farm(t)
	r := newRemote(t, scptest.Start(t, env), scpio.Options{Shells: 1})
	for _, name := range []string{"find", "stat", "mv", "ln", "rm", "rmdir", "mkdir", "touch", "chmod", "truncate"} {
		check(t, os.Remove(filepath.Join(dir, name)))
	}
	ctx := t.Context()
	a, err := r.Create(ctx, "file", 0o640)
	check(t, err)
	a, err = r.store(ctx, "file", "contents", a)
	check(t, err)
	if st := r.lstat(t, "file"); st.Mtim.Nano() != 1700000000123456789 || a.Mtime != st.Mtim.Nano() {
		t.Errorf("mtime is %d, and told as %d", st.Mtim.Nano(), a.Mtime)
	}
	a, err = r.Setattr(ctx, "file", scpio.Change{Mode: new(uint32(0o600)), Mtime: new(int64(-1500000000))})
	check(t, err)
	if st := r.lstat(t, "file"); st.Mtim.Nano() != -1500000000 || a.Mtime != st.Mtim.Nano() || st.Mode&0o777 != 0o600 {
		t.Errorf("mode %o, mtime %d, told as %d", st.Mode, st.Mtim.Nano(), a.Mtime)
	}
	if got, _, err := r.fetch(ctx, "file", scpio.Attr{}); err != nil || got != "contents" {
		t.Errorf("fetched %q, %v", got, err)
	}
	_, err = r.store(ctx, "new", "x", scpio.Attr{})
	check(t, err)
	_, err = r.Rename(ctx, "new", "file", 0)
	check(t, err)
	_, err = r.Link(ctx, "file", "link")
	check(t, err)
	_, err = r.Mkdir(ctx, "dir", 0o755)
	check(t, err)
	_, all, err := r.List(ctx, "")
	if err != nil || len(all) != 3 {
		t.Errorf("listed %v, %v", all, err)
	}
	check(t, r.Remove(ctx, "link"))
	check(t, r.Rmdir(ctx, "dir"))
	if got := r.names(t); got != "file" {
		t.Errorf("left are %s", got)
	}
}

// TestHelperTakes has a host with perl whose scp does nothing: small files need
// none, in either direction, nor do batches. What is in the way of an upload's name
// goes, and nothing is written through it.
func TestHelperTakes(t *testing.T) {
	scptest.Need(t, "perl")
	r := newRemote(t, scptest.Start(t, scpInstead(t, "exit 1\n")), scpio.Options{Shells: 1})
	var have scpio.Attr
	for _, text := range []string{"", "x", "\x00E\n", "C0644 3 evil\nabc\x00E\n", noise(128 << 10)} {
		a, err := r.store(t.Context(), "file", text, have)
		check(t, err)
		if got := r.read(t, "file"); got != text || !same(a, r.stat(t, "file")) {
			t.Errorf("there are %d bytes, want %d; told %+v", len(got), len(text), a)
		}
		if got, _, err := r.fetch(t.Context(), "file", scpio.Attr{}); err != nil || got != text {
			t.Errorf("fetched %d bytes of %d: %v", len(got), len(text), err)
		}
		have = a
	}
	steps := []scpio.Step{{Op: "remove", Path: "file"}}
	for i := range 300 {
		steps = append(steps, storing(fmt.Sprint("file", i), noise(i*13), scpio.Attr{}))
	}
	steps = append(steps, storing("file", "last", scpio.Attr{}))
	got, err := r.batch(t.Context(), t, steps)
	check(t, err)
	for i, s := range steps[1:] {
		check(t, got[i+1].err)
		if n := int64(len(r.read(t, s.Path))); n != s.Upload.Size || !same(got[i+1].attr, r.attrOf(t, s.Path)) {
			t.Errorf("%s has %d bytes, and is told as %+v", s.Path, n, got[i+1].attr)
		}
	}
	have = got[301].attr
	r.onHost(t, fmt.Sprintf("cd %s && rm file?*", r.dir))
	r.write(t, "victim", "of a link")
	for name, make := range map[string]string{
		"a rest": "echo rest >%s; chmod 0 %[1]s", "a link": "ln -s victim %s", "a link to nothing": "ln -s nothing %s",
	} {
		u := storing("file", name, have).Upload
		u.Temp = ".scpfs-test"
		r.onHost(t, fmt.Sprintf("cd %s && "+make, r.dir, u.Temp))
		a, err := r.Store(t.Context(), "file", u)
		check(t, err)
		if got := r.read(t, "file"); got != name || r.read(t, "victim") != "of a link" {
			t.Errorf("with %s in the way: there is %q, and %q", name, got, r.read(t, "victim"))
		}
		have = a
	}
	if got := r.names(t); got != "file victim" {
		t.Errorf("left are %s", got)
	}
}

// TestHelperRefuses: what the helper cannot take is an error that says why, leaves
// nothing, and is not the end of the client.
func TestHelperRefuses(t *testing.T) {
	needRoot(t)
	scptest.Need(t, "perl")
	r := newRemote(t, scptest.Start(t), scpio.Options{})
	r.onHost(t, "mount -t tmpfs -o size=64k none "+r.dir)
	t.Cleanup(func() { r.onHost(t, "umount "+r.dir) })
	_, err := r.store(t.Context(), "file", noise(100<<10), scpio.Attr{})
	wantErrno(t, "store on a full disk", err, syscall.ENOSPC)
	_, err = r.store(t.Context(), "dir/file", "x", scpio.Attr{})
	wantErrno(t, "store in no directory", err, syscall.ENOENT)
	a, err := r.store(t.Context(), "file", "x", scpio.Attr{})
	check(t, err)
	_, err = r.store(t.Context(), "file/file", "x", scpio.Attr{})
	wantErrno(t, "store below a file", err, syscall.ENOTDIR)
	if !same(a, r.stat(t, "file")) {
		t.Errorf("told %+v, there is %+v", a, r.stat(t, "file"))
	}
	got, err := r.batch(t.Context(), t, []scpio.Step{
		storing("file", noise(60<<10), a), storing("other", noise(60<<10), scpio.Attr{}), {Op: "remove", Path: "none"},
	})
	check(t, err)
	check(t, got[0].err) // stored by itself there is room for it
	wantErrno(t, "batch on a full disk", got[1].err, syscall.ENOSPC)
	r.onHost(t, fmt.Sprintf("cd %s && [ $(ls -A | wc -l) = 1 ]", r.dir))
}

// TestHelperKilled ends the helper under a client that goes on.
func TestHelperKilled(t *testing.T) {
	scptest.Need(t, "perl")
	scptest.LeakCheck(t)
	mark := "SCPFS_TEST_MARK"
	r := newRemote(t, scptest.Start(t, scptest.Env(mark, t.Name())), scpio.Options{})
	r.write(t, "file", "x")
	r.stat(t, "file")
	killed := false
	for _, pid := range processesWith(t, mark+"="+t.Name()) {
		name, _ := os.Readlink("/proc/" + strconv.Itoa(pid) + "/exe")
		if !strings.HasPrefix(filepath.Base(name), "perl") {
			continue
		}
		err := syscall.Kill(pid, syscall.SIGKILL)
		if errors.Is(err, syscall.ESRCH) {
			continue // it only looked whether there can be a helper
		}
		check(t, err)
		killed = true
	}
	if !killed {
		t.Fatal("there is no helper")
	}
	if got := r.stat(t, "file"); got.Size != 1 {
		t.Errorf("size %d", got.Size)
	}
}

// processesWith are the processes with a line in their environment.
func processesWith(t *testing.T, line string) []int {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/environ")
	check(t, err)
	var pids []int
	for _, file := range all {
		env, _ := os.ReadFile(file)
		if strings.Contains("\x00"+string(env), "\x00"+line+"\x00") {
			pid, err := strconv.Atoi(strings.Split(file, "/")[2])
			check(t, err)
			pids = append(pids, pid)
		}
	}
	return pids
}
