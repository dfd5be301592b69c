package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// prepare makes keys, home directory and client configuration below state, and listens.
func prepare(state string) (*server, error) {
	if !filepath.IsAbs(state) {
		return nil, errors.New("-state has to be an absolute path")
	}
	s := &server{home: filepath.Join(state, "home")}
	if err := os.MkdirAll(s.home, 0o700); err != nil {
		return nil, err
	}
	client, err := makeClientKey(filepath.Join(state, "key"))
	if err != nil {
		return nil, err
	}
	host, err := s.configure(client)
	if err != nil {
		return nil, err
	}
	if s.env, err = environment(state, s.home); err != nil {
		return nil, err
	}
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	return s, writeConfig(state, s.listener.Addr().(*net.TCPAddr), host)
}

// makeClientKey writes the one private key that is let in.
func makeClientKey(file string) (ssh.PublicKey, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(private, "scpfs demo")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		return nil, err
	}
	return ssh.NewPublicKey(public)
}

// configure sets the server up with a host key of its own, which it returns.
func (s *server) configure(client ssh.PublicKey) (ssh.PublicKey, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	signer, err := ssh.NewSignerFromSigner(private)
	if err != nil {
		return nil, err
	}
	allowed := string(client.Marshal())
	s.config = &ssh.ServerConfig{
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if string(key.Marshal()) != allowed {
				return nil, errors.New("not the key of this demonstration")
			}
			return nil, nil
		},
	}
	s.config.AddHostKey(signer)
	return signer.PublicKey(), nil
}

// environment is what commands run with. Where the machine has no scp, this program is
// it, under that name.
func environment(state, home string) ([]string, error) {
	path := os.Getenv("PATH")
	if _, err := exec.LookPath("scp"); err != nil {
		bin := filepath.Join(state, "bin")
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		if err := errors.Join(os.Mkdir(bin, 0o700), os.Symlink(self, filepath.Join(bin, "scp"))); err != nil {
			return nil, err
		}
		path = bin + ":" + path
	}
	return []string{"HOME=" + home, "PATH=" + path, "SHELL=/bin/sh"}, nil
}

// writeConfig tells the client all it has to know.
func writeConfig(state string, addr *net.TCPAddr, host ssh.PublicKey) error {
	hosts := filepath.Join(state, "known_hosts")
	line := knownhosts.Line([]string{addr.String()}, host) + "\n"
	if err := os.WriteFile(hosts, []byte(line), 0o600); err != nil {
		return err
	}
	config := fmt.Sprintf(`Host demo
  HostName 127.0.0.1
  Port %d
  User demo
  IdentityFile "%s"
  IdentitiesOnly yes
  UserKnownHostsFile "%s"
  StrictHostKeyChecking yes
`, addr.Port, filepath.Join(state, "key"), hosts)
	return os.WriteFile(filepath.Join(state, "config"), []byte(config), 0o600)
}
