package scptest

import (
	"os/exec"
	"syscall"
	"testing"
)

// TestKillAllRemembers: what was stopped is killed also when its parent ended
// meanwhile, so that nothing leads to it any more.
func TestKillAllRemembers(t *testing.T) {
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	once, _ := readStat(procStat(cmd.Process.Pid))
	list := []stat{once}
	err := killAll(func() []stat {
		found := list
		list = nil
		return found
	})
	if err != nil {
		t.Error(err)
	}
	if s, ok := readStat(procStat(cmd.Process.Pid)); ok && s.alive() {
		t.Errorf("it is still there, in state %s", s.state)
		cmd.Process.Kill()
	}
	cmd.Wait()
	if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); ws.Signal() != syscall.SIGKILL {
		t.Errorf("it ended by %v", ws)
	}
	if found := join(nil, []stat{once}); len(found) > 0 {
		t.Errorf("it is found after its end: %v", found)
	}
}
