package e2e_test

import (
	"testing"

	"github.com/scpfs/scpfs/scpio/scptest"
)

func TestFirst(t *testing.T) {
	srv := scptest.Start(t)
	for _, bg := range []bool{false, true} {
		m := mountAt(t, srv, mountOptions{background: bg})
		writeFile(t, m.path("a"), "hello\n")
		wantFile(t, m.there("a"), "hello\n")
		m.Unmount()
		m.Mount()
		wantFile(t, m.path("a"), "hello\n")
		m.Kill()
		m.Mount()
		wantFile(t, m.path("a"), "hello\n")
	}
}
