package sshdial_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/scpfs/scpfs/scpio/scptest"
	"github.com/scpfs/scpfs/scpio/sshdial"
	"golang.org/x/crypto/ssh"
)

// answers is a Prompter with what to say to questions that hold a text. It
// remembers what it was asked.
type answers struct {
	say   map[string]string
	asked []string
}

func (a *answers) Prompt(_ context.Context, question string, _ bool) (string, error) {
	a.asked = append(a.asked, question)
	for part, answer := range a.say {
		if strings.Contains(question, part) {
			return answer, nil
		}
	}
	return "", sshdial.ErrNoPrompt
}

func newDialer(t *testing.T, host string, o sshdial.Options) *sshdial.Dialer {
	t.Helper()
	d, err := sshdial.New(host, o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// login dials and makes sure that commands run.
func login(t *testing.T, d *sshdial.Dialer) *ssh.Client {
	t.Helper()
	client, err := d.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	if out, err := session.Output("echo hello"); err != nil || string(out) != "hello\n" {
		t.Fatalf("got %q, %v", out, err)
	}
	return client
}

// refused dials in vain and returns why.
func refused(t *testing.T, d *sshdial.Dialer) error {
	t.Helper()
	client, err := d.Dial(t.Context())
	if err == nil {
		client.Close()
		t.Fatal("the login worked")
	}
	if _, ok := errors.AsType[*sshdial.Error](err); !ok {
		t.Errorf("got a %T, want a *sshdial.Error", err)
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("%q is more than a line", err)
	}
	return err
}

func wantText(t *testing.T, err error, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("got %q, want it to say %q", err, part)
		}
	}
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestDial(t *testing.T) {
	scptest.LeakCheck(t)
	s := scptest.Start(t, scptest.HostKeyTypes("rsa", "ecdsa", "ed25519"))
	login(t, newDialer(t, scptest.Alias, sshdial.Options{ConfigFile: s.ConfigFile}))
}

func TestDialDropbear(t *testing.T) {
	scptest.LeakCheck(t)
	s := scptest.StartDropbear(t)
	login(t, newDialer(t, scptest.Alias, sshdial.Options{ConfigFile: s.ConfigFile}))
}

func TestUserOfHostWins(t *testing.T) {
	s := scptest.Start(t)
	d := newDialer(t, "so@meone@"+scptest.Alias, sshdial.Options{ConfigFile: s.ConfigFile})
	if got := d.Config().User; got != "so@meone" {
		t.Errorf("user is %q", got)
	}
	err := refused(t, d)
	auth, ok := errors.AsType[*sshdial.AuthError](err)
	if !ok || auth.User != "so@meone" {
		t.Errorf("got %v", err)
	}
	wantText(t, err, "authentication failed for user so@meone", "publickey with 1 key", "authorized_keys")
}

func TestBadNames(t *testing.T) {
	for _, host := range []string{"", "-oProxyCommand=x", "me@-x", "a b", "$(id)", "-l@host", "host\n", "a;b@host", "a -b@host", `a\@host`, `a\b`} {
		if _, err := sshdial.New(host, sshdial.Options{ConfigFile: "none"}); err == nil {
			t.Errorf("%q was taken", host)
		}
	}
}

func TestReconnectAfterRestart(t *testing.T) {
	scptest.LeakCheck(t)
	s := scptest.Start(t)
	d := newDialer(t, scptest.Alias, sshdial.Options{ConfigFile: s.ConfigFile})
	first := login(t, d)
	s.Stop()
	first.Wait()
	err := refused(t, d)
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v, want ECONNREFUSED", err)
	}
	wantText(t, err, "connection refused", "is an SSH server running")
	s.Restart()
	login(t, d)
}

// silent is a server that accepts connections and says nothing.
func silent(t *testing.T) (host, port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	host, port, err = net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return host, port
}

func TestTimeout(t *testing.T) {
	scptest.LeakCheck(t)
	host, port := silent(t)
	d := newDialer(t, host, sshdial.Options{ConfigFile: "none", SSHOptions: []string{"Port=" + port, "ConnectTimeout=1"}})
	err := refused(t, d)
	if !errors.Is(err, syscall.ETIMEDOUT) {
		t.Errorf("got %v, want ETIMEDOUT", err)
	}
	wantText(t, err, "no answer", "within 1s")
}

