package scpio_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/scpfs/scpfs/scpio"
	"github.com/scpfs/scpfs/scpio/scptest"
)

// outcome is what a batch told of a step.
type outcome struct {
	attr scpio.Attr
	err  error
}

// batch makes changes and checks that each is reported once, in turn.
func (r *remote) batch(ctx context.Context, t *testing.T, steps []scpio.Step) ([]outcome, error) {
	t.Helper()
	var all []outcome
	err := r.Batch(ctx, steps, func(i int, a scpio.Attr, err error) {
		if i != len(all) {
			t.Errorf("step %d is reported after %d others", i, len(all))
		}
		all = append(all, outcome{a, err})
	})
	if len(all) != len(steps) {
		t.Fatalf("%d of %d steps are reported", len(all), len(steps))
	}
	return all, err
}

// firstError makes changes, and gives the first that went wrong.
func firstError(ctx context.Context, c *scpio.Client, steps []scpio.Step) (at int, first error) {
	at = len(steps)
	err := c.Batch(ctx, steps, func(i int, _ scpio.Attr, err error) {
		if err != nil && first == nil {
			at, first = i, err
		}
	})
	return at, cmp.Or(first, err)
}

// storing is a step that stores a text.
func storing(path, text string, expect scpio.Attr) scpio.Step {
	return scpio.Step{Op: "store", Path: path, Upload: scpio.Upload{
		Contents: strings.NewReader(text), Size: int64(len(text)),
		Mode: 0o640, Mtime: 1700000000123456789, Atime: 1700000001e9, Expect: expect,
	}}
}

// testBatch makes one of each.
func testBatch(t *testing.T, r *remote) {
	r.write(t, "old", "old")
	r.write(t, "gone", "")
	r.mkdir(t, "empty")
	steps := []scpio.Step{
		{Op: "mkdir", Path: "d", Mode: 0o750},
		storing("d/a b", "contents of a", scpio.Attr{}),
		storing("d/'\n", "", scpio.Attr{}),
		storing("d/large", strings.Repeat("x", 128<<10), scpio.Attr{}),
		storing("d/setgid", "s", scpio.Attr{}),
		{Op: "symlink", Path: "d/link", Target: "a 'b\n"},
		{Op: "mkdir", Path: "d/e", Mode: 0o700},
		storing("d/e/f", "f", scpio.Attr{}),
		storing("old", "new", r.stat(t, "old")),
		{Op: "rename", Path: "d/e", To: "e"},
		storing("e/g", "g", scpio.Attr{}),
		{Op: "remove", Path: "gone"},
		{Op: "rmdir", Path: "empty"},
		{Op: "setattr", Path: "e/g", Change: scpio.Change{Mode: new(uint32(0o600)), Mtime: new(int64(5e9))}},
	}
	steps[4].Upload.Mode = 0o2755
	got, err := r.batch(t.Context(), t, steps)
	check(t, err)
	for i, s := range steps {
		check(t, got[i].err)
		if s.Op == "store" && i != 10 && !strings.HasPrefix(s.Path, "d/e/") && !same(got[i].attr, r.attrOf(t, s.Path)) {
			t.Errorf("%s: got %+v, want %+v", s.Path, got[i].attr, r.attrOf(t, s.Path))
		}
	}
	if got := r.read(t, "d/a b") + r.read(t, "d/'\n") + r.read(t, "e/f") + r.read(t, "old") + r.read(t, "e/g"); got != "contents of afnewg" {
		t.Errorf("read %q", got)
	}
	if n := len(r.read(t, "d/large")); n != 128<<10 {
		t.Errorf("the large one has %d bytes", n)
	}
	if a := got[1].attr; a.Mode != syscall.S_IFREG|0o640 || a.Mtime != r.mtime(1700000000123456789) {
		t.Errorf("mode %o, mtime %d", a.Mode, a.Mtime)
	}
	if a := got[4].attr; a.Mode != syscall.S_IFREG|0o2755 {
		t.Errorf("mode %o", a.Mode)
	}
	if got[9].attr.Ino != r.attrOf(t, "e").Ino || got[0].attr.Mode != syscall.S_IFDIR|0o750 {
		t.Errorf("got %+v, %+v", got[9].attr, got[0].attr)
	}
	if st := r.lstat(t, "e/g"); st.Mode&0o777 != 0o600 || st.Mtim.Sec != 5 {
		t.Errorf("mode %o, mtime %d", st.Mode, st.Mtim.Sec)
	}
	if got := r.names(t) + ": " + r.namesIn(t, "d") + ": " + r.namesIn(t, "e"); got != "d e old: '\n a b large link setgid: f g" {
		t.Errorf("there are %q", got)
	}
}

