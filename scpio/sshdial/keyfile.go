package sshdial

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"

	"golang.org/x/crypto/ssh"
)

// keyFile is an identity on disk. Its public half is known first; the private
// one is decrypted when a server wants a signature, and kept.
type keyFile struct {
	path   string
	public ssh.PublicKey // nil if only decrypting could tell

	mu     sync.Mutex // guards the fields below
	signer ssh.Signer
}

// errOnlyPublic is a file that names a key which the agent holds.
var errOnlyPublic = errors.New("it holds a public key only, and the agent does not have the private one")

// openKeyFile returns nil for a file that is not there: the default names
// mostly are not.
func openKeyFile(path string) (*keyFile, error) {
	text, err := readKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	k := &keyFile{path: path}
	signer, err := ssh.ParsePrivateKey(text)
	var locked *ssh.PassphraseMissingError
	switch {
	case err == nil:
		k.signer, k.public = signer, signer.PublicKey()
	case errors.As(err, &locked):
		k.public = locked.PublicKey
		k.publicFromSibling()
	default:
		k.public = parsePublic(text)
		if k.public == nil {
			return nil, fmt.Errorf("%s is not a key that can be used: %w", path, err)
		}
	}
	return k, nil
}

// readKey refuses, as ssh(1) does, a private key that others can read.
func readKey(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, 1<<20))
	if err != nil {
		return nil, err
	}
	if block, _ := pem.Decode(text); block != nil && info.Mode().Perm()&0o077 != 0 && ownedByUs(info) {
		return nil, fmt.Errorf("%s is not used since others can read it: run `chmod 600 %s`", path, shellWord(path))
	}
	return text, nil
}

func parsePublic(text []byte) ssh.PublicKey {
	key, _, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil {
		return nil
	}
	return key
}

// publicFromSibling looks into the .pub file for what an old encrypted format
// does not tell.
func (k *keyFile) publicFromSibling() {
	if k.public != nil {
		return
	}
	if text, err := os.ReadFile(k.path + ".pub"); err == nil {
		k.public = parsePublic(text)
	}
}

// unlock returns the private key, asking for the passphrase through ask until
// it is right or there is no answer.
func (k *keyFile) unlock(ask func(question string) (string, error), tries int) (ssh.Signer, error) {
	k.mu.Lock()
	signer := k.signer
	k.mu.Unlock()
	if signer != nil {
		return signer, nil
	}
	text, err := readKey(k.path)
	if err != nil {
		return nil, err
	}
	if parsePublic(text) != nil {
		return nil, errOnlyPublic
	}
	for range tries {
		signer, err = k.try(text, ask)
		if err == nil {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.signer = signer
			return signer, nil
		}
		if !errors.Is(err, errWrongPassphrase) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%s: %w", k.path, err)
}

var errWrongPassphrase = errors.New("wrong passphrase")

func (k *keyFile) try(text []byte, ask func(string) (string, error)) (ssh.Signer, error) {
	passphrase, err := ask(fmt.Sprintf("Enter passphrase for key '%s': ", Sanitize(k.path)))
	if err != nil {
		return nil, err
	}
	if passphrase == "" {
		return nil, fmt.Errorf("%s: no passphrase given", k.path)
	}
	signer, err := ssh.ParsePrivateKeyWithPassphrase(text, []byte(passphrase))
	if errors.Is(err, x509.IncorrectPasswordError) {
		return nil, errWrongPassphrase
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.path, err)
	}
	if k.public != nil && !sameKey(k.public, signer.PublicKey()) {
		return nil, fmt.Errorf("%s.pub belongs to another key", k.path)
	}
	return signer, nil
}
