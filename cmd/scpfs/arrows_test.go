package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// allowed are the packages of ours that each package may import. A package
// below another belongs to it: scpio/sshdial is scpio here.
var allowed = map[string][]string{
	"cmd":     {"mount", "fusefs", "cache", "scpio", "control"},
	"fusefs":  {"cache"},
	"cache":   {},
	"scpio":   {},
	"mount":   {},
	"control": {"mount"}, // the mount table
	// What stands beside the program.
	"demo":  {"scpio"},
	"bench": {"scpio", "mount"},
	"e2e":   {},
}

const module = "github.com/scpfs/scpfs/"

// TestArrows holds the packages apart: scpio knows no caching and no FUSE,
// the cache no SSH, fusefs no network, mount nothing of what it mounts.
func TestArrows(t *testing.T) {
	imports(t, func(from, imported string) {
		to, known := allowed[part(from)]
		if !known {
			t.Errorf("package %s is not in the table of allowed imports", from)
		}
		if p := part(imported); strings.HasPrefix(imported, module) && p != part(from) && !slices.Contains(to, p) {
			t.Errorf("%s imports %s", from, imported)
		}
	})
}

// TestForeignArrows keeps FUSE's types out of the cache, SSH's out of the
// file system, and flags in cmd.
func TestForeignArrows(t *testing.T) {
	imports(t, func(from, imported string) {
		if parts, ok := foreign[imported]; ok && !slices.Contains(parts, part(from)) {
			t.Errorf("%s imports %s", from, imported)
		}
	})
}

// imports calls f for every import of a package of ours, but in tests.
func imports(t *testing.T, f func(from, imported string)) {
	t.Helper()
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		for _, imported := range words[1:] {
			f(words[0], imported)
		}
	}
}

// part is the top-level directory of a package of ours.
func part(path string) string {
	top, _, _ := strings.Cut(strings.TrimPrefix(path, module), "/")
	return top
}

// foreign are packages that only some parts may know.
var foreign = map[string][]string{
	"golang.org/x/crypto/ssh":          {"scpio", "demo", "bench"},
	"github.com/hanwen/go-fuse/v2/fs":  {"fusefs", "mount"},
	"github.com/spf13/pflag":           {"cmd"},
	"github.com/kevinburke/ssh_config": {"scpio"},
}
