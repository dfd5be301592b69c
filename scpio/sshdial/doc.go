// Package sshdial logs in to SSH servers the way ssh(1) would: from the same
// configuration files, with the same keys, agents, passwords, known hosts and
// proxies, and gives back a *ssh.Client of golang.org/x/crypto/ssh.
//
// # Configuration
//
// Where OpenSSH is installed, "ssh -G" is asked what applies to a host, so
// that Host, Match, Include and tokens mean what they mean to ssh(1). Without
// it the files are read by a library that does not know Match.
//
// # Host keys
//
// A server whose key is not known is refused unless the configuration or the
// person at the terminal accepts it. A key that differs from the known one is
// always refused, even where ssh(1) would only warn.
//
// # Secrets
//
// Passphrases and passwords are asked for through a [Prompter], as late as
// possible, and what proved right is kept in the [Dialer]'s memory: dialling
// again after the connection was lost asks nothing. They are never logged and
// never passed on a command line.
//
// # Waiting
//
// Every step is bounded by ConnectTimeout, except that the clock stands still
// while a person is being asked. A connection that has gone silent is closed
// by keep-alive messages.
//
// # What it does not do
//
// No compression, no agent or X11 forwarding, no GSSAPI or host-based login,
// no keys on tokens except through an agent, no SSHFP records.
package sshdial
