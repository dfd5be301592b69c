package scptest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// killAll kills what list finds until it finds nothing any more.
func killAll(list func() []int) error {
	deadline := time.Now().Add(patience)
	for {
		pids := list()
		if len(pids) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("processes survive being killed: %v", describe(pids))
		}
		for _, pid := range pids {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("kill %v: %w", describe([]int{pid}), err)
			}
		}
		time.Sleep(time.Millisecond) // dying has no event for a non-parent
	}
}

// stat is what matters here of /proc/PID/stat.
type stat struct {
	pid, parent int
	state       string
}

// parseStat reads a line whose second field, the name in parentheses, may
// itself hold blanks and parentheses.
func parseStat(line string) (stat, bool) {
	i := strings.LastIndexByte(line, ')')
	if i < 0 {
		return stat{}, false
	}
	fields := strings.Fields(line[i+1:])
	pid, err := strconv.Atoi(line[:strings.IndexByte(line, ' ')])
	if err != nil || len(fields) < 2 {
		return stat{}, false
	}
	parent, err := strconv.Atoi(fields[1])
	return stat{pid: pid, parent: parent, state: fields[0]}, err == nil
}

func (s stat) alive() bool { return s.state != "Z" && s.state != "X" }

// processes lists all that can be seen. One that ends meanwhile is left out.
func processes() []stat {
	files, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is good
	var all []stat
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		if s, ok := parseStat(string(line)); ok {
			all = append(all, s)
		}
	}
	return all
}

// descendants returns the living processes below root.
func descendants(root int) []int {
	children := map[int][]stat{}
	for _, s := range processes() {
		children[s.parent] = append(children[s.parent], s)
	}
	var found []int
	for queue := children[root]; len(queue) > 0; queue = queue[1:] {
		queue = slices.Concat(queue, children[queue[0].pid])
		if queue[0].alive() {
			found = append(found, queue[0].pid)
		}
	}
	return found
}

// marked returns the living processes with an entry NAME=value in their
// environment. A zombie has no environment any more.
func marked(entry string) []int {
	var found []int
	for _, s := range processes() {
		env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", s.pid))
		if err == nil && slices.ContainsFunc(bytes.Split(env, []byte{0}), func(e []byte) bool { return string(e) == entry }) {
			found = append(found, s.pid)
		}
	}
	return found
}

func describe(pids []int) []string {
	var all []string
	for _, pid := range pids {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil {
			all = append(all, fmt.Sprintf("%d %q", pid, bytes.ReplaceAll(line, []byte{0}, []byte(" "))))
		}
	}
	return all
}
