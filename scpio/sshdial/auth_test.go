package sshdial_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scpfs/scpfs/scpio/scptest"
	"github.com/scpfs/scpfs/scpio/sshdial"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// serveAgent runs an agent with these keys and returns its socket.
func serveAgent(t *testing.T, keys ...any) string {
	t.Helper()
	ring := agent.NewKeyring()
	for _, key := range keys {
		if err := ring.Add(agent.AddedKey{PrivateKey: key}); err != nil {
			t.Fatal(err)
		}
	}
	dir, err := os.MkdirTemp("", "agent") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				agent.ServeAgent(ring, c)
			}()
		}
	}()
	return l.Addr().String()
}

// hostOnly is a configuration that has the server's address and no identity.
func hostOnly(t *testing.T, s *scptest.Server, lines ...string) string {
	t.Helper()
	var kept []string
	for text := range strings.Lines(read(t, s.ConfigFile)) {
		if !strings.HasPrefix(text, "Identit") {
			kept = append(kept, text)
		}
	}
	return write(t, filepath.Join(t.TempDir(), "config"), strings.Join(kept, "")+strings.Join(lines, "\n")+"\n")
}

func TestAgent(t *testing.T) {
	scptest.LeakCheck(t)
	s := scptest.Start(t)
	key := scptest.NewKey(t, "rsa")
	s.Authorize(t, scptest.PublicKey(t, key))
	socket := serveAgent(t, scptest.NewKey(t, "ed25519"), key)
	t.Setenv("SSH_AUTH_SOCK", socket)
	login(t, newDialer(t, scptest.Alias, sshdial.Options{ConfigFile: hostOnly(t, s, "IdentityFile none")}))
	t.Setenv("SSH_AUTH_SOCK", "/nonexistent")
	login(t, newDialer(t, scptest.Alias, sshdial.Options{ConfigFile: hostOnly(t, s, "IdentityFile none", "IdentityAgent "+socket)}))
	err := refused(t, newDialer(t, scptest.Alias, sshdial.Options{ConfigFile: hostOnly(t, s, "IdentityFile none")}))
	wantText(t, err, "authentication failed", "the agent cannot be reached")
}

// With IdentitiesOnly the agent's key is used if it is listed, even by its
// public half alone, and its others are not even offered.
func TestIdentitiesOnly(t *testing.T) {
	s := scptest.Start(t, scptest.ExtraConfig("MaxAuthTries 2"))
	key := scptest.NewKey(t, "ed25519")
	s.Authorize(t, scptest.PublicKey(t, key))
	keys := []any{key}
	for range 5 {
		keys = append([]any{scptest.NewKey(t, "ed25519")}, keys...)
	}
	socket := serveAgent(t, keys...)
	public := write(t, filepath.Join(t.TempDir(), "id.pub"), string(ssh.MarshalAuthorizedKey(scptest.PublicKey(t, key))))

	config := hostOnly(t, s, "IdentityAgent "+socket, "IdentitiesOnly yes", "IdentityFile "+public)
	login(t, newDialer(t, scptest.Alias, sshdial.Options{ConfigFile: config}))

	config = hostOnly(t, s, "IdentityAgent "+socket, "IdentityFile "+public)
	login(t, newDialer(t, scptest.Alias, sshdial.Options{ConfigFile: config})) // listed ones come first

	config = hostOnly(t, s, "IdentityAgent "+socket, "IdentitiesOnly yes", "IdentityFile none")
	err := refused(t, newDialer(t, scptest.Alias, sshdial.Options{ConfigFile: config}))
	wantText(t, err, "tried nothing", "load a key into ssh-agent")

	config = hostOnly(t, s, "IdentityAgent "+socket, "IdentityFile none")
	err = refused(t, newDialer(t, scptest.Alias, sshdial.Options{ConfigFile: config}))
	wantText(t, err, "authentication failed", "publickey with 6 keys", "oo many", "IdentitiesOnly=yes")
}

func TestWrongKey(t *testing.T) {
	s := scptest.Start(t)
	file := filepath.Join(t.TempDir(), "id")
	scptest.WriteKey(t, file, scptest.NewKey(t, "ed25519"), "")
	err := refused(t, newDialer(t, scptest.Alias, sshdial.Options{ConfigFile: hostOnly(t, s, "IdentityAgent none", "IdentityFile "+file)}))
	auth, ok := errors.AsType[*sshdial.AuthError](err)
	if !ok || !slices.Equal(auth.Allowed, []string{"publickey"}) {
		t.Errorf("got %#v", auth)
	}
	wantText(t, err, "ssh-copy-id")
}

func TestKeyThatOthersCanRead(t *testing.T) {
	s := scptest.Start(t)
	if err := os.Chmod(s.KeyFile, 0o644); err != nil {
		t.Fatal(err)
	}
	err := refused(t, newDialer(t, scptest.Alias, sshdial.Options{ConfigFile: s.ConfigFile}))
	wantText(t, err, "chmod 600 "+s.KeyFile)
}

// encrypted gives the server a key that is locked with the word "open sesame",
// behind one that is locked and not wanted.
func encrypted(t *testing.T, s *scptest.Server) (config string) {
	t.Helper()
	dir := t.TempDir()
	scptest.WriteKey(t, dir+"/unwanted", scptest.NewKey(t, "ed25519"), "other")
	key := scptest.NewKey(t, "ed25519")
	scptest.WriteKey(t, dir+"/wanted", key, "open sesame")
	s.Authorize(t, scptest.PublicKey(t, key))
	return hostOnly(t, s, "IdentityAgent none", "IdentityFile "+dir+"/unwanted", "IdentityFile "+dir+"/wanted")
}

