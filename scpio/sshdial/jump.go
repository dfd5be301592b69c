package sshdial

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"
)

// maxJumps bounds a chain that a configuration makes endless.
const maxJumps = 16

// newJump prepares the last hop of ProxyJump, which gets the ones before it as
// its own. As with ssh -J, hops follow the configuration files, not the
// command line's -o options.
func (d *Dialer) newJump() (*Dialer, error) {
	if d.config.ProxyJump == "" {
		return nil, nil
	}
	if d.hops() >= maxJumps {
		return nil, fmt.Errorf("%s: ProxyJump goes through more than %d hosts: does one lead back to itself?", d.host, maxJumps)
	}
	before, last, chain := cutLast(d.config.ProxyJump, ",")
	o := Options{ConfigFile: d.options.ConfigFile, Dir: d.options.Dir, Prompter: d.options.Prompter, Logger: d.log, KeepAlive: d.options.KeepAlive}
	if isFixed(o.Prompter) {
		o.Prompter = nil // the password is for the destination
	}
	if chain {
		o.SSHOptions = []string{"ProxyJump=" + before}
	}
	host, err := o.addHop(last)
	if err != nil {
		return nil, fmt.Errorf("%s: bad ProxyJump: %w", d.host, err)
	}
	jump, err := newDialer(host, o, d)
	if err != nil || d.same(jump) {
		return nil, err
	}
	return jump, nil
}

// hops is how many hosts lie behind this one.
func (d *Dialer) hops() int {
	n := 0
	for t := d.traveller; t != nil; t = t.traveller {
		n++
	}
	return n
}

// same recognises a "Host *" whose ProxyJump applies to the jump host as well,
// which ssh(1) ignores there.
func (d *Dialer) same(other *Dialer) bool {
	return other != nil && other.config.HostName == d.config.HostName && other.config.Port == d.config.Port && other.config.User == d.config.User
}

// addHop takes [user@]host[:port] or ssh://[user@]host[:port] and returns the
// host.
func (o *Options) addHop(hop string) (string, error) {
	hop = strings.TrimSpace(hop)
	if u, err := url.Parse(hop); err == nil && u.Scheme == "ssh" {
		hop = u.Host
		o.User = u.User.Username()
	} else if user, rest, ok := cutLast(hop, "@"); ok {
		hop, o.User = rest, user
	}
	host, port, err := net.SplitHostPort(hop)
	if err != nil {
		return strings.Trim(hop, "[]"), nil // no port
	}
	if o.Port, err = strconv.Atoi(port); err != nil || o.Port < 1 || o.Port > 65535 {
		return "", fmt.Errorf("bad port in %q", hop)
	}
	return host, nil
}

// dialJump returns nil without a jump host.
func (d *Dialer) dialJump(ctx context.Context) (*ssh.Client, error) {
	if d.jump == nil {
		return nil, nil
	}
	client, err := d.jump.Dial(ctx)
	if err != nil {
		return nil, &jumpError{err}
	}
	return client, nil
}

// jumpError is a failure on the way, told as such.
type jumpError struct{ err error }

func (e *jumpError) Error() string { return "jump host " + e.err.Error() }

func (e *jumpError) Unwrap() error { return e.err }
