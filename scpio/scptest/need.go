package scptest

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// sbin holds daemons and is not in an ordinary user's PATH.
const sbin = "/usr/sbin:/usr/local/sbin:/sbin"

// Need returns the paths of programs by name. A missing one skips the test,
// unless the environment variable SCPFS_TEST_REQUIRE lists it (separated by
// commas) or is "all": then the test fails, so that a test run that must be
// complete cannot pass by leaving things out.
func Need(t testing.TB, names ...string) []string {
	t.Helper()
	paths := make([]string, len(names))
	for i, name := range names {
		path, err := lookPath(name)
		if err != nil {
			Missing(t, name, err.Error())
		}
		paths[i] = path
	}
	return paths
}

// Missing skips the test for want of what, or fails it when
// SCPFS_TEST_REQUIRE demands it; see [Need].
func Missing(t testing.TB, what, why string) {
	t.Helper()
	if required(what) {
		t.Fatalf("%s is required and missing: %s", what, why)
	}
	t.Skipf("%s is missing: %s", what, why)
}

func required(what string) bool {
	list := strings.Split(os.Getenv("SCPFS_TEST_REQUIRE"), ",")
	return slices.Contains(list, "all") || slices.Contains(list, what)
}

func lookPath(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		return path, nil
	}
	for dir := range strings.SplitSeq(sbin, ":") {
		if path, err := exec.LookPath(dir + "/" + name); err == nil {
			return path, nil
		}
	}
	return "", err
}
