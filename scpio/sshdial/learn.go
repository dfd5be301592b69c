package sshdial

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"
)

// unknown decides about a key of a host that known_hosts does not have.
func (l *login) unknown(h *hostCheck, key ssh.PublicKey) error {
	switch h.policy {
	case "ask":
		if err := l.askAbout(h, key); err != nil {
			return err
		}
	case "accept-new", "no":
		l.dialer.log.Info("accepting an unknown host key", "host", h.name, "key", ssh.FingerprintSHA256(key))
	default:
		return h.notKnown()
	}
	l.remember(h, key)
	return nil
}

func (h *hostCheck) notKnown() error {
	return h.refuse(ErrUnknownKey, knownKey{}, fmt.Sprintf(
		"the host key of %s is not known; run `%s` once to check and accept it, or use -o StrictHostKeyChecking=accept-new", h.shown, h.login))
}

// askAbout asks until it gets one of the answers that ssh(1) takes.
func (l *login) askAbout(h *hostCheck, key ssh.PublicKey) error {
	print := ssh.FingerprintSHA256(key)
	question := fmt.Sprintf("The authenticity of host '%s' can't be established.\n%s key fingerprint is %s.\n"+
		"Are you sure you want to continue connecting (yes/no/[fingerprint])? ", h.shown, shortType(key), print)
	for range 5 {
		answer, err := l.prompt(question, true)
		if errors.Is(err, ErrNoPrompt) {
			return h.notKnown()
		}
		if err != nil {
			return err
		}
		switch answer = strings.TrimSpace(answer); {
		case strings.EqualFold(answer, "yes"), answer == print:
			return nil
		case strings.EqualFold(answer, "no"):
			return h.refuse(ErrUnknownKey, knownKey{}, "the host key of "+h.shown+" was not accepted")
		}
		question = "Please type 'yes', 'no' or the fingerprint: "
	}
	return h.notKnown()
}

// shortType is a key's type as people know it: ED25519, RSA.
func shortType(key ssh.PublicKey) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(key.Type(), "ssh-"), "-")
	return strings.ToUpper(name)
}

// remember adds the key to the first known_hosts of the user. Failing to is no
// reason not to connect: the person has accepted the key.
func (l *login) remember(h *hostCheck, key ssh.PublicKey) {
	files := l.dialer.config.UserKnownHostsFile
	if len(files) == 0 {
		return
	}
	name := h.name
	if l.dialer.config.HashKnownHosts {
		name = hashName(name)
	}
	line := name + " " + string(ssh.MarshalAuthorizedKey(key))
	if err := appendLine(files[0], line); err != nil {
		l.dialer.log.Warn("the host key was accepted but not written down", "err", err)
	}
}

// hashName hides a name as HashKnownHosts wants it.
func hashName(name string) string {
	salt := make([]byte, sha1.Size)
	rand.Read(salt) // never fails
	mac := hmac.New(sha1.New, salt)
	io.WriteString(mac, name)
	encode := base64.StdEncoding.EncodeToString
	return "|1|" + encode(salt) + "|" + encode(mac.Sum(nil))
}

// appendLine adds a line in one write, so that others who do the same at this
// moment do not tear it, and mends a last line without an end.
func appendLine(file, line string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	old, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(old) > 0 && !bytes.HasSuffix(old, []byte("\n")) {
		line = "\n" + line
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, line)
	return errors.Join(err, f.Close())
}
