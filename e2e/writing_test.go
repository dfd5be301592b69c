package e2e_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/scpfs/scpfs/scpio/scptest"
)

// TestWritesInFewRoundTrips counts what programs wait for when they change files
// that are here.
func TestWritesInFewRoundTrips(t *testing.T) {
	srv := scptest.Start(t)
	link := scptest.NewLink(t, srv.Addr, scptest.LinkOptions{RTT: 20 * time.Millisecond})
	m := mountAt(t, srv.Via(t, link), mountOptions{})
	commands := []struct {
		text string // of a shell; %s is a file
		want int
	}{
		{"echo new >%s", 1},               // a store
		{"echo more >>%s", 1},             // what was appended
		{"echo new >%s.new", 1},           // a store
		{"mv %[1]s %[1]s.moved", 1},       // a rename
		{"rm %s", 1},                      // a removal
		{"sed -i s/old/new/ %s", 3},       // an exclusive create, a store with owner and mode, a rename
		{"cp -p %[1]s %[1]s.copy", 2},     // an exclusive create, a copy on the host with mode and times
		{"set -C; echo lock >%s.lock", 2}, // an exclusive create, a store
	}
	const tries = 3
	name := func(i, try int) string { return fmt.Sprintf("file%d-%d", i, try) }
	for i := range commands {
		for try := range tries {
			writeAged(t, m.there(name(i, try)), "old\n")
		}
	}
	shell(t, m.Point, "cat *")
	for i, c := range commands {
		rt, _ := least(tries, link, func(try int) { shell(t, m.Point, fmt.Sprintf(c.text, name(i, try))) })
		if rt > c.want {
			t.Errorf("%s takes %d round trips, want %d", c.text, rt, c.want)
		}
	}
}

// TestClosedTwice: when the last close of a file has returned, the host has what it
// was, also where it is empty and another descriptor of it was closed before.
func TestClosedTwice(t *testing.T) {
	m := mountAt(t, scptest.Start(t), mountOptions{words: []string{"cache_timeout=0"}})
	files := 0
	for command, want := range map[string]string{
		": >f":                         "",
		"echo text >f":                 "text\n",
		"exec 9>f; echo text >&9":      "text\n",
		"(sleep 0.1; echo text) >f":    "text\n",
		"touch f":                      "old",
		"touch new; mv new f":          "",
		"truncate -s 0 f":              "",
		"cp /dev/null f":               "",
		"exec 9>f 8>f; exec 9>&-":      "",
		"sh -c 'exec 9>f; kill -9 $$'": "",
	} {
		// Each has a file of its own: that the store of one who was killed has succeeded
		// may not have been heard yet, and then "old" would be a foreign change.
		files++
		dir := fmt.Sprint(files)
		there := m.there(dir + "/f")
		mkdir(t, m.there(dir))
		writeAged(t, there, "old")
		shell(t, m.path(dir), "("+command+") || true")
		if strings.Contains(command, "kill") { // which ends the wait of its close as well
			waitUntil(t, "the host has it", func() bool {
				got, err := os.ReadFile(there)
				return err == nil && string(got) == want
			})
		}
		if got, err := os.ReadFile(there); err != nil || string(got) != want {
			t.Errorf("after %s the host has %q, want %q: %v", command, got, want, err)
		}
	}
}
