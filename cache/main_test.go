package cache_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/scpfs/scpfs/cache"
	"github.com/scpfs/scpfs/cache/cachetest"
)

// In a process with these variables the test binary is a mount that is going
// to be killed: it does what the scene says, says so, and waits.
const (
	sceneVar = "CACHE_TEST_SCENE"
	hostVar  = "CACHE_TEST_HOST"
	cacheVar = "CACHE_TEST_DIR"
)

func TestMain(m *testing.M) {
	if scene := os.Getenv(sceneVar); scene != "" {
		play(scene)
	}
	os.Exit(m.Run())
}

// play never returns.
func play(name string) {
	host := cachetest.NewFaulty(cachetest.NewDir(os.Getenv(hostVar)))
	c, err := cache.Open(context.Background(), host, cache.Options{
		Dir: os.Getenv(cacheVar), Timeouts: cache.SameTimeouts(time.Hour), Hostname: "here",
		WriteBack: strings.HasPrefix(name, "written back"),
	})
	if err == nil {
		err = scenes[name](&actor{c, host})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, name+":", err)
		os.Exit(1)
	}
	ready()
}

// ready says that the scene is as it should be when the process is killed.
func ready() {
	fmt.Println("ready")
	select {}
}

// actor is a mount in a process of its own.
type actor struct {
	*cache.Cache
	host *cachetest.Faulty
}

// create makes a file, without flushing it.
func (a *actor) create(path, text string, flags int) (*cache.Handle, error) {
	h, err := a.Create(context.Background(), path, flags|os.O_RDWR, 0o640)
	if err != nil {
		return nil, err
	}
	_, err = h.WriteAt(context.Background(), []byte(text), 0)
	return h, err
}

// edit writes to an existing file, without flushing it.
func (a *actor) edit(path, text string) (*cache.Handle, error) {
	e, err := a.Lookup(context.Background(), path)
	if err != nil {
		return nil, err
	}
	h, err := a.Open(context.Background(), path, e.Attr.Ino, os.O_RDWR)
	if err != nil {
		return nil, err
	}
	_, err = h.WriteAt(context.Background(), []byte(text), 0)
	return h, err
}

// flushFails flushes a handle in vain.
func (a *actor) flushFails(h *cache.Handle) error {
	a.host.Fail("Store", syscall.ENOTCONN)
	if err := h.Flush(context.Background()); !errors.Is(err, syscall.ENOTCONN) {
		return fmt.Errorf("flush: %v", err)
	}
	return nil
}

// kill plays a scene in another process on the world's host and cache, and
// kills it in the end with SIGKILL.
func (w *world) kill(scene string) {
	w.t.Helper()
	w.start(scene)()
}

// start plays a scene in another process to its end. It returns what kills
// the process.
func (w *world) start(scene string) (kill func()) {
	w.t.Helper()
	cmd := exec.CommandContext(w.t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), sceneVar+"="+scene, hostVar+"="+w.dir, cacheVar+"="+w.o.Dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	w.make(err)
	w.make(cmd.Start())
	kill = func() {
		cmd.Process.Kill()
		cmd.Wait() // says that it was killed
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if line != "ready\n" {
		kill()
		w.t.Fatalf("the scene %s did not come to its end: %q, %v", scene, line, err)
	}
	return kill
}
