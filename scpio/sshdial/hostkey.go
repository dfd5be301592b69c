package sshdial

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// A hostCheck decides about the key of one host.
type hostCheck struct {
	name   string // as known_hosts has it
	shown  string // what the person calls it
	login  string // the ssh command that reaches it
	policy string // StrictHostKeyChecking
	alias  bool
	known  knownHosts
	learn  func(ssh.PublicKey) error // what to do about an unknown key
}

// check is a ssh.HostKeyCallback. It goes by the configured name alone.
func (h *hostCheck) check(_ string, _ net.Addr, key ssh.PublicKey) error {
	if err := h.revoked(key); err != nil {
		return err
	}
	if cert, ok := key.(*ssh.Certificate); ok {
		if _, ok := h.known.of(h.name, markAuthority).find(cert.SignatureKey); ok {
			return h.checkCertificate(cert)
		}
		key = cert.Key
	}
	return h.checkKey(key)
}

// revoked looks at every line whatever host it names: a key that leaked is not
// good anywhere.
func (h *hostCheck) revoked(key ssh.PublicKey) error {
	keys := []ssh.PublicKey{key}
	if cert, ok := key.(*ssh.Certificate); ok {
		keys = []ssh.PublicKey{cert.Key, cert.SignatureKey}
	}
	for _, k := range h.known {
		if k.marker != markRevoked || !slices.ContainsFunc(keys, func(key ssh.PublicKey) bool { return sameKey(key, k.key) }) {
			continue
		}
		return h.refuse(ErrRevokedKey, k, fmt.Sprintf(
			"the host key of %s is marked as revoked in %s line %d: do not connect, and ask whoever runs the host", h.shown, k.file, k.line))
	}
	return nil
}

func (h *hostCheck) refuse(kind error, k knownKey, text string) error {
	return &HostKeyError{Name: h.name, File: k.file, Line: k.line, Text: text, Err: kind}
}

// checkCertificate lets a valid certificate of a trusted authority pass.
func (h *hostCheck) checkCertificate(cert *ssh.Certificate) error {
	if cert.CertType != ssh.HostCert {
		return h.refuse(ErrUnknownKey, knownKey{}, "the host "+h.shown+" presents a certificate that is not for hosts")
	}
	var checker ssh.CertChecker
	if err := checker.CheckCert(bareName(h.name), cert); err != nil {
		return h.refuse(ErrUnknownKey, knownKey{}, fmt.Sprintf(
			"the host certificate of %s is not valid: %s: ask whoever runs the host to renew it", h.shown, Sanitize(err.Error())))
	}
	return nil
}

func (h *hostCheck) checkKey(key ssh.PublicKey) error {
	mine := h.known.of(h.name, "")
	if _, ok := mine.find(key); ok {
		return nil
	}
	if len(mine) > 0 {
		return h.changed(mine, key)
	}
	if _, ok := h.withoutPort().find(key); ok {
		return nil
	}
	return h.learn(key)
}

// withoutPort are the keys of the host at the usual port: ssh(1) takes them at
// any other as well, but knowing a different one there means nothing.
func (h *hostCheck) withoutPort() knownHosts {
	if bare := bareName(h.name); !h.alias && bare != h.name {
		return h.known.of(bare, "")
	}
	return nil
}

// changed names the line with a key of the same type, if there is one.
func (h *hostCheck) changed(mine knownHosts, key ssh.PublicKey) error {
	i := max(0, slices.IndexFunc(mine, func(k knownKey) bool { return k.key.Type() == key.Type() }))
	return h.refuse(ErrChangedKey, mine[i], fmt.Sprintf(
		"the host key of %s has changed (it is %s %s, but %s line %d says otherwise): somebody may be intercepting the connection; "+
			"if you know why it changed, run `ssh-keygen -f %s -R %s` and connect again",
		h.shown, key.Type(), ssh.FingerprintSHA256(key), mine[i].file, mine[i].line, shellWord(mine[i].file), shellWord(h.name)))
}

// shellWord quotes what is pasted into a shell.
func shellWord(text string) string {
	if !strings.ContainsAny(text, " []*?'\"\\$&;|<>()`~#!{}\t\n") {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// algorithms orders what to ask of the server: those first for which a key is
// known, or the server might show one that is not; certificates only where an
// authority is trusted; Ed25519 first for a host that is not known. A choice
// made in the configuration keeps its order.
func (h *hostCheck) algorithms(configured []string) []string {
	usable := slices.Concat(ssh.SupportedAlgorithms().HostKeys, ssh.InsecureAlgorithms().HostKeys)
	if len(configured) > 0 {
		return slices.DeleteFunc(slices.Clone(configured), func(a string) bool { return !slices.Contains(usable, a) })
	}
	rank := h.ranks()
	all := slices.DeleteFunc(ssh.SupportedAlgorithms().HostKeys, func(a string) bool { return rank(a) < 0 })
	slices.SortStableFunc(all, func(a, b string) int { return cmp.Compare(rank(a), rank(b)) })
	return all
}

// ranks returns how an algorithm ranks, from 0, or -1 if it is of no use.
func (h *hostCheck) ranks() func(algorithm string) int {
	trusted := len(h.known.of(h.name, markAuthority)) > 0
	types := map[string]bool{}
	for _, k := range slices.Concat(h.known.of(h.name, ""), h.withoutPort()) {
		types[k.key.Type()] = true
	}
	return func(algorithm string) int {
		switch key, cert := keyType(algorithm); {
		case cert && trusted:
			return 0
		case cert:
			return -1
		case types[key]:
			return 1
		case key == ssh.KeyAlgoED25519:
			return 2
		case key == ssh.KeyAlgoRSA:
			return 4
		}
		return 3
	}
}

// keyType is the type of key that an algorithm signs with.
func keyType(algorithm string) (key string, cert bool) {
	key, cert = strings.CutSuffix(algorithm, "-cert-v01@openssh.com")
	if key == ssh.KeyAlgoRSASHA256 || key == ssh.KeyAlgoRSASHA512 {
		key = ssh.KeyAlgoRSA
	}
	return key, cert
}
