package e2e_test

import (
	"os"
	"os/exec"
	"testing"

	"github.com/scpfs/scpfs/scpio/scptest"
)

func TestZZScratch(t *testing.T) {
	srv := scptest.Start(t)
	m := mountAt(t, srv, mountOptions{args: []string{"-v"}, words: []string{"debug"}})
	cmd := exec.Command("sh", "-c", os.Getenv("ZZ"))
	cmd.Dir = m.Point
	cmd.Env = append(os.Environ(), "R="+m.Remote)
	out, err := cmd.CombinedOutput()
	t.Logf("%v\n%s", err, out)
	m.Unmount()
	if os.Getenv("ZZLOG") != "" {
		t.Log(m.program.said())
	}
}
