package e2e_test

import (
	"bufio"
	"encoding/gob"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/scpfs/scpfs/scpio/scptest"
)

// TestKill ends scpfs by SIGKILL while programs save files, again and again,
// mounts anew with the same cache, and looks for everything that was promised.
func TestKill(t *testing.T) {
	srv := scptest.Start(t)
	kills := 30
	if long {
		kills = 400
	}
	c := &crashes{t: t, srv: srv, seed: seedsFor(t, 1)[0]}
	t.Logf("SCPFS_SEED=%d", c.seed)
	c.r = rand.New(rand.NewPCG(c.seed, 0))
	c.m = mountAt(t, srv, mountOptions{patience: lifetime + time.Duration(kills)*10*time.Second})
	for i := range 3 {
		c.writers = append(c.writers, &crashedWriter{name: fmt.Sprint("writer", i), model: crashModel{}})
		if err := os.Mkdir(c.m.path(c.writers[i].name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for i := 0; i < kills && !t.Failed(); i++ {
		c.round()
	}
}

// crashes are a mount and those who write in it.
type crashes struct {
	t       *testing.T
	srv     *scptest.Server
	seed    uint64
	r       *rand.Rand
	m       *mounted
	writers []*crashedWriter
}

// crashedWriter is a process that writes, as seen from outside.
type crashedWriter struct {
	name  string
	model crashModel // after what is known to be done
	begun *crashOp   // of which it is not known
	trace []crashOp  // of this round
	cmd   *exec.Cmd
	ended chan struct{}
}

// round is one kill. In some rounds the host dies just before the client, so
// that it cannot tidy up.
func (c *crashes) round() {
	for _, w := range c.writers {
		w.start(c.t, c.m.path(w.name), c.r.Uint64N(1e9))
	}
	time.Sleep(time.Duration(c.r.IntN(400)) * time.Millisecond) // the moment is what the test varies
	both := c.r.IntN(3) == 0
	if both {
		c.srv.Stop()
	}
	c.m.program.kill()
	if both {
		c.srv.Restart()
	}
	for _, w := range c.writers {
		w.await(c.t)
	}
	if out, err := c.m.fusermount("-u"); err != nil {
		c.t.Fatalf("clear the dead mount away: %v: %s", err, out)
	}
	c.m.Mount()
	for _, w := range c.writers {
		c.verify(w, both)
	}
}

// start lets the process write until the mount is gone.
func (w *crashedWriter) start(t *testing.T, dir string, seed uint64) {
	t.Helper()
	w.begun, w.trace, w.ended = nil, nil, make(chan struct{})
	w.cmd = roleCommand(t, "crashwriter", dir, strconv.FormatUint(seed, 10))
	w.cmd.Stderr = t.Output()
	out, err := w.cmd.StdoutPipe()
	if err == nil {
		err = w.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(w.ended)
		for dec := gob.NewDecoder(bufio.NewReader(out)); ; {
			var op crashOp
			if dec.Decode(&op) != nil {
				return
			}
			w.saw(op)
		}
	}()
}

// saw takes in what the process tells. A call that failed may have been done
// all the same: by then the client is dead.
func (w *crashedWriter) saw(op crashOp) {
	w.trace = append(w.trace, op)
	switch {
	case !op.Done:
		w.begun = &op
	case op.Err == "":
		w.begun = nil
		w.model = w.model.after(op)
	}
}

func (w *crashedWriter) await(t *testing.T) {
	t.Helper()
	select {
	case <-w.ended:
	case <-time.After(patience):
		t.Errorf("%s hangs in %v", w.name, w.begun)
		w.cmd.Process.Kill()
		<-w.ended
	}
	if err := w.cmd.Wait(); err != nil {
		t.Errorf("%s: %v", w.name, err)
	}
}

// verify compares a writer's directory on the host with what it must have,
// and takes what is there for promised from then on.
func (c *crashes) verify(w *crashedWriter, both bool) {
	there := c.contents(w.name)
	wrong := w.model.check(there)
	if wrong != "" && w.begun != nil {
		wrong = w.model.checkAfter(*w.begun, there, wrong)
	}
	if wrong != "" {
		c.t.Errorf("%s (host died too: %v): %s", w.name, both, wrong)
		for _, op := range w.trace[max(0, len(w.trace)-30):] {
			c.t.Logf("%v", op)
		}
	}
	w.model = crashModel{}
	for name, b := range there {
		if strings.Contains(name, ".recovered-") {
			if err := os.Remove(c.m.path(w.name, name)); err != nil {
				c.t.Error(err)
			}
			continue
		}
		w.model[name] = crashFile{durable: b, now: b}
	}
}

// contents reads a directory on the host. There must be nothing in it that no
// writer made but copies of what was being written.
func (c *crashes) contents(dir string) map[string][]byte {
	entries, err := os.ReadDir(c.m.there(dir))
	if err != nil {
		c.t.Fatal(err)
	}
	there := map[string][]byte{}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(c.m.there(dir), e.Name()))
		if err != nil {
			c.t.Error(err)
		}
		there[e.Name()] = b
		if strings.HasPrefix(e.Name(), ".scpfs-") || strings.Contains(e.Name(), ".conflict-") {
			c.t.Errorf("%s/%s is left: %s", dir, e.Name(), short(b))
		}
	}
	return there
}
