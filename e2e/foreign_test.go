package e2e_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/scpfs/scpfs/scpio/scptest"
)

// TestForeignEdits has two mounts and a program on the host edit the same
// files, their steps in any order and some at the same time: before an open,
// while a file is open, during a store. Each version that was ever saved is in
// the file at the end or in a conflict copy, or whoever replaced it had read
// it.
func TestForeignEdits(t *testing.T) {
	t.Parallel()
	srv := scptest.Start(t)
	remote := newDir(t, srv.Home)
	seed, files := seedsFor(t, 1)[0], 40
	if long {
		files = 1000
	}
	t.Logf("SCPFS_SEED=%d: %d files", seed, files)
	contests := make([]*contest, files)
	for i := range contests {
		contests[i] = newContest(t, remote, fmt.Sprint("file", i), rand.New(rand.NewPCG(seed, uint64(i))))
	}
	o := mountOptions{remote: remote}
	if long {
		o.program, o.patience = buildPlain(t), 30*lifetime
	}
	mounts := []*mounted{mountAt(t, srv, o)}
	o.words = []string{"cache_timeout=0"}
	mounts = append(mounts, mountAt(t, srv, o))
	var sum contestFigures
	todo := make(chan *contest)
	var workers sync.WaitGroup
	for range 6 {
		workers.Go(func() {
			for c := range todo {
				c.play(mounts)
				c.judge(&sum)
			}
		})
	}
	for _, c := range contests {
		todo <- c
	}
	close(todo)
	workers.Wait()
	t.Logf("%d files, %d versions saved, %d of them to conflict copies", files, sum.saved, sum.copies)
}

// contestFigures are those of all contests.
type contestFigures struct {
	mu     sync.Mutex // guards the fields below
	saved  int
	copies int
}

// contest is a file that several edit. Each version is a text of its own, of
// the same size.
type contest struct {
	t       *testing.T
	r       *rand.Rand
	dir     string // on the host
	name    string
	editors []editor

	mu    sync.Mutex // guards the fields below
	count int
	based map[string]string // of each version that was in the file, the one that it replaced
	aside []string          // versions that were refused: they have to be in copies
	trace []string
}

// editor edits the file: each call is one step. It tells whether it is
// between two edits.
type editor interface {
	step() (idle bool)
}

func newContest(t *testing.T, dir, name string, r *rand.Rand) *contest {
	c := &contest{t: t, r: r, dir: dir, name: name, based: map[string]string{}}
	writeFile(t, filepath.Join(dir, name), c.version("first"))
	return c
}

// versionSize is more than any version needs.
const versionSize = 64

func (c *contest) version(who string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count++
	return fmt.Sprintf("%-*s\n", versionSize-1, fmt.Sprintf("%s, version %d of %s", c.name, c.count, who))
}

func (c *contest) note(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trace = append(c.trace, strings.ReplaceAll(fmt.Sprintf(format, args...), "  ", ""))
}

// saved takes in that a version is in the file, in the place of another.
func (c *contest) saved(version, was string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.based[version] = was
}

func (c *contest) refused(version string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.aside = append(c.aside, version)
}

// play lets the editors make some steps, one or two at a time, and then end
// what they have begun.
func (c *contest) play(mounts []*mounted) {
	for i, m := range mounts {
		c.editors = append(c.editors, &mountEditor{c: c, who: fmt.Sprint("mount", i), path: m.path(c.name)})
	}
	c.editors = append(c.editors, &hostEditor{c: c, r: rand.New(rand.NewPCG(c.r.Uint64(), 0))})
	for range 8 + c.r.IntN(8) {
		var together sync.WaitGroup
		order := c.r.Perm(len(c.editors))
		for _, i := range order[:1+c.r.IntN(2)] {
			together.Go(func() { c.editors[i].step() })
		}
		together.Wait()
	}
	for _, i := range c.r.Perm(len(c.editors)) {
		for !c.editors[i].step() {
		}
	}
}

