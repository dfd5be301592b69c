package e2e_test

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/scpfs/scpfs/scpio/scptest"
)

// TestSecretIsNotTold: a password is in no list of processes, no environment, no
// message, however many are asked for, and no file.
func TestSecretIsNotTold(t *testing.T) {
	const secret = "correct-horse-battery-staple"
	options := func() mountOptions { // the key is right, the password is not
		return mountOptions{
			stdin: strings.NewReader(secret + "\n"), args: []string{"-d"},
			words: []string{"password_stdin", "PreferredAuthentications=password\\,publickey"},
		}
	}
	refused := prepare(t, scptest.Start(t, scptest.ExtraConfig("PasswordAuthentication yes", "MaxAuthTries 1")), options())
	p := start(t, refused.o, refused.args()...)
	defer p.end(t)
	if err := p.wait(patience); err == nil || !strings.Contains(p.said(), "tried password") {
		t.Errorf("with one wrong password too many: %v, %s", err, p.said())
	}
	m := mountAt(t, scptest.Start(t, scptest.ExtraConfig("PasswordAuthentication yes")), options())
	writeFile(t, m.path("file"), "data\n")
	told := map[string]string{"refused": p.said(), "said": m.program.said(), "status": m.ask("status", m.Point)}
	for _, name := range []string{"cmdline", "environ"} {
		path := fmt.Sprintf("/proc/%d/%s", m.Pid(), name)
		told[path] = readFile(t, path)
	}
	err := filepath.WalkDir(m.Cache, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			told[path] = readFile(t, path)
		}
		return err
	})
	if err != nil || len(told) < 8 {
		t.Errorf("looked at %d places, %v", len(told), err)
	}
	for where, text := range told {
		if strings.Contains(text, secret) {
			t.Errorf("%s has the password", where)
		}
	}
}
