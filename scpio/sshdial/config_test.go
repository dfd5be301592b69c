package sshdial_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/scpfs/scpfs/scpio/scptest"
	"github.com/scpfs/scpfs/scpio/sshdial"
)

// withoutSSH takes ssh(1) away, so that the files are read by the fallback.
func withoutSSH(t *testing.T) {
	t.Helper()
	t.Setenv("PATH", t.TempDir())
}

func TestWithoutSSH(t *testing.T) {
	s := scptest.Start(t)
	dir := t.TempDir()
	file := write(t, filepath.Join(dir, "config"), read(t, s.ConfigFile)+"Host *\nConnectTimeout 7\nUser nobody\n")
	withoutSSH(t)
	d := newDialer(t, scptest.Alias, sshdial.Options{ConfigFile: file, SSHOptions: []string{"ServerAliveCountMax=5", "hostkeyalias x"}})
	if c := d.Config(); c.User != s.User || c.ConnectTimeout.Seconds() != 7 || c.ServerAliveCountMax != 5 || c.HostKeyAlias != "x" {
		t.Errorf("got %+v", c)
	}
	login(t, newDialer(t, scptest.Alias, sshdial.Options{ConfigFile: file}))
	if c := newDialer(t, "me@other", sshdial.Options{ConfigFile: "none", Port: 99}).Config(); c.HostName != "other" || c.User != "me" || c.Port != 99 || len(c.IdentityFile) == 0 || strings.Contains(c.IdentityFile[0], "~") {
		t.Errorf("got %+v", c)
	}
}

func TestWithoutSSHBadInput(t *testing.T) {
	file := write(t, filepath.Join(t.TempDir(), "config"), "Match exec true\nUser me\n")
	withoutSSH(t)
	_, err := sshdial.New("host", sshdial.Options{ConfigFile: file})
	if err == nil {
		t.Fatal("Match was taken")
	}
	wantText(t, err, "install the OpenSSH client")
	for _, o := range []sshdial.Options{
		{ConfigFile: file + ".missing"},
		{ConfigFile: "none", SSHOptions: []string{"Nonsense"}},
		{ConfigFile: "none", SSHOptions: []string{"Port=99999"}},
		{ConfigFile: "none", SSHOptions: []string{"=x"}},
	} {
		if _, err := sshdial.New("host", o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

func TestTokens(t *testing.T) {
	t.Setenv("SSHDIAL_TEST_DIR", "/somewhere")
	t.Setenv("SSHDIAL_TEST_AGENT", "/agent")
	file := write(t, filepath.Join(t.TempDir(), "config"), `Host alias
HostName real.example
User bob
Port 99
IdentityFile /keys/%h_%p_%r_%n_%%h
IdentityFile ${SSHDIAL_TEST_DIR}/key
IdentityAgent $SSHDIAL_TEST_AGENT
ProxyCommand connect %h:%p as %r %%
UserKnownHostsFile /kh/%k /kh/%h
`)
	for _, tool := range []string{"with ssh", "without ssh"} {
		t.Run(tool, func(t *testing.T) {
			if tool == "without ssh" {
				withoutSSH(t)
			}
			c := newDialer(t, "alias", sshdial.Options{ConfigFile: file}).Config()
			if want := []string{"/keys/real.example_99_bob_alias_%h", "/somewhere/key"}; !slices.Equal(c.IdentityFile, want) {
				t.Errorf("IdentityFile %q, want %q", c.IdentityFile, want)
			}
			if c.IdentityAgent != "/agent" || c.ProxyCommand != "connect real.example:99 as bob %" {
				t.Errorf("got %+v", c)
			}
			if want := "/kh/real.example"; len(c.UserKnownHostsFile) != 2 || c.UserKnownHostsFile[1] != want {
				t.Errorf("UserKnownHostsFile %q, want %q", c.UserKnownHostsFile, want)
			}
		})
	}
}

// TestRelativePaths: a dialer does not follow its process to another directory.
func TestRelativePaths(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("SSHDIAL_TEST_AGENT", "agent")
	c := newDialer(t, "host", sshdial.Options{ConfigFile: "none", SSHOptions: []string{
		"IdentityFile=key", "CertificateFile=../cert", "UserKnownHostsFile=known sub/known", "IdentityAgent=$SSHDIAL_TEST_AGENT",
	}}).Config()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	got := slices.Concat(c.IdentityFile, c.CertificateFile, c.UserKnownHostsFile, []string{c.IdentityAgent})
	want := []string{dir + "/key", filepath.Dir(dir) + "/cert", dir + "/known", dir + "/sub/known", dir + "/agent"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if c := newDialer(t, "host", sshdial.Options{ConfigFile: "none", SSHOptions: []string{"IdentityAgent=none"}}).Config(); c.IdentityAgent != "none" {
		t.Errorf("no agent is %q", c.IdentityAgent)
	}
}

func TestSanitize(t *testing.T) {
	for in, want := range map[string]string{
		"plain text\nnext":        "plain text\nnext",
		"\x1b]0;title\x07":        "?]0;title?",
		"\r\x00\x7f\u009b":        "????",
		"bad \xff\xc0utf8":        "bad ??utf8",
		"right\u202eto left":      "right?to left",
		strings.Repeat("x", 9000): strings.Repeat("x", 4096),
	} {
		if got := sshdial.Sanitize(in); got != want {
			t.Errorf("%q gives %q, want %q", in, got, want)
		}
	}
}
