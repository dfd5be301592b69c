package sshdial

import (
	"errors"
	"fmt"
	"strings"
)

// Error is why a host could not be reached or would not let us in: one
// sentence that says what to do.
//
// Err tells the kinds apart: *[HostKeyError], *[AuthError], *net.DNSError, a
// syscall.Errno such as ECONNREFUSED, EHOSTUNREACH or ETIMEDOUT, or the
// context's error. The first two have a method Permanent, as they do not go
// away by trying again.
type Error struct {
	Host string // as it was given to New
	Text string
	Err  error
}

func (e *Error) Error() string { return e.Host + ": " + e.Text }

func (e *Error) Unwrap() error { return e.Err }

// What is wrong with a host key.
var (
	ErrUnknownKey = errors.New("host key is not known")
	ErrChangedKey = errors.New("host key has changed")
	ErrRevokedKey = errors.New("host key is revoked")
)

// HostKeyError is a host key that was refused.
type HostKeyError struct {
	Name string // as known_hosts has it
	File string // the line that speaks against it, if any
	Line int
	Text string // one sentence
	Err  error  // ErrUnknownKey, ErrChangedKey, ErrRevokedKey
}

func (e *HostKeyError) Error() string { return e.Text }

func (e *HostKeyError) Unwrap() error { return e.Err }

// Permanent says that another try will not help.
func (e *HostKeyError) Permanent() bool { return true }

// AuthError is a login that the server did not accept.
type AuthError struct {
	User    string
	Tried   []string // methods, with how many keys
	Allowed []string // methods that the server would take
	Notes   []string // what went wrong on this side
}

func (e *AuthError) Error() string {
	tried := strings.Join(e.Tried, ", ")
	if tried == "" {
		tried = "nothing"
	}
	text := fmt.Sprintf("authentication failed for user %s (tried %s, the server accepts %s)", e.User, tried, e.allowed())
	if len(e.Notes) > 0 {
		return text + ": " + strings.Join(e.Notes, "; ")
	}
	return text + ": " + e.advice()
}

// Permanent says that another try will not help.
func (e *AuthError) Permanent() bool { return true }

func (e *AuthError) allowed() string {
	if len(e.Allowed) == 0 {
		return "nothing more"
	}
	return Sanitize(strings.Join(e.Allowed, ", "))
}

func (e *AuthError) advice() string {
	if len(e.Tried) == 0 {
		return "load a key into ssh-agent, name one with -o IdentityFile=FILE, or run where a password can be asked for"
	}
	return "check the user name and that the key is in the host's authorized_keys (ssh-copy-id puts it there)"
}
