package sshdial

import (
	"cmp"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// homeDir is where ~ leads: as for ssh(1), the home of the user database, and
// $HOME only for somebody it does not know.
func homeDir() string {
	me, err := user.LookupId(strconv.Itoa(os.Getuid()))
	if err == nil && me.HomeDir != "" {
		return me.HomeDir
	}
	return cmp.Or(os.Getenv("HOME"), "/")
}

// tokens are the values of ssh_config's percent signs.
func (c *Config) tokens(host string) *strings.Replacer {
	local, _ := os.Hostname()
	name, uid := "", strconv.Itoa(os.Getuid())
	if me, err := user.Current(); err == nil {
		name = me.Username
	}
	short, _, _ := strings.Cut(local, ".")
	return strings.NewReplacer(
		"%%", "%", "%h", c.HostName, "%p", strconv.Itoa(c.Port), "%r", c.User, "%n", host,
		"%k", cmp.Or(c.HostKeyAlias, c.HostName), "%d", homeDir(), "%u", name, "%i", uid, "%l", local, "%L", short,
	)
}

var variable = regexp.MustCompile(`\$\{[A-Za-z_][A-Za-z0-9_]*\}`)

// expand fills in what ssh -G leaves as it was written.
func (c *Config) expand(host string) {
	tokens := c.tokens(host)
	c.ProxyCommand = tokens.Replace(c.ProxyCommand)
	for _, files := range [][]string{c.IdentityFile, c.CertificateFile, c.UserKnownHostsFile, c.GlobalKnownHostsFile} {
		for i, file := range files {
			files[i] = expandPath(tokens, file)
		}
	}
	switch agent := c.IdentityAgent; {
	case agent == "SSH_AUTH_SOCK":
		c.IdentityAgent = ""
	case strings.HasPrefix(agent, "$") && !strings.HasPrefix(agent, "${"):
		c.IdentityAgent = absolute(cmp.Or(os.Getenv(agent[1:]), "none"))
	default:
		c.IdentityAgent = expandPath(tokens, agent)
	}
}

// expandPath gives a path that leads to the same file from any directory.
func expandPath(tokens *strings.Replacer, path string) string {
	path = variable.ReplaceAllStringFunc(path, func(v string) string { return os.Getenv(v[2 : len(v)-1]) })
	path = tokens.Replace(path)
	rest, ok := strings.CutPrefix(path, "~")
	if !ok {
		return absolute(path)
	}
	name, rest, _ := strings.Cut(rest, "/")
	if name == "" {
		return filepath.Join(homeDir(), rest)
	}
	if other, err := user.Lookup(name); err == nil {
		return filepath.Join(other.HomeDir, rest)
	}
	return absolute(path)
}

// absolute leaves the word for no file as it is, and no file at all.
func absolute(path string) string {
	if path == "" || strings.EqualFold(path, "none") {
		return path
	}
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path // relative to a directory that is gone
}
