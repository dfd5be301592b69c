package sshdial

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/kevinburke/ssh_config"
)

// keywords are those that the fallback looks up.
var keywords = []string{
	"AddressFamily", "BatchMode", "BindAddress", "CertificateFile", "Ciphers", "ConnectTimeout", "GlobalKnownHostsFile",
	"HashKnownHosts", "HostKeyAlgorithms", "HostKeyAlias", "HostName", "IdentitiesOnly", "IdentityAgent", "IdentityFile",
	"KbdInteractiveAuthentication", "KexAlgorithms", "MACs", "NumberOfPasswordPrompts", "PasswordAuthentication", "Port",
	"PreferredAuthentications", "ProxyCommand", "ProxyJump", "PubkeyAuthentication", "ServerAliveCountMax",
	"ServerAliveInterval", "StrictHostKeyChecking", "User", "UserKnownHostsFile",
}

// readFiles stands in for ssh -G: the command line wins, then the user's file,
// then the system's.
func (q query) readFiles() (settings, error) {
	s := settings{}
	if err := s.addOptions(q.options); err != nil {
		return nil, err
	}
	if q.port != 0 {
		s["port"] = []string{strconv.Itoa(q.port)}
	}
	if q.user != "" {
		s["user"] = []string{q.user}
	}
	for _, file := range q.configFiles() {
		if err := s.addFile(file, q.host, q.file != ""); err != nil {
			return nil, err
		}
	}
	return s, s.addDefaults(q.host)
}

func (q query) configFiles() []string {
	switch q.file {
	case "":
		return []string{filepath.Join(homeDir(), ".ssh", "config"), "/etc/ssh/ssh_config"}
	case "none":
		return nil
	}
	return []string{q.file}
}

// addOptions takes Key=Value and Key Value.
func (s settings) addOptions(options []string) error {
	for _, option := range options {
		i := strings.IndexAny(option, "= \t")
		if i <= 0 {
			return fmt.Errorf("bad ssh option %q: it must be Key=Value", option)
		}
		keyword := strings.ToLower(option[:i])
		s[keyword] = append(s[keyword], strings.Trim(option[i:], "= \t"))
	}
	return nil
}

// addFile adds what a file says about keywords that are not settled yet.
// Identities add up.
func (s settings) addFile(file, host string, wanted bool) error {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) && !wanted {
		return nil
	}
	if err != nil {
		return err
	}
	config, err := ssh_config.DecodeBytes(text)
	if err != nil {
		return fmt.Errorf("%s: %w: install the OpenSSH client to use all of its syntax", file, err)
	}
	for _, keyword := range keywords {
		values, err := config.GetAll(host, keyword)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		s.settle(strings.ToLower(keyword), values)
	}
	return nil
}

func (s settings) settle(keyword string, values []string) {
	switch {
	case keyword == "identityfile" || keyword == "certificatefile":
		for _, value := range values {
			s[keyword] = append(s[keyword], strings.Trim(value, `"`))
		}
	case len(s[keyword]) == 0 && len(values) > 0:
		s[keyword] = []string{strings.Trim(values[0], `"`)}
	}
}

func (s settings) addDefaults(host string) error {
	me, err := user.Current()
	if err != nil {
		return err
	}
	s.settle("hostname", []string{host})
	s.settle("user", []string{me.Username})
	s.settle("port", []string{"22"})
	s.settle("userknownhostsfile", []string{"~/.ssh/known_hosts ~/.ssh/known_hosts2"})
	s.settle("globalknownhostsfile", []string{"/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2"})
	if len(s["identityfile"]) == 0 {
		s.settle("identityfile", []string{"~/.ssh/id_rsa", "~/.ssh/id_ecdsa", "~/.ssh/id_ed25519"})
	}
	s["hostname"] = []string{strings.ReplaceAll(s.first("hostname"), "%h", host)}
	return nil
}
