package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// kernelStacks tells where in the kernel the threads of a process are, of
// those that do not simply wait to be woken.
func kernelStacks(pid int) string {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid)) // the pattern is good
	var all strings.Builder
	for _, task := range tasks {
		stack, err := os.ReadFile(filepath.Join(task, "stack"))
		if err == nil && !strings.Contains(string(stack), "futex_wait") {
			fmt.Fprintf(&all, "%s\n%s\n", task, stack)
		}
	}
	return all.String()
}
