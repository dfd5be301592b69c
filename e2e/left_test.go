package e2e_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// checkIdle waits until the program holds no contents open: a handle that it
// forgot would do so for ever.
func (m *mounted) checkIdle() {
	m.t.Helper()
	pid := m.Pid()
	if len(holders(m.Point)) > 0 {
		return // a program of the test still works there
	}
	var open []string
	ok := await(func() bool {
		open = openObjects(pid, m.Cache)
		return len(open) == 0
	})
	if !ok {
		m.t.Errorf("objects of the cache are still open: %q", open)
	}
}

// openObjects lists what a process holds open of the contents in a cache.
func openObjects(pid int, cache string) []string {
	links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid)) // the pattern is good
	var open []string
	for _, link := range links {
		target, err := os.Readlink(link)
		rest, inside := strings.CutPrefix(target, cache+"/")
		if err == nil && inside && strings.Contains(rest, "/objects/") {
			open = append(open, target)
		}
	}
	return open
}

// checkLeft looks for what a program that has ended must not leave.
func (m *mounted) checkLeft() {
	m.t.Helper()
	if line := mountLine(m.Point); line != "" {
		m.t.Errorf("left mounted: %s", line)
		m.fusermount("-uz")
	}
	for _, name := range tempFiles(m.Remote) {
		m.t.Errorf("temporary file left on the host: %s", name)
	}
	for _, name := range unsentRecords(m.Cache) {
		m.t.Errorf("unsent changes left in the cache: %s", name)
	}
}

// tempFiles are the names below dir that uploads have while they last.
func tempFiles(dir string) []string {
	var found []string
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(d.Name(), ".scpfs-") {
			found = append(found, path)
		}
		return nil
	})
	return found
}

// unsentRecords are the logs of changes in a cache directory that have any.
func unsentRecords(cache string) []string {
	logs, _ := filepath.Glob(filepath.Join(cache, "*", "*", "changes")) // the pattern is good
	return slices.DeleteFunc(logs, func(name string) bool {
		st, err := os.Stat(name)
		return err == nil && st.Size() == 0
	})
}

// holders lists the processes that have something open below a mountpoint, or
// work there.
func holders(point string) []string {
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*") // the patterns are good
	dirs, _ := filepath.Glob("/proc/[0-9]*/cwd")
	var found []string
	for _, link := range slices.Concat(links, dirs) {
		target, err := os.Readlink(link)
		if err == nil && (target == point || strings.HasPrefix(target, point+"/")) {
			found = append(found, link+" -> "+target)
		}
	}
	return found
}
