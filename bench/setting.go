package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/scpfs/scpfs/mount/mountinfo"
)

// revision is raised when a workload changes, so that what was measured before
// is not put beside what is measured now.
const revision = 2

// A setting is what all results in one file have in common. Times from other
// settings cannot be compared with them.
type setting struct {
	Workloads int     `json:"workloads"` // their revision
	Machine   string  `json:"machine"`
	Disk      string  `json:"disk"`            // file system of both sides and of the caches
	Mbits     float64 `json:"mbit_per_second"` // of the link, each way; 0 is unlimited
	Scale     float64 `json:"scale"`           // of numbers of files and of sizes
}

// newSetting describes this machine and what was asked for.
func newSetting(o options) setting {
	return setting{
		Workloads: revision, Machine: machine(), Disk: disk(os.TempDir()),
		Mbits: float64(o.bandwidth) * 8 / 1e6, Scale: o.scale,
	}
}

func (s setting) String() string {
	text := s.Machine + "; everything on one " + s.Disk
	if s.Mbits > 0 {
		text += fmt.Sprintf("; %g Mbit/s each way", s.Mbits)
	} else {
		text += "; bandwidth not limited"
	}
	if s.Scale != 1 {
		text += fmt.Sprintf("; **numbers of files and sizes are %g times those in the table**", s.Scale)
	}
	return text
}

// A runInfo is how some of the results came about.
type runInfo struct {
	Command  string            `json:"command"`
	Date     time.Time         `json:"date"`
	Versions map[string]string `json:"versions"` // of each tool
	Reps     int               `json:"repetitions"`
}

func newRun(o options, versions map[string]string) runInfo {
	return runInfo{
		Command: command(o.args), Date: time.Now().UTC().Truncate(time.Second),
		Versions: versions, Reps: o.reps,
	}
}

// command is what to type into a shell for the same.
func command(args []string) string {
	if len(args) == 0 {
		return "make bench"
	}
	var words []string
	for _, arg := range args {
		if arg == "" || strings.ContainsFunc(arg, func(c rune) bool { return !plain(c) }) {
			arg = "'" + arg + "'"
		}
		words = append(words, strings.ReplaceAll(arg, "$", `\$\$`)) // both make and the shell see it
	}
	return fmt.Sprintf(`make bench ARGS="%s"`, strings.Join(words, " "))
}

// plain tells whether a character means nothing to a shell.
func plain(c rune) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("-_.,/:=+", c)
}

// machine describes what it runs on. Who built the kernel, which stands behind a hyphen in its
// version, does not make it another machine.
func machine() string {
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		kernel = []byte("unknown")
	}
	version, _, _ := strings.Cut(strings.TrimSpace(string(kernel)), "-")
	return fmt.Sprintf("%s, %d processors, Linux %s", processor(), runtime.NumCPU(), version)
}

func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				return strings.TrimSpace(value)
			}
		}
	}
	return runtime.GOARCH
}

// disk is the kind of file system that a directory lies on.
func disk(dir string) string {
	all, err := mountinfo.Read()
	best := mountinfo.Entry{Type: "unknown"}
	for _, m := range all {
		if below(dir, m.Dir) && len(m.Dir) >= len(best.Dir) { // the last of equals is on top
			best = m
		}
	}
	if err != nil {
		return "unknown"
	}
	return best.Type
}
