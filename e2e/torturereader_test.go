package e2e_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// hostReader reads the files on the host all the time, as others there may.
// What it has seen is judged when it is known what was saved.
type hostReader struct {
	dir  string
	end  chan struct{}
	done sync.WaitGroup

	mu   sync.Mutex // guards seen
	seen map[string]map[uint32]string
}

// newHostReader reads below a directory until the test ends.
func newHostReader(t *testing.T, dir string) *hostReader {
	r := &hostReader{dir: dir, end: make(chan struct{}), seen: map[string]map[uint32]string{}}
	r.done.Go(r.work)
	t.Cleanup(r.stop)
	return r
}

func (r *hostReader) stop() {
	select {
	case <-r.end:
	default:
		close(r.end)
	}
	r.done.Wait()
}

func (r *hostReader) work() {
	tick := time.NewTicker(10 * time.Millisecond) // leaves something of the machine to others
	defer tick.Stop()
	for {
		select {
		case <-r.end:
			return
		case <-tick.C:
			r.readAll()
		}
	}
}

// readAll reads every file. Names come and go meanwhile.
func (r *hostReader) readAll() {
	filepath.WalkDir(r.dir, func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() && strings.HasPrefix(d.Name(), ".scpfs-") {
			return filepath.SkipDir // of a batch under way
		}
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), ".scpfs-") || strings.Contains(d.Name(), ".recovered-") {
			return nil
		}
		b, err := os.ReadFile(path)
		if err == nil {
			r.saw(path[len(r.dir)+1:], b)
		}
		return nil
	})
}

func (r *hostReader) saw(path string, b []byte) {
	writer, name, _ := strings.Cut(path, "/")
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen[writer] == nil {
		r.seen[writer] = map[uint32]string{}
	}
	r.seen[writer][sum(b)] = fmt.Sprintf("%s: %s", name, short(b))
}

// take gives what was seen of a writer's files since the last time: what it
// was, by its sum.
func (r *hostReader) take(writer string) map[uint32]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := r.seen[writer]
	delete(r.seen, writer)
	return seen
}

// strange is what was seen and that no program had as a whole.
func strange(seen map[uint32]string, legit map[uint32]bool) []string {
	var all []string
	for sum, what := range seen {
		if !legit[sum] {
			all = append(all, what)
		}
	}
	return all
}
