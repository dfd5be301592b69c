package sshdial_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/scpfs/scpfs/scpio/scptest"
	"github.com/scpfs/scpfs/scpio/sshdial"
	"golang.org/x/crypto/ssh"
)

// serve runs an SSH server that only lets people in, and returns a
// configuration for it.
func serve(t *testing.T, config *ssh.ServerConfig) (file string) {
	t.Helper()
	key, err := ssh.NewSignerFromSigner(scptest.NewKey(t, "ed25519"))
	if err != nil {
		t.Fatal(err)
	}
	config.AddHostKey(key)
	l, err := net.Listen("tcp", "127.0.0.1:0")
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
			go admit(c, config)
		}
	}()
	addr := l.Addr().String()
	_, port, _ := net.SplitHostPort(addr)
	known := write(t, filepath.Join(t.TempDir(), "known_hosts"), scptest.KnownHostsLine(key.PublicKey(), addr)+"\n")
	return write(t, filepath.Join(t.TempDir(), "config"), fmt.Sprintf(
		"HostName 127.0.0.1\nPort %s\nUser me\nUserKnownHostsFile %s\nGlobalKnownHostsFile none\nIdentityFile none\nIdentityAgent none\n", port, known))
}

// admit answers global requests and refuses channels.
func admit(c net.Conn, config *ssh.ServerConfig) {
	defer c.Close()
	_, channels, requests, err := ssh.NewServerConn(c, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for channel := range channels {
		channel.Reject(ssh.Prohibited, "no")
	}
}

func passwordServer(t *testing.T, want *string) string {
	return serve(t, &ssh.ServerConfig{
		PasswordCallback: func(_ ssh.ConnMetadata, got []byte) (*ssh.Permissions, error) {
			if string(got) != *want {
				return nil, errors.New("wrong")
			}
			return nil, nil
		},
	})
}

// enter dials and hangs up.
func enter(t *testing.T, d *sshdial.Dialer) {
	t.Helper()
	client, err := d.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	client.Close()
	client.Wait()
}

func TestPassword(t *testing.T) {
	scptest.LeakCheck(t)
	secret := "open sesame"
	p := &answers{say: map[string]string{"me@host's password: ": secret}}
	d := newDialer(t, "host", sshdial.Options{ConfigFile: passwordServer(t, &secret), Prompter: p})
	enter(t, d)
	enter(t, d)
	if len(p.asked) != 1 {
		t.Errorf("asked %q, want once", p.asked)
	}
	secret = "changed"
	p.say["password"] = secret
	delete(p.say, "me@host's password: ")
	enter(t, d)
	enter(t, d)
	if len(p.asked) != 2 {
		t.Errorf("asked %q, want once more", p.asked)
	}
}

func TestWrongPassword(t *testing.T) {
	secret := "open sesame"
	file := passwordServer(t, &secret)
	p := &answers{say: map[string]string{"password": "wrong"}}
	err := refused(t, newDialer(t, "host", sshdial.Options{ConfigFile: file, Prompter: p, SSHOptions: []string{"NumberOfPasswordPrompts=2"}}))
	if len(p.asked) != 2 {
		t.Errorf("asked %q, want twice", p.asked)
	}
	wantText(t, err, "authentication failed for user me", "password")
	if strings.Contains(err.Error(), "wrong") {
		t.Errorf("the error tells the password: %v", err)
	}
	p.asked = nil
	for _, option := range []string{"BatchMode=yes", "PasswordAuthentication=no", "PreferredAuthentications=publickey"} {
		refused(t, newDialer(t, "host", sshdial.Options{ConfigFile: file, Prompter: p, SSHOptions: []string{option}}))
	}
	if len(p.asked) != 0 {
		t.Errorf("asked %q where it was forbidden", p.asked)
	}
}

func TestReadPassword(t *testing.T) {
	secret := "open sesame"
	file := passwordServer(t, &secret)
	p, err := sshdial.ReadPassword(strings.NewReader("open sesame\r\nmore\n"))
	if err != nil {
		t.Fatal(err)
	}
	enter(t, newDialer(t, "host", sshdial.Options{ConfigFile: file, Prompter: p}))
	if text := fmt.Sprintf("%v %#v %s", p, p, p); strings.Contains(text, "sesame") {
		t.Errorf("printing it gives %q", text)
	}
	if _, err := p.Prompt(t.Context(), "Verification code: ", false); !errors.Is(err, sshdial.ErrNoPrompt) {
		t.Errorf("it answers a question for a code: %v", err)
	}
	if _, err := sshdial.ReadPassword(strings.NewReader("\n")); err == nil {
		t.Error("an empty password was taken")
	}
}

// A password that does not change is tried once, or the account might be
// locked.
func TestReadPasswordThatIsWrong(t *testing.T) {
	tries := 0
	file := serve(t, &ssh.ServerConfig{
		PasswordCallback: func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) {
			tries++
			return nil, errors.New("wrong")
		},
	})
	p, err := sshdial.ReadPassword(strings.NewReader("secret"))
	if err != nil {
		t.Fatal(err)
	}
	refused(t, newDialer(t, "host", sshdial.Options{ConfigFile: file, Prompter: p}))
	if tries != 1 {
		t.Errorf("it was tried %d times", tries)
	}
}

