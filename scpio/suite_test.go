package scpio_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/scpfs/scpfs/scpio"
	"github.com/scpfs/scpfs/scpio/scptest"
)

// suite is what every kind of host has to pass.
var suite = map[string]func(*testing.T, *remote){
	"Immutable":          testImmutable,
	"Batch":              testBatch,
	"BatchMany":          testBatchMany,
	"BatchRefused":       testBatchRefused,
	"CancelFetch":        testCancelFetch,
	"CancelStore":        testCancelStore,
	"ChangeErrors":       testChangeErrors,
	"Clock":              testClock,
	"Conditional":        testConditional,
	"Create":             testCreate,
	"CreateExclusive":    testCreateExclusive,
	"DeadMount":          testDeadMount,
	"Devices":            testDevices,
	"Fetch":              testFetch,
	"FetchErrors":        testFetchErrors,
	"FetchMany":          testFetchMany,
	"FileSystems":        testFileSystems,
	"Links":              testLinks,
	"List":               testList,
	"FetchRange":         testFetchRange,
	"FetchTail":          testFetchTail,
	"ListErrors":         testListErrors,
	"ListTree":           testListTree,
	"Mkdir":              testMkdir,
	"Names":              testNames,
	"Owner":              testOwner,
	"PathTooLong":        testPathTooLong,
	"Remove":             testRemove,
	"Rename":             testRename,
	"RenameExchange":     testRenameExchange,
	"RenameNoReplace":    testRenameNoReplace,
	"Setattr":            testSetattr,
	"Shrinking":          testShrinking,
	"Sparse":             testSparse,
	"Statfs":             testStatfs,
	"Store":              testStore,
	"StoreBusy":          testStoreBusy,
	"StoreConflicts":     testStoreConflicts,
	"StoreHardLinked":    testStoreHardLinked,
	"StoreKeepsOwner":    testStoreKeepsOwner,
	"StorePieces":        testStorePieces,
	"StoreRefused":       testStoreRefused,
	"StoreRest":          testStoreRest,
	"StoreRestInPlace":   testStoreRestInPlace,
	"StoreRestConflicts": testStoreRestConflicts,
	"StoreShortReader":   testStoreShortReader,
	"Times":              testTimes,
	"Torn":               testTorn,
	"StoreFrom":          testStoreFrom,
	"TornRange":          testTornRange,
	"Truncate":           testTruncate,
	"Versions":           testVersions,
}

// hosts are the kinds of hosts there are.
var hosts = []struct {
	name  string
	start func(*testing.T) *scptest.Server
}{
	{"OpenSSH", func(t *testing.T) *scptest.Server { return scptest.Start(t) }},
	{"OpenSSHWithoutPerl", func(t *testing.T) *scptest.Server { return scptest.Start(t, withoutPerl(t)) }},
	{"Busybox", func(t *testing.T) *scptest.Server { return scptest.Start(t, scptest.BusyboxOnly()) }},
	{"Dropbear", func(t *testing.T) *scptest.Server { return scptest.StartDropbear(t) }},
}

// withoutPerl makes a host that has the programs of this machine but perl.
func withoutPerl(t *testing.T) scptest.Option {
	t.Helper()
	env, dir := farm(t)
	check(t, os.Remove(filepath.Join(dir, "perl")))
	return env
}

// farm makes a host with a directory of links to the programs of this machine
// as its PATH.
func farm(t *testing.T) (env scptest.Option, dir string) {
	t.Helper()
	dir = programs(t)
	return scptest.Env("PATH", dir), dir
}

// programs makes a directory of links to the programs of this machine.
func programs(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, from := range []string{"/usr/bin", "/bin", "/usr/sbin", "/sbin"} {
		programs, err := os.ReadDir(from)
		check(t, err)
		for _, p := range programs {
			err := os.Symlink(filepath.Join(from, p.Name()), filepath.Join(dir, p.Name()))
			if err != nil && !errors.Is(err, os.ErrExist) {
				t.Fatal(err)
			}
		}
	}
	return dir
}

func TestHosts(t *testing.T) {
	for _, host := range hosts {
		t.Run(host.name, func(t *testing.T) {
			t.Parallel()
			srv := host.start(t)
			for name, run := range suite {
				t.Run(name, func(t *testing.T) { run(t, newRemote(t, srv, scpio.Options{})) })
			}
		})
	}
}

// remote is a client of a directory that the test can also get at directly.
type remote struct {
	*scpio.Client
	srv *scptest.Server
	dir string
}

const timeout = 20 * time.Second

