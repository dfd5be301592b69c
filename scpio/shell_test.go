package scpio_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/scpfs/scpfs/scpio"
	"github.com/scpfs/scpfs/scpio/scptest"
)

// shellSuite is the part of the suite that depends on what /bin/sh is.
var shellSuite = map[string]func(*testing.T, *remote){
	"ChangeErrors":    testChangeErrors,
	"Create":          testCreate,
	"Fetch":           testFetch,
	"FetchErrors":     testFetchErrors,
	"FetchMany":       testFetchMany,
	"Links":           testLinks,
	"List":            testList,
	"ListErrors":      testListErrors,
	"Mkdir":           testMkdir,
	"PathTooLong":     testPathTooLong,
	"RenameExchange":  testRenameExchange,
	"RenameNoReplace": testRenameNoReplace,
	"Setattr":         testSetattr,
	"Store":           testStore,
	"StoreBusy":       testStoreBusy,
	"StoreConflicts":  testStoreConflicts,
	"StoreRefused":    testStoreRefused,
	"StoreRest":       testStoreRest,
	"CancelFetch":     testCancelFetch,
	"CancelStore":     testCancelStore,
}

// TestPosixShells has the shells that TestHosts has not.
func TestPosixShells(t *testing.T) {
	for _, name := range []string{"bash", "mksh", "zsh"} {
		shell := posixShells[name]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scptest.Need(t, shell[0])
			for name, run := range shellSuite {
				t.Run(name, func(t *testing.T) { run(t, newLocal(t, shell...)) })
			}
		})
	}
}

// TestNoGzip learns the library as it is.
func TestNoGzip(t *testing.T) {
	for _, lacks := range []string{"gzip", "dd"} {
		t.Run(lacks, func(t *testing.T) {
			r := newLocalWithout(t, []string{"perl", lacks}, "/bin/sh")
			testStore(t, r)
			testSetattr(t, r)
		})
	}
}

