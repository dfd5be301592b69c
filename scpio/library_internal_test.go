package scpio

import (
	"regexp"
	"testing"
)

// TestFunctionNames: no function of the shell library takes the place of
// another. Those that the helper takes over come again, indented.
func TestFunctionNames(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^([A-Za-z_]+)\(\)`).FindAllStringSubmatch(remoteScript, -1) {
		if seen[m[1]] {
			t.Errorf("remote.sh has two functions %s", m[1])
		}
		seen[m[1]] = true
	}
	if len(seen) < 20 {
		t.Errorf("found %d functions: the pattern is wrong", len(seen))
	}
}
