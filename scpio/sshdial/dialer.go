package sshdial

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// Options are what a command line adds to the configuration files. The zero
// value adds nothing.
type Options struct {
	ConfigFile string   // instead of ~/.ssh/config and the system's; "none" for no file
	Port       int      // 0 leaves it to the configuration
	User       string   // wins over the user@ of the host
	SSHOptions []string // Key=Value, as after ssh -o
	Dir        string   // where a ProxyCommand runs; empty for wherever this process is then
	Prompter   Prompter // nil when nobody can be asked
	Logger     *slog.Logger

	// KeepAlive is how often to make sure that a silent server is still
	// there where ServerAliveInterval does not say. 0 is 15 s, negative never.
	KeepAlive time.Duration
	// ConnectTimeout bounds each step of a login where the configuration has
	// none. 0 is 15 s.
	ConnectTimeout time.Duration
}

// The defaults of what ssh(1) leaves to TCP.
const (
	defaultConnectTimeout = 15 * time.Second
	defaultKeepAlive      = 15 * time.Second
)

// A Dialer logs in to one host, as often as needed. It may be used by several
// goroutines.
type Dialer struct {
	host    string
	options Options
	config  Config
	log     *slog.Logger

	jump      *Dialer // nil without ProxyJump
	traveller *Dialer // whose jump host this is, if it is one

	mu      sync.Mutex // guards the fields below
	secrets map[string]string
	keys    map[string]*keyFile
}

// New reads the configuration for [user@]host.
func New(host string, o Options) (*Dialer, error) {
	return newDialer(host, o, nil)
}

