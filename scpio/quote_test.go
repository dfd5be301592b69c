package scpio_test

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"github.com/scpfs/scpfs/scpio"
	"github.com/scpfs/scpfs/scpio/scptest"
)

// posixShells are the commands of the shells that may be /bin/sh somewhere.
var posixShells = map[string][]string{
	"dash": {"dash"}, "bash": {"bash", "--posix"}, "ash": {"busybox", "ash"}, "mksh": {"mksh"}, "zsh": {"zsh", "--emulate", "sh"},
}

// loginShells are those that an account may have.
var loginShells = map[string][]string{
	"dash": {"dash"}, "bash": {"bash"}, "ash": {"busybox", "ash"}, "mksh": {"mksh"}, "zsh": {"zsh"}, "tcsh": {"tcsh"}, "fish": {"fish"},
}

// say runs a shell that prints words, each with a NUL behind it.
func say(t testing.TB, shell []string, script string) string {
	t.Helper()
	scptest.Need(t, shell[0])
	cmd := exec.Command(shell[0], append(shell[1:len(shell):len(shell)], "-c", script)...)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "HOME=/nonexistent"}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", shell, err)
	}
	return string(out)
}

// words are nasty names without bytes that a shell cannot hold at all.
func words(names []string) (quotable []string, want string) {
	for _, name := range names {
		if !strings.Contains(name, "\x00") {
			quotable = append(quotable, name)
			want += name + "\x00"
		}
	}
	return quotable, want
}

func TestQuote(t *testing.T) {
	names, want := words(nasty())
	script := "n='\n'; printf '%s\\0'"
	for _, name := range append(names, "") {
		script += " " + scpio.Quote(name)
	}
	for name, shell := range posixShells {
		t.Run(name, func(t *testing.T) {
			if got := say(t, shell, script); got != want+"\x00" {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestQuoteLogin(t *testing.T) {
	for name, shell := range loginShells {
		t.Run(name, func(t *testing.T) {
			script, want := "/usr/bin/printf %s\\\\0", ""
			for _, word := range nasty() {
				if name == "tcsh" && strings.Contains(word, "\n") {
					continue // cannot be said there
				}
				script += " " + scpio.QuoteLogin(word)
				want += word + "\x00"
			}
			if got := say(t, shell, script); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// FuzzQuote lets all POSIX shells there are say a word.
func FuzzQuote(f *testing.F) {
	names := nasty()
	f.Add(names[len(names)-1])
	f.Add("a'b\n$(c)")
	f.Fuzz(func(t *testing.T, word string) {
		if strings.Contains(word, "\x00") || len(word) > 4096 {
			return
		}
		for name, shell := range posixShells {
			if _, err := exec.LookPath(shell[0]); err != nil {
				continue
			}
			if got := say(t, shell, "n='\n'; printf '%s' "+scpio.Quote(word)); got != word {
				t.Errorf("%s made %q of %q", name, got, word)
			}
		}
		if bytes.ContainsRune([]byte(scpio.Quote(word)), '\n') {
			t.Errorf("%q is quoted with a newline", word)
		}
	})
}
