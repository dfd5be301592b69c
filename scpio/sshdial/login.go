package sshdial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// login is one attempt to get into a host. Its methods run on the goroutine of
// the handshake, one at a time.
type login struct {
	dialer *Dialer
	guard  *guard
	conn   *mortal
	open   []io.Closer // what lives as long as the attempt

	pending []*offer // keys not offered yet; nil before they were looked for
	sought  bool
	offered int
	broken  bool           // a key could not sign: the others are still to be tried
	partial int            // steps the server has accepted so far
	used    map[string]int // how often a secret was asked for
	rounds  int
	answers map[string]string // secrets to keep if the login works
	dead    []string          // methods that can do no more
	tried   []string
	notes   []string
	err     error // ends the attempt
}

func (l *login) keep(c io.Closer) { l.open = append(l.open, c) }

func (l *login) close() {
	for _, c := range l.open {
		c.Close()
	}
}

func (l *login) note(err error) {
	l.notes = append(l.notes, Sanitize(err.Error()))
	l.dialer.log.Warn("logging in", "host", l.dialer.host, "err", err)
}

// prompt asks a person while the clock stands still.
func (l *login) prompt(question string, echo bool) (string, error) {
	prompter := l.dialer.prompter()
	if prompter == nil {
		return "", ErrNoPrompt
	}
	l.guard.pause()
	defer l.guard.resume()
	answer, err := prompter.Prompt(l.guard.ctx, Sanitize(question), echo)
	if err != nil && !errors.Is(err, ErrNoPrompt) {
		l.err = err
	}
	return answer, err
}

// tries is how often a wrong answer may be corrected.
func (l *login) tries() int { return max(1, l.dialer.config.NumberOfPasswordPrompts) }

// signFailed notes that a key was wanted and could not be used.
func (l *login) signFailed(err error) {
	l.broken = true
	if errors.Is(err, ErrNoPrompt) {
		err = errors.New("the key needs a passphrase and nobody can be asked: load it into ssh-agent")
	}
	l.note(err)
}

// preference is the order of methods of ssh(1).
var preference = []string{"publickey", "keyboard-interactive", "password"}

// next is a ssh.ClientAuthCallback: it decides what to try now.
func (l *login) next(c *ssh.ClientAuthContext) (ssh.AuthMethod, error) {
	if l.err != nil {
		return nil, l.err
	}
	if err := context.Cause(l.guard.ctx); err != nil {
		return nil, err
	}
	if err := l.conn.failure(); err != nil {
		return nil, err // which was no answer to what was tried last
	}
	accepted := len(c.PartialSuccessMethods) > l.partial
	l.partial = len(c.PartialSuccessMethods)
	order := l.dialer.config.PreferredAuthentications
	if order == nil {
		order = preference
	}
	for _, method := range order {
		if !slices.Contains(c.AllowedMethods, method) || slices.Contains(l.dead, method) {
			continue
		}
		if m := l.method(method, accepted); m != nil {
			return m, nil
		}
	}
	return nil, &AuthError{User: l.dialer.config.User, Tried: l.attempted(), Allowed: c.AllowedMethods, Notes: l.notes}
}

// method returns nil when there is nothing left to try with it.
func (l *login) method(name string, accepted bool) ssh.AuthMethod {
	config := &l.dialer.config
	switch {
	case name == "publickey" && config.PubkeyAuthentication:
		return l.publicKey(accepted)
	case name == "password" && config.PasswordAuthentication:
		return l.password()
	case name == "keyboard-interactive" && config.KbdInteractiveAuthentication:
		return l.interactive()
	}
	return nil
}

// publicKey offers all keys in one go, and the rest after a key that the server
// wanted and that could not sign, or that was one of several steps.
func (l *login) publicKey(accepted bool) ssh.AuthMethod {
	if !l.sought {
		l.sought = true
		l.pending = l.offers()
	} else if !l.broken && !accepted {
		return nil
	}
	l.broken = false
	if l.err != nil || len(l.pending) == 0 {
		return nil
	}
	return ssh.PublicKeysCallback(func() ([]ssh.Signer, error) {
		var signers []ssh.Signer
		for i, o := range l.pending {
			signers = append(signers, &step{offer: o, login: l, rest: l.pending[i+1:]})
		}
		l.offered += len(signers)
		return signers, nil
	})
}

// step is an offer that remembers, when it is wanted, which come behind it.
type step struct {
	*offer
	login *login
	rest  []*offer
}

func (s *step) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	s.login.pending = s.rest
	return s.offer.SignWithAlgorithm(rand, data, algorithm)
}

// blame makes an [AuthError] of a server's own words while logging in, such as
// about too many keys. A connection that was merely lost is none.
func (l *login) blame(err error) error {
	_, auth := errors.AsType[*AuthError](err)
	if !l.sought && len(l.tried) == 0 || auth || l.err != nil || isLost(err) || l.guard.ctx.Err() != nil {
		return err
	}
	notes := append(l.notes, Sanitize(strings.TrimPrefix(err.Error(), "ssh: handshake failed: ")))
	if l.offered > 1 {
		notes = append(notes, "name the one key to use with -o IdentityFile=FILE and set -o IdentitiesOnly=yes")
	}
	return &AuthError{User: l.dialer.config.User, Tried: l.attempted(), Notes: notes}
}

func (l *login) attempted() []string {
	var all []string
	if l.offered > 0 {
		all = append(all, "publickey with "+plural(l.offered, "key"))
	}
	return append(all, l.tried...)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