// newRemote makes a client of a fresh directory on the server.
func newRemote(t *testing.T, srv *scptest.Server, o scpio.Options) *remote {
	t.Helper()
	dir, err := os.MkdirTemp(srv.Home, "r")
	if err != nil {
		t.Fatal(err)
	}
	o.Root = dir
	if o.Timeout == 0 {
		o.Timeout = timeout
	}
	c, err := scpio.New(t.Context(), dialer(srv), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &remote{c, srv, dir}
}

// dialer dials a server without failing the test where it cannot.
func dialer(srv *scptest.Server) func(context.Context) (scpio.Conn, error) {
	return func(ctx context.Context) (scpio.Conn, error) {
		c, err := dialSSH(ctx, srv)
		if err != nil {
			return nil, err
		}
		return scpio.NewConn(c), nil
	}
}

func dialSSH(ctx context.Context, srv *scptest.Server) (*ssh.Client, error) {
	pem, err := os.ReadFile(srv.KeyFile)
	if err != nil {
		return nil, err
	}
	key, err := ssh.ParsePrivateKey(pem)
	if err != nil {
		return nil, err
	}
	return ssh.Dial("tcp", srv.Addr, &ssh.ClientConfig{
		User:              srv.User,
		Auth:              []ssh.AuthMethod{ssh.PublicKeys(key)},
		HostKeyCallback:   ssh.FixedHostKey(srv.HostKeys[0]),
		HostKeyAlgorithms: []string{srv.HostKeys[0].Type()},
		Timeout:           timeout,
	})
}

// path is a path of the remote on this machine.
func (r *remote) path(name string) string { return filepath.Join(r.dir, name) }

func (r *remote) write(t *testing.T, name, contents string) {
	t.Helper()
	if err := os.WriteFile(r.path(name), []byte(contents), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (r *remote) read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(r.path(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (r *remote) mkdir(t *testing.T, name string) {
	t.Helper()
	if err := os.Mkdir(r.path(name), 0o755); err != nil {
		t.Fatal(err)
	}
}

func (r *remote) symlink(t *testing.T, target, name string) {
	t.Helper()
	if err := os.Symlink(target, r.path(name)); err != nil {
		t.Fatal(err)
	}
}

// names are the names in the root, for tests that nothing else is left there.
func (r *remote) names(t *testing.T) string {
	t.Helper()
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func (r *remote) stat(t *testing.T, name string) scpio.Attr {
	t.Helper()
	e, err := r.Stat(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return e.Attr
}

// fetch fetches all of a file.
func (r *remote) fetch(ctx context.Context, name string, have scpio.Attr) (string, scpio.Attr, error) {
	var b bytes.Buffer
	a, err := r.Fetch(ctx, name, have, func(scpio.Attr) (io.Writer, error) { b.Reset(); return &b, nil })
	return b.String(), a, err
}

// store stores a file with ordinary attributes.
func (r *remote) store(ctx context.Context, name, contents string, expect scpio.Attr) (scpio.Attr, error) {
	return r.Store(ctx, name, scpio.Upload{
		Contents: strings.NewReader(contents), Size: int64(len(contents)),
		Mode: 0o644, Mtime: 1700000000123456789, Atime: 1700000001e9, Expect: expect,
	})
}

// wantErrno checks that an operation failed with an errno, and says which
// operation and path.
func wantErrno(t *testing.T, what string, err error, want syscall.Errno) {
	t.Helper()
	e, ok := errors.AsType[*scpio.Error](err)
	if !ok || !errors.Is(err, want) {
		t.Errorf("%s: error is %v, want an *Error that is %v", what, err, want)
		return
	}
	if e.Op == "" {
		t.Errorf("%s: error %v does not say which operation failed", what, err)
	}
}

// check fails the test at an error.
func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// lstat is what the kernel here says of a file of the remote.
func (r *remote) lstat(t *testing.T, name string) syscall.Stat_t {
	t.Helper()
	var st syscall.Stat_t
	if err := syscall.Lstat(r.path(name), &st); err != nil {
		t.Fatal(err)
	}
	return st
}

// needRoot skips what only root can set up.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		scptest.Missing(t, "root", "this has to be set up by root")
	}
}

// onHost runs a command on the server, in its view of the file system.
func (r *remote) onHost(t *testing.T, command string) {
	t.Helper()
	c, err := dialSSH(t.Context(), r.srv)
	check(t, err)
	defer c.Close()
	s, err := c.NewSession()
	check(t, err)
	defer s.Close()
	if out, err := s.CombinedOutput(command); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
}

func errorsIsOneOf(err error, wants ...syscall.Errno) bool {
	for _, want := range wants {
		if errors.Is(err, want) {
			return true
		}
	}
	return false
}