// namesIn are the names in a directory.
func (r *remote) namesIn(t *testing.T, dir string) string {
	t.Helper()
	return (&remote{dir: r.path(dir)}).names(t)
}

// testBatchRefused has steps that the host refuses among others.
func testBatchRefused(t *testing.T, r *remote) {
	r.write(t, "file", "foreign")
	r.write(t, "stale", "ours")
	stale := r.stat(t, "stale")
	r.write(t, "stale", "theirs")
	// The contents would do harm if anything took them for commands.
	evil := strings.Repeat("C0644 3 evil\nabc\x00E\ntouch evil\n", 30)
	steps := []scpio.Step{
		storing("1", "1", scpio.Attr{}),
		storing("file", evil, scpio.Attr{}),
		storing("stale", evil, stale),
		storing("2", "2", scpio.Attr{}),
		storing("missing/a", evil, scpio.Attr{}),
		storing("missing/b", evil, scpio.Attr{}),
		storing("file/c", evil, scpio.Attr{}),
		{Op: "mkdir", Path: "file"},
		{Op: "remove", Path: "missing"},
		{Op: "nothing", Path: "3"},
		storing(strings.Repeat("x", 300), evil, scpio.Attr{}),
		storing(strings.Repeat("y", 5000), evil, scpio.Attr{}),
		storing("4", "4", scpio.Attr{}),
	}
	want := []error{nil, scpio.ErrChanged, scpio.ErrChanged, nil, syscall.ENOENT, syscall.ENOENT, syscall.ENOTDIR,
		syscall.EEXIST, syscall.ENOENT, syscall.EINVAL, syscall.ENAMETOOLONG, syscall.ENAMETOOLONG, nil}
	got, err := r.batch(t.Context(), t, steps)
	check(t, err)
	for i, w := range want {
		if !errors.Is(got[i].err, w) || w == nil && got[i].err != nil {
			t.Errorf("step %d, %s %.20s: %v, want %v", i, steps[i].Op, steps[i].Path, got[i].err, w)
		}
	}
	if names := r.names(t); names != "1 2 4 file stale" {
		t.Errorf("there are %s", names)
	}
	if r.read(t, "file") != "foreign" || r.read(t, "stale") != "theirs" {
		t.Errorf("now they have %.20q and %.20q", r.read(t, "file"), r.read(t, "stale"))
	}
}

// testBatchMany has more steps than may be under way at a time.
func testBatchMany(t *testing.T, r *remote) {
	var steps []scpio.Step
	for d := range 8 {
		dir := fmt.Sprint("d", d)
		steps = append(steps, scpio.Step{Op: "mkdir", Path: dir, Mode: 0o755})
		for f := range 20 {
			steps = append(steps, storing(fmt.Sprint(dir, "/", f), strings.Repeat(fmt.Sprint(d, f), 10<<10), scpio.Attr{}))
		}
		steps = append(steps, scpio.Step{Op: "setattr", Path: dir, Change: scpio.Change{Mtime: new(int64(1e9))}})
	}
	for f := range 400 {
		steps = append(steps, scpio.Step{Op: "remove", Path: fmt.Sprint("none", f)})
	}
	got, err := r.batch(t.Context(), t, steps)
	check(t, err)
	for i, s := range steps {
		switch {
		case s.Op == "remove":
			wantErrno(t, "remove", got[i].err, syscall.ENOENT)
		case got[i].err != nil:
			t.Fatal(s.Path, got[i].err)
		case s.Op == "store" && int64(len(r.read(t, s.Path))) != s.Upload.Size:
			t.Errorf("%s has %d bytes", s.Path, len(r.read(t, s.Path)))
		case s.Op == "setattr" && r.lstat(t, s.Path).Mtim.Sec != 1:
			t.Errorf("%s was touched afterwards", s.Path)
		}
	}
}

