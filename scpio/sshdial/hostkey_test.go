package sshdial_test

import (
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/scpfs/scpfs/scpio/scptest"
	"github.com/scpfs/scpfs/scpio/sshdial"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// at returns options for a server whose known_hosts holds these lines.
func at(t *testing.T, s *scptest.Server, knownHosts string, options ...string) sshdial.Options {
	t.Helper()
	file := write(t, filepath.Join(t.TempDir(), "known_hosts"), knownHosts)
	return sshdial.Options{ConfigFile: s.ConfigFile, SSHOptions: append([]string{"UserKnownHostsFile=" + file}, options...)}
}

func wantHostKey(t *testing.T, err, want error) *sshdial.HostKeyError {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
	hostKey, ok := errors.AsType[*sshdial.HostKeyError](err)
	if !ok {
		t.Fatalf("got a %T, want a *sshdial.HostKeyError", err)
	}
	return hostKey
}

func line(t *testing.T, kind string, addr string) string {
	t.Helper()
	return scptest.KnownHostsLine(scptest.PublicKey(t, scptest.NewKey(t, kind)), addr) + "\n"
}

func TestKnownHosts(t *testing.T) {
	s := scptest.Start(t, scptest.HostKeyTypes("ed25519", "ecdsa", "rsa"))
	good := scptest.KnownHostsLine(s.HostKeys[0], s.Addr) + "\n"
	blob := strings.SplitN(strings.TrimSpace(good), " ", 2)[1]
	port := strconv.Itoa(s.Port)
	for name, text := range map[string]string{
		"plain":                 good,
		"ecdsa only":            scptest.KnownHostsLine(s.HostKeys[1], s.Addr),
		"rsa only":              scptest.KnownHostsLine(s.HostKeys[2], s.Addr),
		"hashed":                knownhosts.HashHostname(knownhosts.Normalize(s.Addr)) + " " + blob,
		"after bad lines":       "garbage\nhost ssh-ed25519 notbase64\n@what host " + blob + "\n# comment\n\n\x00\xff\n" + good,
		"CRLF":                  strings.TrimSpace(good) + "\r\n",
		"pattern":               "other,[127.0.0.?]:" + port + " " + blob,
		"wildcard":              "* " + blob,
		"without the port":      "127.0.0.1 " + blob,
		"other key, other port": line(t, "ed25519", "127.0.0.1:1") + good,
		"other key, usual port": line(t, "ed25519", "127.0.0.1") + good,
		"another key as well":   line(t, "ed25519", s.Addr) + good,
	} {
		t.Run(name, func(t *testing.T) {
			login(t, newDialer(t, scptest.Alias, at(t, s, text)))
		})
	}
}

func TestUnknownHost(t *testing.T) {
	s := scptest.Start(t)
	for name, text := range map[string]string{
		"empty":          "",
		"other host":     line(t, "ed25519", "other"),
		"negated":        "*,!127.0.0.1,!*:" + strconv.Itoa(s.Port) + " " + strings.SplitN(scptest.KnownHostsLine(s.HostKeys[0], "x"), " ", 2)[1],
		"authority":      "@cert-authority * " + strings.SplitN(scptest.KnownHostsLine(s.HostKeys[0], "x"), " ", 2)[1],
		"broken hash":    "|1|x|y " + strings.SplitN(scptest.KnownHostsLine(s.HostKeys[0], "x"), " ", 2)[1],
		"other, no port": line(t, "ed25519", "127.0.0.1"),
	} {
		t.Run(name, func(t *testing.T) {
			for _, policy := range []string{"yes", "ask"} {
				err := refused(t, newDialer(t, scptest.Alias, at(t, s, text, "StrictHostKeyChecking="+policy)))
				wantHostKey(t, err, sshdial.ErrUnknownKey)
				wantText(t, err, "the host key of scptest is not known; run `ssh -F", "StrictHostKeyChecking=accept-new")
			}
		})
	}
}

func TestMissingKnownHosts(t *testing.T) {
	s := scptest.Start(t)
	file := filepath.Join(t.TempDir(), "new", "known_hosts")
	o := sshdial.Options{ConfigFile: s.ConfigFile, SSHOptions: []string{"UserKnownHostsFile=" + file, "StrictHostKeyChecking=accept-new"}}
	login(t, newDialer(t, scptest.Alias, o))
	if got, want := read(t, file), scptest.KnownHostsLine(s.HostKeys[0], s.Addr)+"\n"; got != want {
		t.Errorf("wrote %q, want %q", got, want)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	o.SSHOptions[1] = "StrictHostKeyChecking=yes"
	login(t, newDialer(t, scptest.Alias, o))
}

// What is written must be what ssh(1) reads.
func TestAcceptedKeyIsReadBySSH(t *testing.T) {
	program := scptest.Need(t, "ssh")[0]
	s := scptest.Start(t)
	for _, hash := range []string{"yes", "no"} {
		file := write(t, filepath.Join(t.TempDir(), "known_hosts"), strings.TrimSpace(line(t, "ed25519", "other")))
		o := sshdial.Options{ConfigFile: s.ConfigFile, SSHOptions: []string{"UserKnownHostsFile=" + file, "StrictHostKeyChecking=no", "HashKnownHosts=" + hash}}
		login(t, newDialer(t, scptest.Alias, o))
		if hashed := strings.Contains(read(t, file), "|1|"); hashed != (hash == "yes") {
			t.Errorf("HashKnownHosts=%s wrote %q", hash, read(t, file))
		}
		out, err := exec.Command(program, "-F", s.ConfigFile, "-o", "UserKnownHostsFile="+file, scptest.Alias, "echo hello").CombinedOutput()
		if err != nil || string(out) != "hello\n" {
			t.Errorf("ssh says %q, %v", out, err)
		}
	}
}

func TestChangedKey(t *testing.T) {
	s := scptest.Start(t)
	for name, text := range map[string]string{
		"same type":  "# comment\n" + line(t, "ed25519", s.Addr),
		"other type": "# comment\n" + line(t, "ecdsa", s.Addr),
	} {
		for _, policy := range []string{"yes", "ask", "accept-new", "no"} {
			t.Run(name+" "+policy, func(t *testing.T) {
				o := at(t, s, text, "StrictHostKeyChecking="+policy)
				o.Prompter = &answers{say: map[string]string{"": "yes"}}
				err := refused(t, newDialer(t, scptest.Alias, o))
				got := wantHostKey(t, err, sshdial.ErrChangedKey)
				if got.Line != 2 || !strings.HasSuffix(got.File, "/known_hosts") {
					t.Errorf("blames %s line %d", got.File, got.Line)
				}
				wantText(t, err, "has changed", "line 2", "ssh-keygen -f "+got.File+" -R '[127.0.0.1]:")
			})
		}
	}
}

func TestRevokedKey(t *testing.T) {
	s := scptest.Start(t)
	good := scptest.KnownHostsLine(s.HostKeys[0], s.Addr) + "\n"
	err := refused(t, newDialer(t, scptest.Alias, at(t, s, good+"@revoked "+good, "StrictHostKeyChecking=no")))
	if got := wantHostKey(t, err, sshdial.ErrRevokedKey); got.Line != 2 {
		t.Errorf("blames line %d, want 2", got.Line)
	}
	wantText(t, err, "revoked")
}

func TestHostKeyAlias(t *testing.T) {
	s := scptest.Start(t)
	text := scptest.KnownHostsLine(s.HostKeys[0], "Some-Alias") + "\n"
	login(t, newDialer(t, scptest.Alias, at(t, s, text, "HostKeyAlias=some-alias")))
}

func TestAskAboutKey(t *testing.T) {
	s := scptest.Start(t)
	fingerprint := ssh.FingerprintSHA256(s.HostKeys[0])
	for answer, accepted := range map[string]bool{
		"yes": true, " YES ": true, fingerprint: true,
		"no": false, "": false, "y": false, "SHA256:wrong": false,
	} {
		t.Run(answer, func(t *testing.T) {
			p := &answers{say: map[string]string{"": answer}}
			o := at(t, s, "", "StrictHostKeyChecking=ask")
			o.Prompter = p
			d := newDialer(t, scptest.Alias, o)
			if !accepted {
				wantHostKey(t, refused(t, d), sshdial.ErrUnknownKey)
				return
			}
			login(t, d)
			login(t, d) // it is known now
			if len(p.asked) != 1 || !strings.Contains(p.asked[0], fingerprint) || !strings.Contains(p.asked[0], "ED25519 key") {
				t.Errorf("asked %q", p.asked)
			}
		})
	}
}

// certified starts a server whose host key an authority has signed for
// principal.
func certified(t *testing.T, principal string, valid time.Duration) (s *scptest.Server, authority ssh.PublicKey) {
	t.Helper()
	ca, err := ssh.NewSignerFromSigner(scptest.NewKey(t, "ed25519"))
	if err != nil {
		t.Fatal(err)
	}
	key := scptest.NewKey(t, "ed25519")
	cert := &ssh.Certificate{
		Key: scptest.PublicKey(t, key), CertType: ssh.HostCert, ValidPrincipals: []string{principal},
		ValidBefore: uint64(time.Now().Add(valid).Unix()),
	}
	if err := cert.SignCert(rand.Reader, ca); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	scptest.WriteKey(t, dir+"/host", key, "")
	write(t, dir+"/host-cert.pub", string(ssh.MarshalAuthorizedKey(cert)))
	s = scptest.Start(t, scptest.ExtraConfig("HostKey "+dir+"/host", "HostCertificate "+dir+"/host-cert.pub"))
	return s, ca.PublicKey()
}

func TestHostCertificate(t *testing.T) {
	s, authority := certified(t, "127.0.0.1", time.Hour)
	text := "@cert-authority " + scptest.KnownHostsLine(authority, s.Addr) + "\n"
	login(t, newDialer(t, scptest.Alias, at(t, s, text)))

	other, _ := certified(t, "127.0.0.1", time.Hour)
	text = "@cert-authority " + scptest.KnownHostsLine(authority, other.Addr) + "\n"
	wantHostKey(t, refused(t, newDialer(t, scptest.Alias, at(t, other, text))), sshdial.ErrUnknownKey)

	text = "@cert-authority " + scptest.KnownHostsLine(authority, s.Addr) + "\n@revoked " + scptest.KnownHostsLine(authority, "*") + "\n"
	wantHostKey(t, refused(t, newDialer(t, scptest.Alias, at(t, s, text))), sshdial.ErrRevokedKey)
}

func TestBadHostCertificate(t *testing.T) {
	for name, make := range map[string]func(t *testing.T) (*scptest.Server, ssh.PublicKey){
		"principal": func(t *testing.T) (*scptest.Server, ssh.PublicKey) { return certified(t, "elsewhere", time.Hour) },
		"expired":   func(t *testing.T) (*scptest.Server, ssh.PublicKey) { return certified(t, "127.0.0.1", -time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			s, authority := make(t)
			text := "@cert-authority " + scptest.KnownHostsLine(authority, s.Addr) + "\n"
			err := refused(t, newDialer(t, scptest.Alias, at(t, s, text, "StrictHostKeyChecking=no")))
			wantHostKey(t, err, sshdial.ErrUnknownKey)
			wantText(t, err, "certificate of scptest is not valid")
		})
	}
}
