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

// killAll kills what list finds until it finds nothing any more. All are
// stopped before the first is killed: one that forks in between would leave a
// child whose parents are gone and which nothing leads to. A shell that waits
// for its child to leave vfork(2) counts as stopped: it stays in state D when
// the child is. One whose parent was just ending is not found again: it is
// remembered.
func killAll(list func() []stat) error {
	var seen []stat
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) { // another's child has no event
		found := join(list(), seen)
		seen = found
		if len(found) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("processes survive being killed: %v", describe(found))
		}
		signal := syscall.SIGSTOP
		if !slices.ContainsFunc(found, func(s stat) bool { return s.state != "T" && s.state != "D" }) {
			signal = syscall.SIGKILL
		}
		for _, s := range found {
			if err := syscall.Kill(s.pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("kill %v: %w", describe([]stat{s}), err)
			}
		}
	}
}

// join adds to a list of processes those of others that are still alive.
func join(list, others []stat) []stat {
	for _, o := range others {
		if slices.ContainsFunc(list, o.same) {
			continue
		}
		if now, ok := readStat(procStat(o.pid)); ok && now.same(o) && now.alive() {
			list = append(list, now)
		}
	}
	return list
}

// stat is what matters here of /proc/PID/stat.
type stat struct {
	pid, parent int
	state       string
	started     string // when, in ticks of a clock
}

// same tells whether two are of one process, which only its start can: numbers
// are used again.
func (s stat) same(o stat) bool { return s.pid == o.pid && s.started == o.started }

func procStat(pid int) string { return fmt.Sprintf("/proc/%d/stat", pid) }

func readStat(file string) (stat, bool) {
	line, err := os.ReadFile(file)
	if err != nil {
		return stat{}, false
	}
	return parseStat(string(line))
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
	if err != nil || len(fields) < 20 {
		return stat{}, false
	}
	parent, err := strconv.Atoi(fields[1])
	return stat{pid: pid, parent: parent, state: fields[0], started: fields[19]}, err == nil
}

func (s stat) alive() bool { return s.state != "Z" && s.state != "X" }

// processes lists all that can be seen. One that ends meanwhile is left out.
func processes() []stat {
	files, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is good
	var all []stat
	for _, file := range files {
		if s, ok := readStat(file); ok {
			all = append(all, s)
		}
	}
	return all
}

// descendants returns the living processes below root.
func descendants(root int) []stat {
	children := map[int][]stat{}
	for _, s := range processes() {
		children[s.parent] = append(children[s.parent], s)
	}
	var found []stat
	for queue := children[root]; len(queue) > 0; queue = queue[1:] {
		queue = slices.Concat(queue, children[queue[0].pid])
		if queue[0].alive() {
			found = append(found, queue[0])
		}
	}
	return found
}

// marked returns the living processes with an entry NAME=value in their
// environment. A zombie has no environment any more.
func marked(entry string) []stat {
	var found []stat
	for _, s := range processes() {
		env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", s.pid))
		if err == nil && slices.ContainsFunc(bytes.Split(env, []byte{0}), func(e []byte) bool { return string(e) == entry }) {
			found = append(found, s)
		}
	}
	return found
}

func describe(list []stat) []string {
	var all []string
	for _, s := range list {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", s.pid))
		if err == nil {
			all = append(all, fmt.Sprintf("%d %q", s.pid, bytes.ReplaceAll(line, []byte{0}, []byte(" "))))
		}
	}
	return all
}
