package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/scpfs/scpfs/scpio/scptest"
)

// git runs git in a directory with a configuration of the test's own.
type git struct {
	t    testing.TB
	home string
}

func newGit(t testing.TB) git {
	t.Helper()
	scptest.Need(t, "git")
	g := git{t, newDir(t, "")}
	writeFile(t, filepath.Join(g.home, ".gitconfig"), `[user]
	name = A Test
	email = test@example.com
[init]
	defaultBranch = main
[protocol "file"]
	allow = always
[safe]
	directory = *
`)
	return g
}

func (g git) in(dir string, args ...string) string {
	g.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+g.home, "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C")
	return output(g.t, cmd)
}

// origin makes a repository to clone: files in directories, an executable, a
// link, two commits.
func (g git) origin() string {
	g.t.Helper()
	dir := newDir(g.t, "")
	g.in(dir, "init", "-q")
	for i := range 24 {
		sub := filepath.Join(dir, fmt.Sprintf("dir%d", i%6))
		os.MkdirAll(sub, 0o755)
		writeFile(g.t, filepath.Join(sub, fmt.Sprintf("file%d", i)), strings.Repeat(fmt.Sprintln("line", i), 40*i+1))
	}
	shell(g.t, dir, `echo 'echo hello' >run; chmod +x run; ln -s dir0/file0 link`)
	g.in(dir, "add", ".")
	g.in(dir, "commit", "-qm", "first")
	writeFile(g.t, filepath.Join(dir, "dir1/file1"), "changed\n")
	g.in(dir, "commit", "-qam", "second")
	bare := newDir(g.t, "")
	g.in(dir, "clone", "-q", "--bare", dir, bare+"/origin.git")
	return bare + "/origin.git"
}

// wantClean: what git thinks of a work tree that nobody has changed.
func (g git) wantClean(dir string) {
	g.t.Helper()
	if said := g.in(dir, "status", "--porcelain"); said != "" {
		g.t.Errorf("status in %s: %s", dir, said)
	}
	g.in(dir, "fsck", "--strict", "--no-progress")
}

// TestGit is a day with a repository in the mount.
func TestGit(t *testing.T) {
	g := newGit(t)
	m := mountAt(t, scptest.Start(t), mountOptions{})
	work := m.path("work")
	g.in(m.Point, "clone", "-q", g.origin(), "work")
	g.wantClean(work)

	g.in(work, "checkout", "-q", "-b", "topic")
	writeFile(t, m.path("work/dir2/new"), "new\n")
	shell(t, work, "rm dir3/file3; git mv -k dir4 moved; chmod -x run")
	g.in(work, "add", "-A")
	g.in(work, "commit", "-qm", "third")
	g.in(work, "checkout", "-q", "main")
	wantFile(t, m.there("work/dir3/file3"), strings.Repeat("line 3\n", 121))
	writeFile(t, m.path("work/dir0/file0"), "on main\n")
	g.in(work, "stash", "-q")
	g.in(work, "merge", "-q", "--no-ff", "-m", "merge", "topic")
	g.in(work, "stash", "pop", "-q")
	g.in(work, "commit", "-qam", "fourth")
	g.in(work, "push", "-q", "origin", "main")
	g.in(work, "gc", "-q", "--prune=now")
	g.in(work, "worktree", "add", "-q", "../other", "topic")
	g.wantClean(work)
	g.wantClean(m.path("other"))

	g.wantClean(m.there("work"))
	m.Unmount()
	m.Mount()
	g.wantClean(work)
	if said := g.in(work, "log", "--format=%s"); !strings.HasPrefix(said, "fourth\nmerge\n") {
		t.Errorf("log: %s", said)
	}
}

// TestGitOffline: a repository can be worked in without the host, which gets what
// was committed.
func TestGitOffline(t *testing.T) {
	t.Parallel()
	g := newGit(t)
	srv := scptest.Start(t)
	m := mountAt(t, srv, mountOptions{})
	g.in(m.Point, "clone", "-q", g.origin(), "repo")
	contents(t, m.Point) // what is to be worked with has to be here
	m.Unmount()
	m.o.words = []string{"offline"}
	m.Mount()
	repo := m.path("repo")
	g.in(repo, "checkout", "-q", "-b", "topic")
	writeFile(t, filepath.Join(repo, "dir1/file1"), "changed without the host\n")
	writeFile(t, filepath.Join(repo, "new"), "new\n")
	g.in(repo, "rm", "-q", "dir2/file2")
	g.in(repo, "add", ".")
	g.in(repo, "commit", "-qm", "offline")
	g.in(repo, "stash", "list")
	g.in(repo, "fsck", "--strict")
	head := g.in(repo, "rev-parse", "HEAD")
	m.endUnsent()
	m.o.words = nil
	m.Mount()
	m.Unmount()
	there := m.there("repo")
	g.in(there, "fsck", "--strict")
	if got := g.in(there, "rev-parse", "HEAD"); got != head {
		t.Errorf("the host has the commit %s, want %s", got, head)
	}
	if got := g.in(there, "status", "--porcelain"); got != "" {
		t.Errorf("on the host there is\n%s", got)
	}
}
