package scptest

import (
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// Alias is the Host name under which [Server.ConfigFile] knows the server.
const Alias = "scptest"

// A Server is an SSH server for the length of one test. Its fields are set by
// the function that started it and must not be changed.
type Server struct {
	Addr       string // host:port to connect to
	Port       int
	User       string // who logs in: the user that runs the test
	Home       string // that user's home directory on the server
	ConfigFile string // ssh_config for -F, with the host Alias
	KnownHosts string // file that ConfigFile names
	KeyFile    string // the one private key that is let in
	HostKeys   []ssh.PublicKey

	signer  ssh.Signer
	dir     string // all of the server's files
	process *process
}

// Start runs a real sshd until the test ends. Without one on the machine the
// test is skipped; see [Need].
func Start(t testing.TB, opts ...Option) *Server {
	t.Helper()
	program := Need(t, "sshd")[0]
	o := newOptions(opts)
	s := newServer(t)
	privsepDir(t)
	files := s.writeHostKeys(t, o.hostKeyTypes)
	space := s.newNamespace(t, o)
	host := s.prepareHost(t, o, space)
	s.listen(t, "Server listening on", func(port int) []string {
		config := filepath.Join(s.dir, "sshd_config")
		text := s.sshdConfig(o, host, files, port)
		writeFile(t, config, []byte(text), 0o600)
		return space.wrap(program, "-D", "-e", "-f", config)
	})
	return s
}

// newServer makes the client's side: user, home, key.
func newServer(t testing.TB) *Server {
	t.Helper()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	dir := tempDir(t)
	s := &Server{
		User:       me.Username,
		Home:       filepath.Join(dir, "home"),
		ConfigFile: filepath.Join(dir, "ssh_config"),
		KnownHosts: filepath.Join(dir, "known_hosts"),
		KeyFile:    filepath.Join(dir, "id_ed25519"),
		dir:        dir,
	}
	mkdirAll(t, s.Home)
	s.writeClientKey(t)
	return s
}

// tempDir is t.TempDir with links resolved, so that the paths a host prints
// are those that the test knows.
func tempDir(t testing.TB) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func (s *Server) writeClientKey(t testing.TB) {
	t.Helper()
	key := NewKey(t, "ed25519")
	WriteKey(t, s.KeyFile, key, "")
	signer, err := ssh.NewSignerFromSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	s.signer = signer
	s.Authorize(t, signer.PublicKey())
}

// Authorize lets one more key log in.
func (s *Server) Authorize(t testing.TB, key ssh.PublicKey) {
	t.Helper()
	path := filepath.Join(s.Home, ".ssh", "authorized_keys")
	old, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	writeFile(t, path, append(old, ssh.MarshalAuthorizedKey(key)...), 0o600)
	// dropbear insists that nobody else can write to these directories.
	if err := os.Chmod(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
}

func (s *Server) writeHostKeys(t testing.TB, types []string) []string {
	t.Helper()
	var files []string
	for _, kind := range types {
		path := filepath.Join(s.dir, "host_"+kind)
		key := NewKey(t, kind)
		WriteKey(t, path, key, "")
		s.HostKeys = append(s.HostKeys, PublicKey(t, key))
		files = append(files, path)
	}
	return files
}

// listen starts the server on a free port. Nothing keeps the port free between
// finding and using it, hence the attempts.
func (s *Server) listen(t testing.TB, ready string, args func(port int) []string) {
	t.Helper()
	var err error
	for range 5 {
		port := freePort(t)
		s.process = &process{t: t, args: args(port), ready: ready, mark: marker + "=" + s.dir}
		if err = s.process.start(); err == nil {
			t.Cleanup(s.process.cleanup)
			s.setAddr(t, port)
			return
		}
		if !strings.Contains(s.process.log(), "in use") {
			break
		}
	}
	t.Fatal(err)
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (s *Server) setAddr(t testing.TB, port int) {
	t.Helper()
	s.Port = port
	s.Addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	s.writeClientConfig(t, "")
}

// Via returns the same server as reached through a link: Addr, Port and
// ConfigFile are the link's, all else is shared.
func (s *Server) Via(t testing.TB, l *Link) *Server {
	t.Helper()
	host, port, err := net.SplitHostPort(l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	via := *s
	via.Addr = net.JoinHostPort(host, port)
	via.Port, err = strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	via.ConfigFile = filepath.Join(s.dir, "ssh_config_"+port)
	via.writeClientConfig(t, "HostKeyAlias "+Alias)
	return &via
}

// Dial logs in without any of this project's own code. The client is closed
// when the test ends.
func (s *Server) Dial(t testing.TB) *ssh.Client {
	t.Helper()
	client, err := ssh.Dial("tcp", s.Addr, &ssh.ClientConfig{
		User:              s.User,
		Auth:              []ssh.AuthMethod{ssh.PublicKeys(s.signer)},
		HostKeyCallback:   ssh.FixedHostKey(s.HostKeys[0]),
		HostKeyAlgorithms: hostKeyAlgorithms(s.HostKeys[0]),
		Timeout:           20 * time.Second,
	})
	if err != nil {
		t.Fatalf("dial %s: %v\n%s", s.Addr, err, s.process.log())
	}
	t.Cleanup(func() { client.Close() })
	return client
}

func hostKeyAlgorithms(key ssh.PublicKey) []string {
	if key.Type() == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{key.Type()}
}

// Stop kills the server and its connections. It fails the test if a process
// of theirs is left.
func (s *Server) Stop() {
	s.process.t.Helper()
	s.process.stop()
}

// Restart brings a stopped or running server up again, with the same keys on
// the same port.
func (s *Server) Restart() {
	s.process.t.Helper()
	s.process.stop()
	if err := s.process.start(); err != nil {
		s.process.t.Fatal(fmt.Errorf("restart: %w", err))
	}
}

// Log returns what the server has logged so far.
func (s *Server) Log() string { return s.process.log() }