func TestPassphrase(t *testing.T) {
	s := scptest.Start(t)
	p := &answers{say: map[string]string{"/wanted'": "open sesame"}}
	d := newDialer(t, scptest.Alias, sshdial.Options{ConfigFile: encrypted(t, s), Prompter: p})
	login(t, d)
	s.Restart()
	login(t, d)
	if len(p.asked) != 1 || !strings.HasPrefix(p.asked[0], "Enter passphrase for key '") {
		t.Errorf("asked %q, want once for the wanted key", p.asked)
	}
}

func TestWrongPassphrase(t *testing.T) {
	s := scptest.Start(t)
	p := &answers{say: map[string]string{"": "wrong"}}
	config := encrypted(t, s)
	err := refused(t, newDialer(t, scptest.Alias, sshdial.Options{ConfigFile: config, Prompter: p}))
	wantText(t, err, "wrong passphrase")
	if len(p.asked) != 3 {
		t.Errorf("asked %d times, want 3", len(p.asked))
	}
	err = refused(t, newDialer(t, scptest.Alias, sshdial.Options{ConfigFile: config}))
	wantText(t, err, "needs a passphrase and nobody can be asked")
	err = refused(t, newDialer(t, scptest.Alias, sshdial.Options{ConfigFile: config, Prompter: p, SSHOptions: []string{"BatchMode=yes"}}))
	wantText(t, err, "nobody can be asked")
}

// A key that cannot be unlocked does not keep the next one from being tried.
func TestNextKeyAfterALockedOne(t *testing.T) {
	s := scptest.Start(t)
	config := encrypted(t, s)
	text := read(t, config) + "IdentityFile " + s.KeyFile + "\n"
	login(t, newDialer(t, scptest.Alias, sshdial.Options{ConfigFile: write(t, config, text)}))
}

func TestInterruptAtThePrompt(t *testing.T) {
	scptest.LeakCheck(t)
	s := scptest.Start(t)
	o := sshdial.Options{ConfigFile: encrypted(t, s), Prompter: interrupter{}}
	err := refused(t, newDialer(t, scptest.Alias, o))
	if !errors.Is(err, sshdial.ErrInterrupted) {
		t.Errorf("got %v", err)
	}
}

type interrupter struct{}

func (interrupter) Prompt(context.Context, string, bool) (string, error) {
	return "", sshdial.ErrInterrupted
}

// slow is a person who thinks for longer than the network may.
type slow struct{ answers }

func (s *slow) Prompt(ctx context.Context, question string, echo bool) (string, error) {
	select {
	case <-time.After(1500 * time.Millisecond):
		return s.answers.Prompt(ctx, question, echo)
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func TestTheClockStandsStillAtAPrompt(t *testing.T) {
	s := scptest.Start(t)
	p := &slow{answers{say: map[string]string{"/wanted'": "open sesame"}}}
	login(t, newDialer(t, scptest.Alias, sshdial.Options{ConfigFile: encrypted(t, s), Prompter: p, SSHOptions: []string{"ConnectTimeout=1"}}))
}

func TestUserCertificate(t *testing.T) {
	ca, err := ssh.NewSignerFromSigner(scptest.NewKey(t, "ed25519"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir+"/ca.pub", string(ssh.MarshalAuthorizedKey(ca.PublicKey())))
	s := scptest.Start(t, scptest.ExtraConfig("TrustedUserCAKeys "+dir+"/ca.pub"))
	for _, kind := range []string{"ed25519", "rsa"} {
		key := scptest.NewKey(t, kind)
		file := filepath.Join(dir, kind)
		scptest.WriteKey(t, file, key, "")
		cert := &ssh.Certificate{
			Key: scptest.PublicKey(t, key), CertType: ssh.UserCert,
			ValidPrincipals: []string{s.User}, ValidBefore: ssh.CertTimeInfinity,
		}
		if err := cert.SignCert(rand.Reader, ca); err != nil {
			t.Fatal(err)
		}
		write(t, file+"-cert.pub", string(ssh.MarshalAuthorizedKey(cert)))
		login(t, newDialer(t, scptest.Alias, sshdial.Options{ConfigFile: hostOnly(t, s, "IdentityAgent none", "IdentityFile "+file)}))
		socket := serveAgent(t, key)
		o := sshdial.Options{ConfigFile: hostOnly(t, s, "IdentityAgent "+socket, "IdentityFile none", "CertificateFile "+file+"-cert.pub")}
		login(t, newDialer(t, scptest.Alias, o))
	}
}

// Two keys one after the other, as AuthenticationMethods can demand.
func TestTwoKeys(t *testing.T) {
	s := scptest.Start(t, scptest.ExtraConfig("AuthenticationMethods publickey,publickey"))
	second := filepath.Join(t.TempDir(), "second")
	key := scptest.NewKey(t, "ed25519")
	scptest.WriteKey(t, second, key, "")
	s.Authorize(t, scptest.PublicKey(t, key))
	config := write(t, filepath.Join(t.TempDir(), "config"), read(t, s.ConfigFile)+"IdentityFile "+second+"\n")
	login(t, newDialer(t, scptest.Alias, sshdial.Options{ConfigFile: config}))
}