// TestLoginShells enters the shell through each login shell there is, with
// start-up files that print things.
func TestLoginShells(t *testing.T) {
	rc := map[string]string{"bash": ".bashrc", "zsh": ".zshenv", "tcsh": ".tcshrc", "fish": ".config/fish/config.fish"}
	for name, shell := range loginShells {
		t.Run(name, func(t *testing.T) {
			path := scptest.Need(t, shell[0])[0]
			if name == "ash" {
				path = filepath.Join(scptest.Busybox(t), "ash")
			}
			srv := scptest.Start(t, scptest.LoginShell(path))
			if file := rc[name]; file != "" {
				noisy(t, filepath.Join(srv.Home, file), 10<<10)
			}
			r := newRemote(t, srv, scpio.Options{})
			r.write(t, "file", "contents")
			if got, _, err := r.fetch(t.Context(), "file", scpio.Attr{}); err != nil || got != "contents" {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

// noisy writes a start-up file that prints so many bytes.
func noisy(t *testing.T, path string, size int) {
	t.Helper()
	check(t, os.MkdirAll(filepath.Dir(path), 0o755))
	line := "echo 'welcome to this host, which likes to talk: '\n"
	check(t, os.WriteFile(path, []byte(strings.Repeat(line, size/len(line)+1)), 0o644))
}

// TestNoShell has accounts that give no shell.
func TestNoShell(t *testing.T) {
	for command, said := range map[string]string{
		"internal-sftp":             "",
		"/usr/sbin/nologin":         "This account is currently not available.",
		"echo hi":                   "hi",
		"exit 3":                    "",
		"echo sorry >&2; exit 1":    "sorry",
		"while :; do echo y; done":  "y",
		"cat /dev/zero":             "",
		"echo 'no \x1b[31mcolours'": `no \x1b[31mcolours`,
	} {
		t.Run(command, func(t *testing.T) {
			srv := scptest.Start(t, scptest.ForceCommand(command))
			began := time.Now()
			_, err := scpio.New(t.Context(), dialer(srv), scpio.Options{Timeout: timeout})
			none, ok := errors.AsType[*scpio.NoShellError](err)
			if !ok {
				t.Fatalf("got %v, want a *NoShellError", err)
			}
			if !strings.Contains(none.Said, said) || len(none.Said) > 1000 {
				t.Errorf("it says %q, want %q", none.Said, said)
			}
			if took := time.Since(began); took > timeout/2 {
				t.Errorf("it took %v", took)
			}
			wantErrno(t, "open", err, syscall.EACCES)
		})
	}
}

// TestSilentShell has a command that neither says anything nor ends.
func TestSilentShell(t *testing.T) {
	scptest.LeakCheck(t)
	srv := scptest.Start(t, scptest.ForceCommand("exec sleep 1000"))
	_, err := scpio.New(t.Context(), dialer(srv), scpio.Options{Timeout: 300 * time.Millisecond})
	wantErrno(t, "open", err, syscall.ETIMEDOUT)
}

// TestNoScp has a host without scp.
func TestNoScp(t *testing.T) {
	dir := t.TempDir()
	for _, tool := range []string{"env", "sh", "find", "stat", "id", "mv", "grep", "uname", "touch", "date", "ls"} {
		check(t, os.Symlink(scptest.Need(t, tool)[0], filepath.Join(dir, tool)))
	}
	srv := scptest.Start(t, scptest.Env("PATH", dir))
	if _, err := scpio.New(t.Context(), dialer(srv), scpio.Options{Timeout: timeout}); !errors.Is(err, scpio.ErrNoScp) {
		t.Errorf("got %v, want %v", err, scpio.ErrNoScp)
	}
	check(t, os.Remove(filepath.Join(dir, "find")))
	check(t, os.Remove(filepath.Join(dir, "stat")))
	check(t, os.Symlink(scptest.Need(t, "scp")[0], filepath.Join(dir, "scp")))
	if _, err := scpio.New(t.Context(), dialer(srv), scpio.Options{Timeout: timeout}); !errors.Is(err, scpio.ErrNoTools) {
		t.Errorf("got %v, want %v", err, scpio.ErrNoTools)
	}
}

func TestRoot(t *testing.T) {
	srv := scptest.Start(t)
	check(t, os.MkdirAll(filepath.Join(srv.Home, "a dir", "-sub\n"), 0o755))
	check(t, os.Symlink("a dir", filepath.Join(srv.Home, "link")))
	check(t, os.WriteFile(filepath.Join(srv.Home, "file"), nil, 0o644))
	for root, want := range map[string]string{
		"": srv.Home, "~": srv.Home, "~/": srv.Home, "a dir": srv.Home + "/a dir", "~/a dir": srv.Home + "/a dir",
		"link": srv.Home + "/a dir", "a dir/-sub\n": srv.Home + "/a dir/-sub\n", srv.Home + "/link/": srv.Home + "/a dir", "/": "/",
	} {
		c, err := scpio.New(t.Context(), dialer(srv), scpio.Options{Root: root, Timeout: timeout})
		if err != nil {
			t.Errorf("root %q: %v", root, err)
			continue
		}
		if c.Root() != want {
			t.Errorf("root %q is %q, want %q", root, c.Root(), want)
		}
		if _, _, err := c.List(t.Context(), ""); err != nil {
			t.Errorf("list of root %q: %v", root, err)
		}
		c.Close()
	}
	for root, want := range map[string]syscall.Errno{"missing": syscall.ENOENT, "file": syscall.ENOTDIR, "file/x": syscall.ENOTDIR, "~user": syscall.ENOENT} {
		_, err := scpio.New(t.Context(), dialer(srv), scpio.Options{Root: root, Timeout: timeout})
		wantErrno(t, "root "+root, err, want)
	}
}

func TestRootSlash(t *testing.T) {
	srv := scptest.Start(t)
	c, err := scpio.New(t.Context(), dialer(srv), scpio.Options{Root: "/", Timeout: timeout})
	check(t, err)
	defer c.Close()
	r := &remote{c, srv, "/"}
	dir := strings.TrimPrefix(t.TempDir(), "/")
	if _, err := r.store(t.Context(), dir+"/file", "x", scpio.Attr{}); err != nil || r.read(t, dir+"/file") != "x" {
		t.Errorf("store: %v", err)
	}
	if got, _, err := r.fetch(t.Context(), dir+"/file", scpio.Attr{}); err != nil || got != "x" {
		t.Errorf("fetch: %q, %v", got, err)
	}
	if got := r.fetchMany(t, []string{dir + "/file"}); got.errs[0] != nil {
		t.Errorf("fetch many: %v", got.errs[0])
	}
}

// TestFollowSymlinks has a client that shows what links point to.
func TestFollowSymlinks(t *testing.T) {
	for name, options := range map[string][]scptest.Option{"OpenSSH": nil, "Busybox": {scptest.BusyboxOnly()}} {
		t.Run(name, func(t *testing.T) {
			r := newRemote(t, scptest.Start(t, options...), scpio.Options{FollowSymlinks: true})
			r.write(t, "file", "x")
			r.mkdir(t, "dir")
			r.symlink(t, "file", "link")
			r.symlink(t, "dir", "dirlink")
			r.testFollowed(t)
		})
	}
}

func (r *remote) testFollowed(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	_, all, err := r.List(ctx, "")
	check(t, err)
	for _, e := range all {
		if e.Attr.Mode&syscall.S_IFMT == syscall.S_IFLNK {
			t.Errorf("%s is listed as a link", e.Name)
		}
	}
	if a := r.stat(t, "link"); !same(a, r.attrOf(t, "file")) {
		t.Errorf("stat of the link: %+v", a)
	}
	if got := r.fetchMany(t, []string{"link"}); got.errs[0] != nil || got.contents[0].String() != "x" {
		t.Errorf("fetch of many: %v, %v", got.contents[0], got.errs[0])
	}
	_, have, err := r.fetch(ctx, "link", scpio.Attr{})
	check(t, err)
	if _, err := r.store(ctx, "link", "new", have); err != nil || r.read(t, "file") != "new" {
		t.Errorf("store: %v", err)
	}
	if _, err := r.Setattr(ctx, "link", scpio.Change{Mode: new(uint32(0o600)), Mtime: new(int64(5e9))}); err != nil {
		t.Errorf("setattr: %v", err)
	}
	if st := r.lstat(t, "file"); st.Mode&0o777 != 0o600 || st.Mtim.Sec != 5 {
		t.Errorf("the target has mode %#o, mtime %d", st.Mode, st.Mtim.Sec)
	}
	if _, err := r.Create(ctx, "dirlink/new", 0o644); err != nil {
		t.Errorf("create: %v", err)
	}
	if target, err := os.Readlink(r.path("link")); target != "file" {
		t.Errorf("the link was replaced: %v", err)
	}
}