func TestCancel(t *testing.T) {
	scptest.LeakCheck(t)
	host, port := silent(t)
	d := newDialer(t, host, sshdial.Options{ConfigFile: "none", SSHOptions: []string{"Port=" + port}})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := d.Dial(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the context's error", err)
	}
}

func TestNameThatDoesNotResolve(t *testing.T) {
	err := refused(t, newDialer(t, "host.invalid", sshdial.Options{ConfigFile: "none"}))
	if _, ok := errors.AsType[*net.DNSError](err); !ok {
		t.Errorf("got %v, want a DNS error", err)
	}
	wantText(t, err, "cannot be resolved")
}

func TestServerThatIsNotSSH(t *testing.T) {
	scptest.LeakCheck(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			c.Close()
		}
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	d := newDialer(t, "127.0.0.1", sshdial.Options{ConfigFile: "none", SSHOptions: []string{"Port=" + port}})
	wantText(t, refused(t, d), "closed the connection")
}

func TestNoCommonAlgorithm(t *testing.T) {
	s := scptest.Start(t, scptest.ExtraConfig("Ciphers aes128-ctr"))
	d := newDialer(t, scptest.Alias, sshdial.Options{ConfigFile: s.ConfigFile, SSHOptions: []string{"Ciphers=aes256-ctr"}})
	wantText(t, refused(t, d), "the server offers no", "aes128-ctr")
}

func TestKeepAliveClosesASilentConnection(t *testing.T) {
	scptest.LeakCheck(t)
	s := scptest.Start(t)
	link := scptest.NewLink(t, s.Addr, scptest.LinkOptions{})
	o := sshdial.Options{ConfigFile: s.Via(t, link).ConfigFile, KeepAlive: 20 * time.Millisecond, SSHOptions: []string{"ServerAliveCountMax=5"}}
	client := login(t, newDialer(t, scptest.Alias, o))
	link.Stall()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		client.Wait()
	}()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Error("the connection is still open")
	}
}

func TestKeepAliveLeavesALiveConnection(t *testing.T) {
	s := scptest.Start(t)
	link := scptest.NewLink(t, s.Addr, scptest.LinkOptions{})
	o := sshdial.Options{ConfigFile: s.Via(t, link).ConfigFile, KeepAlive: 5 * time.Millisecond, SSHOptions: []string{"ServerAliveCountMax=1000"}}
	login(t, newDialer(t, scptest.Alias, o))
	link.Reset()
	for deadline := time.Now().Add(20 * time.Second); link.RoundTrips() < 5; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d keep-alive messages in 20 s", link.RoundTrips())
		}
	}
}

func TestConfigFile(t *testing.T) {
	s := scptest.Start(t)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "included"), "Host inner\nInclude "+s.ConfigFile+"\nPort "+"1\nHost *\nHostName 127.0.0.1\n")
	text := "Match host \"i*\" exec \"true\"\nConnectTimeout 7\nMatch all\n" + strings.Replace(read(t, s.ConfigFile), "Host "+scptest.Alias, "Host outer", 1)
	d := newDialer(t, "outer", sshdial.Options{ConfigFile: write(t, filepath.Join(dir, "config"), text), SSHOptions: []string{"ServerAliveInterval=9"}})
	login(t, d)
	c := d.Config()
	if c.Port != s.Port || c.ServerAliveInterval != 9*time.Second || c.ConnectTimeout != 0 || c.HostName != "127.0.0.1" {
		t.Errorf("got %+v", c)
	}
	d = newDialer(t, "inside", sshdial.Options{ConfigFile: filepath.Join(dir, "config"), Port: 77})
	if c := d.Config(); c.ConnectTimeout != 7*time.Second || c.Port != 77 {
		t.Errorf("got %+v", c)
	}
}

func TestBadOption(t *testing.T) {
	_, err := sshdial.New("host", sshdial.Options{ConfigFile: "none", SSHOptions: []string{"Nonsense=1"}})
	if err == nil {
		t.Fatal("a bad option was taken")
	}
	wantText(t, err, "Bad configuration option")
	if _, err = sshdial.New("host", sshdial.Options{ConfigFile: filepath.Join(t.TempDir(), "none")}); err == nil {
		t.Fatal("a missing file was taken")
	}
	wantText(t, err, "No such file")
}
