package sshdial

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Config is what applies to one host, by the names of ssh_config(5).
type Config struct {
	HostName string
	User     string
	Port     int

	IdentityFile    []string // absolute, like all files here
	CertificateFile []string
	IdentitiesOnly  bool
	IdentityAgent   string // "" is $SSH_AUTH_SOCK, "none" no agent, else a socket

	UserKnownHostsFile    []string
	GlobalKnownHostsFile  []string
	StrictHostKeyChecking string // yes, ask, accept-new or no
	HostKeyAlias          string
	HashKnownHosts        bool

	ProxyJump    string // as written: hop,hop...; "" for none
	ProxyCommand string // tokens expanded; "" for none

	AddressFamily  string // any, inet or inet6
	BindAddress    string
	ConnectTimeout time.Duration // 0 if not set

	ServerAliveInterval time.Duration // 0 if not set
	ServerAliveCountMax int

	PreferredAuthentications     []string
	PubkeyAuthentication         bool
	PasswordAuthentication       bool
	KbdInteractiveAuthentication bool
	NumberOfPasswordPrompts      int
	BatchMode                    bool

	// The algorithms that were asked for, nil for this program's own choice.
	HostKeyAlgorithms []string
	Ciphers           []string
	KexAlgorithms     []string
	MACs              []string
}

// settings are the values of each keyword, lower case, in the order given.
type settings map[string][]string

func (s settings) first(keyword string) string {
	if values := s[keyword]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// text is the value of a keyword for which "none" stands for nothing.
func (s settings) text(keyword string) string {
	if value := s.first(keyword); !strings.EqualFold(value, "none") {
		return value
	}
	return ""
}

// truth reads a yes or no; ssh -G prints some of them as true and false.
func (s settings) truth(keyword string, otherwise bool) bool {
	switch strings.ToLower(s.first(keyword)) {
	case "yes", "true", "unbound", "host-bound":
		return true
	case "no", "false":
		return false
	}
	return otherwise
}

func (s settings) number(keyword string, otherwise int) int {
	n, err := strconv.Atoi(s.first(keyword))
	if err != nil || n < 0 {
		return otherwise
	}
	return n
}

func (s settings) seconds(keyword string) time.Duration {
	return time.Duration(s.number(keyword, 0)) * time.Second
}

func (s settings) list(keyword string) []string {
	value := s.first(keyword)
	if value == "" {
		return nil
	}
	return strings.Split(value, ",")
}

// files are the names in one value. Only a name with a blank is ambiguous,
// since ssh -G does not quote.
func (s settings) files(keyword string) []string {
	if s.text(keyword) == "" {
		return nil
	}
	return strings.Fields(s.first(keyword))
}

// config turns settings into a Config, before expansion.
func (s settings) config() (Config, error) {
	c := Config{
		HostName:              s.first("hostname"),
		User:                  s.first("user"),
		IdentityFile:          named(s["identityfile"]),
		CertificateFile:       named(s["certificatefile"]),
		IdentitiesOnly:        s.truth("identitiesonly", false),
		IdentityAgent:         s.first("identityagent"),
		UserKnownHostsFile:    s.files("userknownhostsfile"),
		GlobalKnownHostsFile:  s.files("globalknownhostsfile"),
		HostKeyAlias:          s.first("hostkeyalias"),
		HashKnownHosts:        s.truth("hashknownhosts", false),
		ProxyJump:             s.text("proxyjump"),
		ProxyCommand:          s.text("proxycommand"),
		AddressFamily:         strings.ToLower(s.first("addressfamily")),
		BindAddress:           s.first("bindaddress"),
		ConnectTimeout:        s.seconds("connecttimeout"),
		ServerAliveInterval:   s.seconds("serveraliveinterval"),
		ServerAliveCountMax:   s.number("serveralivecountmax", 3),
		PubkeyAuthentication:  s.truth("pubkeyauthentication", true),
		BatchMode:             s.truth("batchmode", false),
		HostKeyAlgorithms:     s.list("hostkeyalgorithms"),
		Ciphers:               s.list("ciphers"),
		KexAlgorithms:         s.list("kexalgorithms"),
		MACs:                  s.list("macs"),
		StrictHostKeyChecking: strictness(s.first("stricthostkeychecking")),

		PreferredAuthentications:     s.list("preferredauthentications"),
		PasswordAuthentication:       s.truth("passwordauthentication", true),
		KbdInteractiveAuthentication: s.truth("kbdinteractiveauthentication", true),
		NumberOfPasswordPrompts:      s.number("numberofpasswordprompts", 3),
	}
	return c, c.setPort(s.first("port"))
}

func (c *Config) setPort(value string) error {
	port, err := strconv.Atoi(value)
	if err != nil || port < 1 || port > 65535 {
		return fmt.Errorf("bad port %q: it must be a number from 1 to 65535", value)
	}
	c.Port = port
	return nil
}

// named drops the word that stands for no file.
func named(files []string) []string {
	var names []string
	for _, file := range files {
		if !strings.EqualFold(file, "none") {
			names = append(names, file)
		}
	}
	return names
}

// strictness gives the one name to each value; whatever is not known is
// treated as the strictest.
func strictness(value string) string {
	switch value = strings.ToLower(value); value {
	case "ask", "accept-new":
		return value
	case "no", "off", "false":
		return "no"
	case "":
		return "ask"
	}
	return "yes"
}
