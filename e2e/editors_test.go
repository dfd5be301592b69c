package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/scpfs/scpfs/scpio/scptest"
)

// edit is one way in which an editor can save a file.
type edit struct {
	name    string
	program string
	// command replaces "old" by "new" in the file "text" of the working directory.
	command []string
	steps   []step // of somebody at a terminal; none runs without one
	backup  string // name of the copy of the old contents, if there is to be one
}

var edits = []edit{
	vim("in place", "set backupcopy=yes writebackup nobackup backupskip=", ""),
	vim("rename", "set backupcopy=no writebackup nobackup backupskip=", ""),
	vim("keeping a backup", "set backupcopy=no backup backupskip=", "text~"),
	vim("in place keeping a backup", "set backupcopy=yes backup backupskip=", "text~"),
	vim("without a backup", "set nowritebackup nobackup backupskip=", ""),
	nano("plain", ""),
	nano("with backup", "text~", "--backup"),
	emacs("copying the backup", "(setq backup-by-copying t backup-enable-predicate (lambda (_) t))", "text~"),
	emacs("renaming to the backup", "(setq backup-by-copying nil backup-enable-predicate (lambda (_) t))", "text~"),
	emacs("precious", "(setq file-precious-flag t make-backup-files nil)", ""),
	emacsTerminal(),
}

// vim and emacs make no backups below /tmp, where the mount of a test is,
// unless they are told to.
func vim(name, set, backup string) edit {
	command := []string{"vim", "-Es", "-N", "-u", "NONE", "-c", set, "-c", "%s/old/new/", "-c", "wq", "text"}
	return edit{"vim " + name, "vim", command, nil, backup}
}

// nano is typed to: replace all, save under the same name, leave.
func nano(name, backup string, args ...string) edit {
	command := append([]string{"nano", "--ignorercfiles"}, append(args, "text")...)
	return edit{"nano " + name, "nano", command, []step{
		{"Exit", "\x1c"},
		{"Search", "old\r"},
		{"Replace with", "new\r"},
		{"instance", "a"},
		{"Replaced", "\x0f"},
		{"Write", "\r"},
		{"Wrote", "\x18"},
	}, backup}
}

const emacsReplace = `(progn (goto-char (point-min)) (while (search-forward "old" nil t) (replace-match "new")) (save-buffer))`

func emacs(name, settings, backup string) edit {
	command := []string{"emacs", "-Q", "--batch", "--eval", settings, "text", "--eval", emacsReplace}
	return edit{"emacs " + name, "emacs", command, nil, backup}
}

// emacsTerminal is emacs as people use it.
func emacsTerminal() edit {
	return edit{"emacs in a terminal", "emacs", []string{"emacs", "-Q", "-nw", "text"}, []step{
		{"Fundamental", "\x1b%old\rnew\r"},
		{"Query", "!"},
		{"Replaced", "\x18\x13"},
		{"Wrote", "\x18\x03"},
	}, ""}
}

// run edits in a directory.
func (e edit) run(t *testing.T, dir string) {
	t.Helper()
	cmd := exec.Command(e.command[0], e.command[1:]...)
	cmd.Dir = dir
	home := t.TempDir() // emacs leaves temporary files
	cmd.Env = append(os.Environ(), "TERM=linux", "HOME="+home, "TMPDIR="+home)
	if len(e.steps) > 0 {
		onTerminal(t, cmd, e.steps)
		return
	}
	output(t, cmd)
}

// TestEditors: each way of saving brings the new contents to the host, under
// the old mode, with the backup and nothing else beside it.
func TestEditors(t *testing.T) {
	m := mountAt(t, scptest.Start(t), mountOptions{})
	const before, after = "an old line\nand another old one\n", "an new line\nand another new one\n"
	for i, e := range edits {
		t.Run(e.name, func(t *testing.T) {
			scptest.Need(t, e.program)
			dir := fmt.Sprint(i)
			mkdir(t, m.path(dir))
			writeFile(t, m.path(dir, "text"), before)
			chmod(t, m.path(dir, "text"), 0o640)
			e.run(t, m.path(dir))
			want := map[string]string{"text": after}
			if e.backup != "" {
				want[e.backup] = before
			}
			wantDir(t, m.there(dir), want)
			wantMode(t, m.there(dir, "text"), 0o640)
			e.again(t, m.path(dir), m.there(dir))
		})
	}
}

// again edits what the editor itself has made.
func (e edit) again(t *testing.T, dir, there string) {
	t.Helper()
	writeFile(t, dir+"/text", "old\n")
	e.run(t, dir)
	wantFile(t, there+"/text", "new\n")
	wantFile(t, dir+"/text", "new\n")
}

// wantDir compares the files of a directory.
func wantDir(t testing.TB, dir string, want map[string]string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if _, ok := want[e.Name()]; !ok {
			t.Errorf("%s has %q", dir, e.Name())
		}
	}
	for name, data := range want {
		wantFile(t, dir+"/"+name, data)
	}
}

func wantMode(t testing.TB, path string, want os.FileMode) {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != want {
		t.Errorf("%s: mode %v, want %v", path, info.Mode(), want)
	}
}

// TestEditorsOffline: they save without the host as well, and it gets what they
// have saved.
func TestEditorsOffline(t *testing.T) {
	t.Parallel()
	srv := scptest.Start(t)
	m := mountAt(t, srv, mountOptions{})
	const before, after = "an old line\n", "an new line\n"
	for i := range edits {
		mkdir(t, m.path(fmt.Sprint(i)))
		writeFile(t, m.path(fmt.Sprint(i), "text"), before)
		wantDir(t, m.path(fmt.Sprint(i)), map[string]string{"text": before})
	}
	m.Unmount()
	m.o.words = []string{"offline"}
	m.Mount()
	want := func(i int, e edit, dir string) {
		t.Helper()
		files := map[string]string{"text": after}
		if e.backup != "" {
			files[e.backup] = before
		}
		wantDir(t, dir, files)
	}
	for i, e := range edits {
		t.Run(e.name, func(t *testing.T) {
			scptest.Need(t, e.program)
			e.run(t, m.path(fmt.Sprint(i)))
			want(i, e, m.path(fmt.Sprint(i)))
		})
	}
	m.endUnsent()
	m.o.words = nil
	m.Mount()
	for i, e := range edits {
		want(i, e, m.there(fmt.Sprint(i)))
	}
	m.Unmount()
}
