package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/scpfs/scpfs/scpio/scptest/link"
)

// hostNames are the servers as clients know them: one without SFTP, which is
// all that scpfs and scp get, and one with it.
var hostNames = []string{"plain", "sftp"}

// hosts are the servers of a run.
type hosts struct {
	dir     string
	servers map[string]*server
	keys    map[string]ssh.PublicKey
}

// startHosts starts the servers, with their files and the client's key in dir.
func startHosts(dir, home string) (*hosts, error) {
	program, err := lookup("sshd")
	if err != nil {
		return nil, err
	}
	client, err := newKey(filepath.Join(dir, "key"))
	if err != nil {
		return nil, err
	}
	h := &hosts{dir: dir, servers: map[string]*server{}, keys: map[string]ssh.PublicKey{}}
	for _, name := range hostNames {
		plan := serverPlan{dir: filepath.Join(dir, name), home: home, client: client, sftp: name == "sftp", program: program}
		if err := os.Mkdir(plan.dir, 0o700); err != nil {
			return h, err
		}
		if h.servers[name], h.keys[name], err = startServer(plan); err != nil {
			delete(h.servers, name)
			return h, err
		}
	}
	return h, nil
}

func (h *hosts) stop() {
	for _, s := range h.servers {
		s.process.stop()
	}
}

// A network is the way to the servers, at one round-trip time.
type network struct {
	rtt       time.Duration
	links     map[string]*link.Link
	config    string // an ssh_config(5) with the names of the servers
	rclone    string // the same for rclone, whose remote is called "sftp"
	keyFile   string
	knownFile string
}

// connect puts links in front of the servers.
func (h *hosts) connect(o link.Options) (*network, error) {
	n := &network{
		rtt:       o.RTT,
		links:     map[string]*link.Link{},
		config:    filepath.Join(h.dir, "ssh_config"),
		rclone:    filepath.Join(h.dir, "rclone.conf"),
		keyFile:   filepath.Join(h.dir, "key"),
		knownFile: filepath.Join(h.dir, "known_hosts"),
	}
	for name, s := range h.servers {
		k, err := link.New(s.addr, o)
		if err != nil {
			return nil, errors.Join(err, n.close())
		}
		n.links[name] = k
	}
	if err := n.write(h.keys); err != nil {
		return nil, errors.Join(err, n.close())
	}
	return n, nil
}

func (n *network) close() error {
	var errs []error
	for _, k := range n.links {
		errs = append(errs, k.Close())
	}
	return errors.Join(errs...)
}

// write tells the clients about the servers.
func (n *network) write(keys map[string]ssh.PublicKey) error {
	me, err := user.Current()
	if err != nil {
		return err
	}
	var config, known, rclone string
	for name, k := range n.links {
		_, port, err := net.SplitHostPort(k.Addr())
		if err != nil {
			return err
		}
		config += fmt.Sprintf(sshConfig, name, port, me.Username, n.keyFile, n.knownFile)
		known += knownhosts.Line([]string{k.Addr()}, keys[name]) + "\n"
		if name == "sftp" {
			rclone = fmt.Sprintf(rcloneConfig, port, me.Username, n.keyFile, n.knownFile)
		}
	}
	return errors.Join(
		os.WriteFile(n.config, []byte(config), 0o600),
		os.WriteFile(n.knownFile, []byte(known), 0o600),
		os.WriteFile(n.rclone, []byte(rclone), 0o600),
	)
}

const sshConfig = `Host %s
  HostName 127.0.0.1
  Port %s
  User %s
  IdentityFile %s
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile %s
  GlobalKnownHostsFile none
  StrictHostKeyChecking yes
`

const rcloneConfig = `[sftp]
type = sftp
host = 127.0.0.1
port = %s
user = %s
key_file = %s
known_hosts_file = %s
shell_type = unix
`