func TestKeyboardInteractive(t *testing.T) {
	scptest.LeakCheck(t)
	code := 0
	file := serve(t, &ssh.ServerConfig{
		KeyboardInteractiveCallback: func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			code++
			got, err := ask("Title", "Do\x1b[2J as\nyou are told", []string{"Password: ", "Code: "}, []bool{false, true})
			if err != nil || got[0] != "secret" || got[1] != fmt.Sprint(code) {
				return nil, fmt.Errorf("got %q, %v", got, err)
			}
			_, err = ask("", "", nil, nil) // some servers end like this
			return nil, err
		},
	})
	p := &answers{say: map[string]string{"Password": "secret", "Code": "1"}}
	d := newDialer(t, "host", sshdial.Options{ConfigFile: file, Prompter: p})
	enter(t, d)
	if want := "Title\nDo?[2J as\nyou are told\n(me@host) Password: "; len(p.asked) != 2 || p.asked[0] != want || p.asked[1] != "(me@host) Code: " {
		t.Errorf("asked %q", p.asked)
	}
	p.say["Code"] = "2"
	enter(t, d) // the password is remembered, the code is not
	if len(p.asked) != 3 {
		t.Errorf("asked %q", p.asked)
	}
}

func TestServerThatDoesNotStopAsking(t *testing.T) {
	file := serve(t, &ssh.ServerConfig{
		KeyboardInteractiveCallback: func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			for {
				if _, err := ask("", "", []string{"more? "}, []bool{true}); err != nil {
					return nil, err
				}
			}
		},
	})
	p := &answers{say: map[string]string{"more": "yes"}}
	refused(t, newDialer(t, "host", sshdial.Options{ConfigFile: file, Prompter: p}))
	if len(p.asked) > 100 {
		t.Errorf("asked %d times", len(p.asked))
	}
}

func TestPasswordAfterAKey(t *testing.T) {
	second := &ssh.ServerConfig{
		PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) {
			return nil, &ssh.PartialSuccessError{Next: ssh.ServerAuthCallbacks{
				PasswordCallback: func(_ ssh.ConnMetadata, got []byte) (*ssh.Permissions, error) {
					if string(got) != "secret" {
						return nil, errors.New("wrong")
					}
					return nil, nil
				},
			}}
		},
	}
	file := serve(t, second)
	key := filepath.Join(t.TempDir(), "key")
	scptest.WriteKey(t, key, scptest.NewKey(t, "ed25519"), "")
	config := write(t, file, strings.Replace(read(t, file), "IdentityFile none", "IdentityFile "+key, 1))
	p := &answers{say: map[string]string{"password": "secret"}}
	enter(t, newDialer(t, "host", sshdial.Options{ConfigFile: config, Prompter: p}))
}

func TestAskpass(t *testing.T) {
	scptest.LeakCheck(t)
	secret := "open sesame"
	program := filepath.Join(t.TempDir(), "askpass")
	script(t, program, `echo "$1" >"$0.asked"; printf 'open sesame\nmore\n'`)
	t.Setenv("SSH_ASKPASS", program)
	t.Setenv("SSH_ASKPASS_REQUIRE", "force")
	enter(t, newDialer(t, "host", sshdial.Options{ConfigFile: passwordServer(t, &secret), Prompter: sshdial.DefaultPrompter()}))
	if got := read(t, program+".asked"); got != "me@host's password: \n" {
		t.Errorf("asked %q", got)
	}
	script(t, program, "echo sorry >&2; exit 1")
	err := refused(t, newDialer(t, "host", sshdial.Options{ConfigFile: passwordServer(t, &secret), Prompter: sshdial.DefaultPrompter()}))
	if !errors.Is(err, sshdial.ErrInterrupted) {
		t.Errorf("got %v, want ErrInterrupted", err)
	}
	script(t, program, "exec sleep 1000")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := sshdial.Askpass(program).Prompt(ctx, "?", false); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}
