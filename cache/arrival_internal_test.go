package cache

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestStopWaitsForArrivals: once a transfer was stopped nothing of it is put into
// its place any more, where zeros may have to be by then. One that was about to do
// so when it was stopped is waited for.
func TestStopWaitsForArrivals(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "object"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	c := &content{attr: Attr{Size: 100}, obj: &object{f: file}, moved: make(chan struct{})}
	c.ctx, c.cancel = context.WithCancel(t.Context())
	first, second := c.arriving(0), c.arriving(50)
	first.buf = []byte("0123456789")
	second.mu.Lock()
	stopped := make(chan ranges)
	go func() { stopped <- c.stop() }()
	for !c.here(span{0, 10}) {
		time.Sleep(time.Millisecond) // until it is at the second
	}
	first.mu.Lock() // as who has just looked whether it was stopped
	second.mu.Unlock()
	<-c.ctx.Done()
	select {
	case <-stopped:
		t.Error("it did not wait for what is put into its place")
	case <-time.After(20 * time.Millisecond):
		c.came(span{10, 20})
		first.mu.Unlock()
		if have := <-stopped; !have.has(span{0, 20}) {
			t.Errorf("it has %v", have)
		}
	}
}