// TestBatchCut cuts the connection somewhere in a batch: what it says of each
// step is so, and nothing else is left.
func TestBatchCut(t *testing.T) {
	for _, host := range hosts {
		t.Run(host.name, func(t *testing.T) {
			t.Parallel()
			srv := host.start(t)
			for _, d := range []scptest.Direction{scptest.Up, scptest.Down} {
				for range 6 {
					cutBatch(t, srv, d)
				}
			}
		})
	}
}

func cutBatch(t *testing.T, srv *scptest.Server, d scptest.Direction) {
	t.Helper()
	r, link := through(t, srv, scptest.LinkOptions{}, scpio.Options{Shells: 1})
	r.stat(t, "") // the shell is there
	steps := make([]scpio.Step, 40)
	for i := range steps {
		steps[i] = storing(fmt.Sprint("f", i), strings.Repeat(fmt.Sprint(i%10), 10<<10), scpio.Attr{})
	}
	link.CutAfter(rand.Int64N(map[scptest.Direction]int64{scptest.Up: 400 << 10, scptest.Down: 8 << 10}[d]), d)
	got, err := r.batch(t.Context(), t, steps)
	await(t, "no temporary name is left", func() bool { return !strings.Contains(r.names(t), ".scpfs") })
	for i, o := range got {
		b, _ := os.ReadFile(r.path(steps[i].Path))
		whole := string(b) == strings.Repeat(fmt.Sprint(i%10), 10<<10)
		switch {
		case o.err == nil && !whole:
			t.Errorf("step %d is not what was stored: %d bytes", i, len(b))
		case errors.Is(o.err, scpio.ErrNotDone) && b != nil:
			t.Errorf("step %d was executed", i)
		case o.err != nil && !errors.Is(o.err, scpio.ErrNotDone) && !errorsIsOneOf(o.err, syscall.ENOTCONN):
			t.Errorf("step %d: %v", i, o.err)
		case b != nil && !whole:
			t.Errorf("step %d left %d bytes", i, len(b))
		}
	}
	if last := got[len(got)-1].err; (last == nil) != (err == nil) {
		t.Errorf("the last step says %v, the batch %v", last, err)
	}
}

// TestBatchOnHostThatDies: of a batch in the middle of which the host is killed
// nothing is left once what has the names of the uploads without an answer is
// removed, also if the first of them had one.
func TestBatchOnHostThatDies(t *testing.T) {
	srv := scptest.Start(t)
	r, _ := through(t, srv, scptest.LinkOptions{}, scpio.Options{Shells: 1})
	steps := make([]scpio.Step, 120)
	for i := range steps {
		steps[i] = storing(fmt.Sprint("f", i), "text", scpio.Attr{})
		steps[i].Upload.Temp = fmt.Sprint(".scpfs-of-this-test-", i)
	}
	var left []string
	_ = r.Batch(t.Context(), steps, func(i int, _ scpio.Attr, err error) {
		if i == 0 {
			srv.Stop()
		}
		if err != nil {
			left = append(left, steps[i].Upload.Temp)
		}
	})
	srv.Restart()
	for _, temp := range left {
		check(t, r.Discard(t.Context(), temp))
	}
	if names := r.names(t); strings.Contains(names, ".scpfs") {
		t.Errorf("%d uploads had no answer; left are %s", len(left), names)
	}
}

