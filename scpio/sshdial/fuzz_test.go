package sshdial

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/crypto/ssh/knownhosts"
)

const someKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"

// No line, however broken, may harm the ones around it.
func FuzzKnownHostsLine(f *testing.F) {
	for _, line := range []string{
		"host " + someKey, "@revoked * " + someKey, "@cert-authority !a,*.b " + someKey + " comment", "|1|c2FsdA==|aGFzaA== " + someKey,
		"[h]:22 " + someKey, "# comment", "host", "a b", "@x y " + someKey, "\x00", "host ssh-rsa " + someKey,
	} {
		f.Add([]byte(line))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, line []byte) {
		if bytes.ContainsAny(line, "\n") {
			return
		}
		file := filepath.Join(dir, "known_hosts")
		text := bytes.Join([][]byte{[]byte("before.example " + someKey), line, []byte("after.example " + someKey), nil}, []byte("\n"))
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		all, err := readKnownHosts([]string{file}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if len(all) < 2 || all[0].line != 1 || all[len(all)-1].line != 3 {
			t.Fatalf("the neighbours of %q are lost: %v", line, all)
		}
		if len(all) == 3 {
			all[1].matches("some.example")
			all[1].matches("[some.example]:2222")
		}
	})
}

// matchGlob must agree with a plain definition.
func FuzzMatchGlob(f *testing.F) {
	f.Add("*.example", "a.example")
	f.Add("a*b?c*", "aXXbYcZ")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if got, want := matchGlob(pattern, name), plainGlob(pattern, name); got != want {
			t.Errorf("%q on %q: got %v, want %v", pattern, name, got, want)
		}
	})
}

// plainGlob goes through the pattern with all beginnings of the name that it
// matches so far.
func plainGlob(pattern, name string) bool {
	matched := make([]bool, len(name)+1)
	matched[0] = true
	for _, p := range []byte(pattern) {
		next := make([]bool, len(name)+1)
		for n := range next {
			if p == '*' {
				next[n] = matched[n] || n > 0 && next[n-1]
			} else {
				next[n] = n > 0 && matched[n-1] && (p == '?' || p == name[n-1])
			}
		}
		matched = next
	}
	return matched[len(name)]
}

func FuzzParseG(f *testing.F) {
	f.Add("host x\nport 22\nidentityfile ~/.ssh/id\nidentityfile %d/%%\nproxycommand a b\nuserknownhostsfile a b\n")
	f.Add("\x00 \xff\n \n=\nport -1\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		s := parseG(text)
		for keyword, values := range s {
			if keyword == "" || keyword != strings.ToLower(keyword) || len(values) == 0 {
				t.Errorf("keyword %q with %q", keyword, values)
			}
		}
		c, err := s.config()
		if err == nil && (c.Port < 1 || c.Port > 65535) {
			t.Errorf("port %d", c.Port)
		}
		c.expand("host")
	})
}

func FuzzSanitize(f *testing.F) {
	f.Add("text\x1b[31m\u202e\xff")
	f.Fuzz(func(t *testing.T, text string) {
		got := Sanitize(text)
		for _, r := range got {
			if r != '\n' && (unicode.IsControl(r) || r == unicode.ReplacementChar) {
				t.Errorf("%q is left of %q", r, text)
			}
		}
	})
}

func TestHashName(t *testing.T) {
	for _, name := range []string{"host", "[host]:2222"} {
		if !matchHash(hashName(name), name) || !matchHash(knownhosts.HashHostname(name), name) {
			t.Errorf("the hash of %q does not match it", name)
		}
		if matchHash(hashName(name), name+"x") {
			t.Errorf("the hash of %q matches another", name)
		}
	}
}