// judge looks for each version.
func (c *contest) judge(sum *contestFigures) {
	there, copies := map[string]bool{}, map[string]bool{}
	entries, err := filepath.Glob(filepath.Join(c.dir, c.name+"*")) // the pattern is good
	if err != nil {
		c.t.Error(err)
	}
	for _, path := range entries {
		switch rest := strings.TrimPrefix(filepath.Base(path), c.name); {
		case rest == "":
			there[readFile(c.t, path)] = true
		case strings.HasPrefix(rest, ".conflict-"):
			there[readFile(c.t, path)], copies[readFile(c.t, path)] = true, true
		}
	}
	for _, was := range c.based {
		there[was] = true
	}
	for version := range c.based {
		if !there[version] {
			c.fail("%q was overwritten unseen", version)
		}
	}
	for _, version := range c.aside {
		if !copies[version] {
			c.fail("there is no copy of %q, which was refused", version)
		}
	}
	sum.mu.Lock()
	defer sum.mu.Unlock()
	sum.saved += len(c.based) + len(c.aside)
	sum.copies += len(c.aside)
}

func (c *contest) fail(format string, args ...any) {
	c.t.Errorf(strings.ReplaceAll(fmt.Sprintf(format, args...), "  ", "")+"; what was done:\n%s", strings.Join(c.trace, "\n"))
}

// mountEditor edits in a mount: it opens and reads, writes, and closes.
type mountEditor struct {
	c        *contest
	who      string
	path     string
	f        *os.File
	was, now string
	lost     bool // it could not be opened: no more steps
}

func (e *mountEditor) step() bool {
	switch {
	case e.lost:
		return true
	case e.f == nil:
		e.open()
	case e.now == "":
		e.write()
	default:
		e.close()
		return true
	}
	return false
}

// open may have to be done again: a file that is replaced all the time is
// not there all the time.
func (e *mountEditor) open() {
	for try := 0; ; try++ {
		f, err := os.OpenFile(e.path, os.O_RDWR, 0)
		if err == nil {
			e.f = f
			break
		}
		if try == 100 || !errors.Is(err, syscall.ENOENT) && !errors.Is(err, syscall.ESTALE) && !errors.Is(err, syscall.EBUSY) {
			e.c.fail("%s: %v", e.who, err)
			e.lost = true
			return
		}
	}
	b := make([]byte, versionSize)
	if _, err := e.f.ReadAt(b, 0); err != nil {
		e.c.fail("%s: %v", e.who, err)
	}
	e.was = string(b)
	e.c.note("%s opens %q", e.who, e.was)
}

func (e *mountEditor) write() {
	e.now = e.c.version(e.who)
	if _, err := e.f.WriteAt([]byte(e.now), 0); err != nil {
		e.c.fail("%s: %v", e.who, err)
	}
	e.c.note("%s writes %q", e.who, e.now)
}

func (e *mountEditor) close() {
	err := e.f.Close()
	e.c.note("%s closes %q: %v", e.who, e.now, err)
	switch {
	case err == nil:
		e.c.saved(e.now, e.was)
	case errors.Is(err, syscall.ESTALE):
		e.c.refused(e.now)
	default:
		e.c.fail("%s: %v", e.who, err)
	}
	e.f, e.was, e.now = nil, "", ""
}

// hostEditor edits on the host, each time in one step.
type hostEditor struct {
	c *contest
	r *rand.Rand
}

func (e *hostEditor) step() bool {
	edit := e.replace
	if e.r.IntN(2) == 0 {
		edit = e.overwrite
	}
	if err := edit(filepath.Join(e.c.dir, e.c.name)); err != nil {
		e.c.fail("host: %v", err)
	}
	return true
}

// replace puts another file in its place, and sees what it replaces.
func (e *hostEditor) replace(path string) error {
	mine, now := filepath.Join(e.c.dir, "mine-"+e.c.name), e.c.version("host")
	if err := os.WriteFile(mine, []byte(now), 0o644); err != nil {
		return err
	}
	defer os.Remove(mine)
	if err := unix.Renameat2(unix.AT_FDCWD, mine, unix.AT_FDCWD, path, unix.RENAME_EXCHANGE); err != nil {
		return err
	}
	was, err := os.ReadFile(mine)
	e.c.note("host replaces %q by %q", was, now)
	e.c.saved(now, string(was))
	return err
}

// overwrite writes to it in place. If it is another file just after that, the
// write may have come too late.
func (e *hostEditor) overwrite(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	was, now := make([]byte, versionSize), e.c.version("host")
	if _, err := f.ReadAt(was, 0); err != nil {
		return err
	}
	if _, err := f.WriteAt([]byte(now), 0); err != nil {
		return err
	}
	mine, err := f.Stat()
	if err != nil {
		return err
	}
	still, err := os.Stat(path)
	if err == nil && os.SameFile(mine, still) {
		e.c.note("host overwrites %q with %q", was, now)
		e.c.saved(now, string(was))
	}
	return err
}
