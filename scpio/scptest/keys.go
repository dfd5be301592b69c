package scptest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/crypto/ssh"
)

// NewKey makes a key of a type named as ssh-keygen -t does: ed25519, ecdsa or
// rsa. It fails the test on any other.
func NewKey(t testing.TB, kind string) crypto.Signer {
	t.Helper()
	key, err := newKey(kind)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newKey(kind string) (crypto.Signer, error) {
	switch kind {
	case "ed25519":
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	case "ecdsa":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "rsa":
		return rsa.GenerateKey(rand.Reader, 2048)
	}
	return nil, fmt.Errorf("unknown key type %q", kind)
}

// WriteKey writes a private key to path in OpenSSH's format, encrypted if
// passphrase is not empty, and its public half to path.pub.
func WriteKey(t testing.TB, path string, key crypto.Signer, passphrase string) {
	t.Helper()
	block, err := ssh.MarshalPrivateKey(key, "scptest")
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, pem.EncodeToMemory(block), 0o600)
	writeFile(t, path+".pub", ssh.MarshalAuthorizedKey(PublicKey(t, key)), 0o644)
	if passphrase != "" {
		encryptKey(t, path, passphrase)
	}
}

// encryptKey lets ssh-keygen do it: its -a 1 makes a key that opens at once,
// where the usual 16 rounds take seconds under the race detector.
func encryptKey(t testing.TB, path, passphrase string) {
	t.Helper()
	keygen := Need(t, "ssh-keygen")[0]
	out, err := exec.Command(keygen, "-q", "-p", "-a", "1", "-f", path, "-P", "", "-N", passphrase).CombinedOutput()
	if err != nil {
		t.Fatalf("ssh-keygen: %v: %s", err, out)
	}
}

// PublicKey returns the public half of key in SSH's form.
func PublicKey(t testing.TB, key crypto.Signer) ssh.PublicKey {
	t.Helper()
	pub, err := ssh.NewPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return pub
}

func readPublicKey(t testing.TB, path string) ssh.PublicKey {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return key
}

func writeFile(t testing.TB, path string, data []byte, mode os.FileMode) {
	t.Helper()
	mkdirAll(t, filepath.Dir(path))
	if err := os.WriteFile(path, data, mode); err != nil {
		t.Fatal(err)
	}
}

func mkdirAll(t testing.TB, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
}