// newDialer is New for a jump host as well, with the Dialer that goes through it.
func newDialer(host string, o Options, traveller *Dialer) (*Dialer, error) {
	if user, rest, ok := cutLast(host, "@"); ok {
		host = rest
		if o.User == "" {
			o.User = user
		}
	}
	if err := CheckNames(host, o.User); err != nil {
		return nil, err
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	q := query{host: host, file: o.ConfigFile, port: o.Port, user: o.User, options: o.SSHOptions}
	s, err := q.settings()
	if err != nil {
		return nil, err
	}
	config, err := s.config()
	if err != nil {
		return nil, err
	}
	config.expand(host)
	d := &Dialer{host: host, options: o, config: config, log: o.Logger, traveller: traveller, secrets: map[string]string{}}
	if !d.same(traveller) {
		d.jump, err = d.newJump()
	}
	return d, err
}

// cutLast cuts around the last sep: a user name may hold an @, a host may not.
func cutLast(text, sep string) (before, after string, found bool) {
	i := strings.LastIndex(text, sep)
	if i < 0 {
		return "", text, false
	}
	return text[:i], text[i+len(sep):], true
}

// Config returns what applies to the host. It must not be changed.
func (d *Dialer) Config() *Config { return &d.config }

// prompter is nil when nobody can or may be asked.
func (d *Dialer) prompter() Prompter {
	if d.config.BatchMode {
		return nil
	}
	return d.options.Prompter
}

// Dial connects and logs in. The client's connection is closed when the server
// stops answering; closing the client ends whatever carried it, proxies
// included. The error is an *[Error].
func (d *Dialer) Dial(ctx context.Context) (*ssh.Client, error) {
	client, err := d.dial(ctx)
	if err != nil {
		return nil, d.explain(err)
	}
	return client, nil
}

func (d *Dialer) dial(ctx context.Context) (*ssh.Client, error) {
	jump, err := d.dialJump(ctx)
	if err != nil {
		return nil, err
	}
	g := newGuard(ctx, d.timeout())
	defer g.close()
	conn, err := d.connect(g, jump)
	if err != nil {
		return nil, cause(g, err)
	}
	release := g.protect(conn)
	heard := &heardConn{Conn: conn}
	client, err := d.handshake(g, heard)
	if err != nil {
		conn.Close()
		return nil, proxyFailure(conn, cause(g, err))
	}
	if !release() {
		client.Close()
		return nil, context.Cause(g.ctx)
	}
	d.startKeepAlive(client, heard)
	return client, nil
}

func (d *Dialer) timeout() time.Duration {
	if d.config.ConnectTimeout > 0 {
		return d.config.ConnectTimeout
	}
	return cmp.Or(d.options.ConnectTimeout, defaultConnectTimeout)
}

// cause prefers the reason for which the guard closed the connection to what
// that looked like from inside.
func cause(g *guard, err error) error {
	if reason := context.Cause(g.ctx); reason != nil {
		return reason
	}
	return err
}

// handshake makes a client of a connection.
func (d *Dialer) handshake(g *guard, conn net.Conn) (*ssh.Client, error) {
	l := &login{dialer: d, guard: g, conn: &mortal{Conn: conn}, used: map[string]int{}, answers: map[string]string{}}
	defer l.close()
	check, err := d.hostCheck(l)
	if err != nil {
		return nil, err
	}
	c, channels, requests, err := ssh.NewClientConn(l.conn, d.addr(), d.clientConfig(l, check))
	if err != nil {
		return nil, l.blame(err)
	}
	d.learn(l.answers)
	return ssh.NewClient(c, channels, requests), nil
}

func (d *Dialer) clientConfig(l *login, check *hostCheck) *ssh.ClientConfig {
	usable, insecure := ssh.SupportedAlgorithms(), ssh.InsecureAlgorithms()
	return &ssh.ClientConfig{
		Config: ssh.Config{
			Ciphers:      known(d.config.Ciphers, usable.Ciphers, insecure.Ciphers),
			KeyExchanges: known(d.config.KexAlgorithms, usable.KeyExchanges, insecure.KeyExchanges),
			MACs:         known(d.config.MACs, usable.MACs, insecure.MACs),
		},
		User:              d.config.User,
		HostKeyCallback:   check.check,
		HostKeyAlgorithms: check.algorithms(d.config.HostKeyAlgorithms),
		AuthCallback:      l.next,
		BannerCallback: func(text string) error {
			d.log.Info("message of the server", "host", d.host, "text", Sanitize(text))
			return nil
		},
	}
}

// known leaves of a configured list what this program can do.
func known(configured []string, lists ...[]string) []string {
	return slices.DeleteFunc(slices.Clone(configured), func(name string) bool {
		return !slices.ContainsFunc(lists, func(list []string) bool { return slices.Contains(list, name) })
	})
}

func (d *Dialer) hostCheck(l *login) (*hostCheck, error) {
	lines, err := readKnownHosts(slices.Concat(d.config.UserKnownHostsFile, d.config.GlobalKnownHostsFile), d.log)
	if err != nil {
		return nil, err
	}
	h := &hostCheck{
		name:   knownName(d.config.HostName, d.config.Port),
		shown:  d.host,
		login:  d.sshCommand(),
		policy: d.config.StrictHostKeyChecking,
		known:  lines,
	}
	if alias := d.config.HostKeyAlias; alias != "" {
		h.name, h.alias = strings.ToLower(alias), true
	}
	h.learn = func(key ssh.PublicKey) error { return l.unknown(h, key) }
	return h, nil
}

// sshCommand is how the person can reach the same host with ssh(1).
func (d *Dialer) sshCommand() string {
	words := []string{"ssh"}
	if d.options.ConfigFile != "" {
		words = append(words, "-F", shellWord(d.options.ConfigFile))
	}
	if d.options.Port != 0 {
		words = append(words, "-p", strconv.Itoa(d.options.Port))
	}
	for _, option := range d.options.SSHOptions {
		words = append(words, "-o", shellWord(option))
	}
	if d.options.User != "" {
		words = append(words, "-l", shellWord(d.options.User))
	}
	return strings.Join(append(words, d.host), " ")
}

func (d *Dialer) addr() string {
	return net.JoinHostPort(d.config.HostName, strconv.Itoa(d.config.Port))
}
