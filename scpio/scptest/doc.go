// Package scptest gives tests real SSH servers and bad networks, after the
// manner of net/http/httptest.
//
// [Start] runs an OpenSSH sshd, [StartDropbear] a dropbear, each on a random
// port of 127.0.0.1 with keys and a home directory of its own, without an sftp
// subsystem. [NewLink] puts a proxy with delay, limited bandwidth and faults
// in front of one. [LeakCheck] fails a test that leaves something behind.
//
// # Isolation
//
// The server's home directory is a temporary one. Where the machine allows it
// (root, or unprivileged user namespaces) the server runs in a mount namespace
// of its own with a changed /etc/passwd, so that the account's home and login
// shell are the test's; without it only $HOME is changed and commands start in
// the account's real home. All mounts live in that namespace and vanish with
// the server.
//
// # Lifetime
//
// What a function here starts is killed and waited for in the test's Cleanup,
// with everything it started itself, background jobs included; a process that
// survives fails the test. The server's log is shown when the test failed.
package scptest