// scpInstead makes a host whose scp is a script that may run $scp, and that lacks
// programs.
func scpInstead(t *testing.T, script string, lacks ...string) scptest.Option {
	t.Helper()
	env, dir := farm(t)
	for _, name := range lacks {
		check(t, os.Remove(filepath.Join(dir, name)))
	}
	real, err := filepath.EvalSymlinks(filepath.Join(dir, "scp"))
	check(t, err)
	check(t, os.Remove(filepath.Join(dir, "scp")))
	check(t, os.WriteFile(filepath.Join(dir, "scp"), []byte("#!/bin/sh\nscp="+real+"\n"+script), 0o755))
	return env
}

// TestBatchRefusedRecord has a sink that refuses the first file of a stream,
// and takes its contents for records then.
func TestBatchRefusedRecord(t *testing.T) {
	r := newRemote(t, scptest.Start(t, scpInstead(t, `
for dir; do :; done
case $* in *-d*) ln -s /nowhere/0 "$dir/0";; esac
exec $scp "$@"
`, "perl")), scpio.Options{})
	evil := strings.Repeat("C0644 3 evil\nabc\x00C0644 3 ../evil\nabc\x00D0755 0 evil\nE\ntouch evil\n", 30)
	steps := []scpio.Step{{Op: "mkdir", Path: "d", Mode: 0o755}}
	for i := range 3 {
		steps = append(steps, storing(fmt.Sprint("d/", i), evil, scpio.Attr{}))
	}
	steps = append(steps, scpio.Step{Op: "rename", Path: "d", To: "e"})
	at, err := firstError(t.Context(), r.Client, steps)
	if err != nil {
		t.Fatalf("step %d: %v", at, err)
	}
	if r.read(t, "e/0") != evil || r.read(t, "e/2") != evil {
		t.Error("the contents differ")
	}
	if got := r.names(t) + ": " + r.namesIn(t, "e"); got != "e: 0 1 2" {
		t.Errorf("there are %s", got)
	}
}

// TestBatchSinkFails has a sink that takes nothing: each step says so, or that
// it was not executed.
func TestBatchSinkFails(t *testing.T) {
	r := newRemote(t, scptest.Start(t, scpInstead(t, `
printf '\0'
head -c 50 >/dev/null
printf '\001scp: 1: No space left on device\n'
exit 1
`, "perl")), scpio.Options{})
	steps := []scpio.Step{{Op: "mkdir", Path: "d", Mode: 0o755}}
	for i := range 6 {
		steps = append(steps, storing(fmt.Sprint("d/", i), "contents", scpio.Attr{}))
	}
	got, err := r.batch(t.Context(), t, steps)
	check(t, err)
	check(t, got[0].err)
	wantErrno(t, "the first store", got[1].err, syscall.ENOSPC)
	wantErrno(t, "the last one", got[6].err, syscall.ECANCELED)
	if got := r.namesIn(t, "d"); got != "" {
		t.Errorf("there are %s", got)
	}
	r.stat(t, "d")
}

// TestBatchCancelled ends a batch in the middle.
func TestBatchCancelled(t *testing.T) {
	r := newRemote(t, scptest.Start(t), scpio.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	steps := make([]scpio.Step, 1000)
	for i := range steps {
		steps[i] = storing(fmt.Sprint("f", i), "contents", scpio.Attr{})
	}
	steps[300].Upload.Contents = cancelling{0, cancel}
	got, err := r.batch(ctx, t, steps)
	wantErrno(t, "the batch", err, syscall.EINTR)
	wantErrno(t, "the last step", got[999].err, syscall.ECANCELED)
	await(t, "no temporary name is left", func() bool { return !strings.Contains(r.names(t), ".scpfs") })
	r.stat(t, "")
}
