package e2e_test

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scpfs/scpfs/scpio/scptest"
)

// TestTempsOfTheDead kills one of two mounts of a directory in the middle of
// its uploads, together with its server, which so cannot tidy up. Its next
// mount stores the files and removes what was left of the uploads; those of
// the other mount, which is still at it, stay.
func TestTempsOfTheDead(t *testing.T) {
	srv := scptest.Start(t)
	slow := scptest.NewLink(t, srv.Addr, scptest.LinkOptions{Bandwidth: 2 << 20})
	dying := mountAt(t, srv.Via(t, slow), mountOptions{})
	writeFile(t, dying.there("appended"), strings.Repeat("x", 256<<10))
	other := scptest.Start(t)
	held := scptest.NewLink(t, other.Addr, scptest.LinkOptions{Bandwidth: 2 << 20})
	living := mountAt(t, other.Via(t, held), mountOptions{remote: dying.Remote, words: []string{"timeout=100"}})

	large := bytes.Repeat([]byte("large file"), 1<<20)
	done := make(chan error, 1)
	go func() { done <- os.WriteFile(living.path("theirs"), large, 0o644) }()
	waitUntil(t, "an upload of the other mount is under way", func() bool { return len(tempFiles(dying.Remote)) > 0 })
	held.Stall()
	theirs := tempFiles(dying.Remote)

	ended := make(chan error, 2)
	go func() { ended <- os.WriteFile(dying.path("large"), large, 0o644) }() // in pieces: TMP
	go func() { ended <- appendTo(dying.path("appended"), large[:3<<20]) }() // the rest alone: TMP+
	var ours []string
	waitUntil(t, "both uploads are under way", func() bool {
		ours = slices.DeleteFunc(tempFiles(dying.Remote), func(name string) bool { return slices.Contains(theirs, name) })
		rest := func(name string) bool { return strings.HasSuffix(name, "+") }
		return slices.ContainsFunc(ours, rest) && slices.ContainsFunc(ours, func(name string) bool { return !rest(name) })
	})
	srv.Stop()
	dying.program.kill()
	<-ended
	<-ended
	if left := tempFiles(dying.Remote); !slices.Contains(left, ours[0]) || !slices.Contains(left, ours[len(ours)-1]) {
		t.Fatalf("%s were tidied up, left are %s", ours, left)
	}
	srv.Restart()
	if out, err := dying.fusermount("-u"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	dying.Mount()
	waitUntil(t, "only the uploads of the other mount are left", func() bool {
		return slices.Equal(tempFiles(dying.Remote), theirs)
	})
	if got := readFile(t, dying.there("large")); got != string(large) {
		t.Errorf("the large file has %d bytes, want %d", len(got), len(large))
	}
	held.Resume()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("the other upload: %v", err)
		}
	case <-time.After(lifetime):
		t.Fatal("the other upload does not end")
	}
	if got := readFile(t, living.there("theirs")); got != string(large) {
		t.Errorf("the file of the other mount has %d bytes, want %d", len(got), len(large))
	}
	if got := readFile(t, dying.there("appended")); len(got) != 256<<10+3<<20 {
		t.Errorf("the file that was appended to has %d bytes", len(got))
	}
}

func appendTo(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
