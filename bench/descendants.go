package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// adopt makes orphans below this process its children, so that whatever was
// started is found at the end, however it was put into the background.
func adopt() error {
	return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
}

// descendants are the living processes below this one.
func descendants() []int {
	children := map[int][]int{}
	files, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is good
	for _, file := range files {
		if pid, parent, alive := readStat(file); alive {
			children[parent] = append(children[parent], pid)
		}
	}
	found := slices.Clone(children[os.Getpid()])
	for i := 0; i < len(found); i++ {
		found = append(found, children[found[i]]...)
	}
	return found
}

// readStat reads /proc/PID/stat, of which the second field, the name in
// parentheses, may itself hold blanks and parentheses.
func readStat(file string) (pid, parent int, alive bool) {
	line, err := os.ReadFile(file)
	if err != nil {
		return 0, 0, false // it has just ended
	}
	i := strings.LastIndexByte(string(line), ')')
	fields := strings.Fields(string(line[i+1:]))
	if i < 0 || len(fields) < 2 || fields[0] == "Z" || fields[0] == "X" {
		return 0, 0, false
	}
	pid, err = strconv.Atoi(filepath.Base(filepath.Dir(file)))
	if err != nil {
		return 0, 0, false
	}
	parent, err = strconv.Atoi(fields[1])
	return pid, parent, err == nil
}

// expectNone waits a little for all descendants to end; what is left is
// killed, and an error.
func expectNone() error {
	var left []int
	for deadline := time.Now().Add(patience / 4); ; time.Sleep(5 * time.Millisecond) { // no event tells
		if left = descendants(); len(left) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			break
		}
	}
	var names []string
	for _, pid := range left {
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)) // it may have ended
		names = append(names, fmt.Sprintf("%d %q", pid, strings.ReplaceAll(string(line), "\x00", " ")))
		syscall.Kill(pid, syscall.SIGKILL)
	}
	return fmt.Errorf("processes were left, and killed: %s", strings.Join(names, ", "))
}
