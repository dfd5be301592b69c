package scptest

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// What is held must be seen, and no longer once it is given back.
func TestCensus(t *testing.T) {
	dir := t.TempDir()
	before := census(dir)
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command("cat")
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		<-stop
	}()

	left := strings.Join(before.surplus(census(dir)), "\n")
	for _, want := range []string{"descriptor of /dev/null", "child process", `"cat`, "goroutine", "TestCensus"} {
		if !strings.Contains(left, want) {
			t.Errorf("no %q in\n%s", want, left)
		}
	}

	close(stop)
	<-ended
	file.Close()
	in.Close()
	child.Wait()
	if left := before.await(dir); len(left) > 0 {
		t.Errorf("still there: %q", left)
	}
}
