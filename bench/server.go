package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// A server is an sshd that lets one key in.
type server struct {
	addr    string
	process *process
}

// serverPlan is what an sshd is started with.
type serverPlan struct {
	dir     string // of its files, which exists
	home    string // the home directory it claims: a login shell's start-up files would cost time
	client  ssh.PublicKey
	sftp    bool
	program string
}

// startServer starts an sshd on a free port. Nothing keeps the port free
// between finding and using it, hence the attempts.
func startServer(plan serverPlan) (*server, ssh.PublicKey, error) {
	host, err := plan.write()
	if err != nil {
		return nil, nil, err
	}
	for range 5 {
		var s *server
		if s, err = plan.start(); err == nil {
			return s, host, nil
		}
	}
	return nil, nil, err
}

// write makes the server's files, except for its configuration.
func (p serverPlan) write() (ssh.PublicKey, error) {
	if os.Geteuid() == 0 { // sshd insists on it; the system's service manager makes it normally
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			return nil, err
		}
	}
	authorized := ssh.MarshalAuthorizedKey(p.client)
	if err := os.WriteFile(filepath.Join(p.dir, "authorized"), authorized, 0o600); err != nil {
		return nil, err
	}
	return newKey(filepath.Join(p.dir, "hostkey"))
}

func (p serverPlan) start() (*server, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	config := filepath.Join(p.dir, "sshd_config")
	if err := os.WriteFile(config, []byte(p.config(addr)), 0o600); err != nil {
		return nil, err
	}
	env := []string{"PATH=" + os.Getenv("PATH")}
	process, err := startProcess(env, filepath.Join(p.dir, "log"), p.program, "-D", "-e", "-f", config)
	if err != nil {
		return nil, err
	}
	s := &server{addr: addr, process: process}
	if err := s.await(); err != nil {
		process.stop()
		return nil, process.blame(err)
	}
	return s, nil
}

func (p serverPlan) config(addr string) string {
	_, port, _ := net.SplitHostPort(addr) // it came from the kernel
	lines := []string{
		"ListenAddress 127.0.0.1",
		"Port " + port,
		"HostKey " + filepath.Join(p.dir, "hostkey"),
		"AuthorizedKeysFile " + filepath.Join(p.dir, "authorized"),
		"PidFile none",
		"UsePAM no",
		"StrictModes no",
		"PermitRootLogin yes",
		"PasswordAuthentication no",
		"KbdInteractiveAuthentication no",
		"PrintMotd no",
		"PrintLastLog no",
		"UseDNS no",
		"SetEnv HOME=" + p.home,
	}
	if p.sftp {
		lines = append(lines, "Subsystem sftp internal-sftp")
	}
	return strings.Join(lines, "\n") + "\n"
}

// await returns once the server listens.
func (s *server) await() error {
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) { // it tells nobody
		c, err := net.Dial("tcp", s.addr)
		if err == nil {
			c.Close()
			return nil
		}
		select {
		case <-s.process.done:
			return fmt.Errorf("sshd ended: %v", s.process.err)
		default:
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("sshd does not listen: %w", err)
		}
	}
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// newKey writes a new private key to a file.
func newKey(file string) (ssh.PublicKey, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(private, "scpfs benchmark")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		return nil, err
	}
	return ssh.NewPublicKey(public)
}
