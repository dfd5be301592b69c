package scptest

import "maps"

// An Option changes how [Start] or [StartDropbear] runs the server.
type Option func(*options)

type options struct {
	env          map[string]string
	forceCommand string
	loginShell   string
	extra        []string
	hostKeyTypes []string
	maxSessions  int
	busybox      bool
}

func newOptions(opts []Option) *options {
	o := &options{
		env:          map[string]string{},
		hostKeyTypes: []string{"ed25519"},
		maxSessions:  10,
	}
	for _, opt := range opts {
		opt(o)
	}
	return o
}

// environ is what commands on the host see, with the test's own home.
func (o *options) environ(home string) map[string]string {
	env := map[string]string{"HOME": home}
	maps.Copy(env, o.env)
	return env
}

// MaxSessions limits the sessions of one connection; sshd's own default, 10,
// is the default here. dropbear has no such limit and ignores it.
func MaxSessions(n int) Option {
	return func(o *options) { o.maxSessions = n }
}

// Env sets an environment variable for the commands run on the host. dropbear
// fixes HOME, PATH, SHELL, USER and LOGNAME itself.
func Env(name, value string) Option {
	return func(o *options) { o.env[name] = value }
}

// ForceCommand runs command instead of what the client asks for, which the
// command finds in SSH_ORIGINAL_COMMAND. sshd refuses to deliver signals to a
// forced command.
func ForceCommand(command string) Option {
	return func(o *options) { o.forceCommand = command }
}

// LoginShell sets the account's shell, by absolute path, so that commands pass
// through a csh, a fish or a wrapper. It needs a mount namespace.
func LoginShell(path string) Option {
	return func(o *options) { o.loginShell = path }
}

// ExtraConfig puts lines at the head of sshd_config, where they win over the
// ones that this package writes. dropbear ignores it.
func ExtraConfig(lines ...string) Option {
	return func(o *options) { o.extra = append(o.extra, lines...) }
}

// HostKeyTypes gives the server one host key of each type: ed25519 (the
// default), ecdsa or rsa.
func HostKeyTypes(types ...string) Option {
	return func(o *options) { o.hostKeyTypes = types }
}

// BusyboxOnly makes a host that has busybox, with /bin/sh its ash, and scp,
// and no other program. As root that is a chroot; Home has the same path
// inside. An ordinary user, who cannot chroot, gets the same PATH and /bin/sh
// by bind mount, but other absolute paths still reach the machine's programs.
func BusyboxOnly() Option {
	return func(o *options) { o.busybox = true }
}
