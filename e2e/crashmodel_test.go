package e2e_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
)

// crashFile is what is known of a file of a writer. A directory is one
// without contents, with a slash at the end of its name.
type crashFile struct {
	durable []byte // what the last successful close or fsync promised; nil: nothing
	now     []byte // what it has for the programs that use it
	dirty   bool   // now is more than was promised
}

func (f crashFile) exists() bool { return f.durable != nil || f.dirty }

func (f crashFile) equal(g crashFile) bool {
	return f.dirty == g.dirty && (f.durable == nil) == (g.durable == nil) && bytes.Equal(f.durable, g.durable) && bytes.Equal(f.now, g.now)
}

// crashModel is what a writer's directory must have, by name.
type crashModel map[string]crashFile

// after is the model once a call has been done.
func (m crashModel) after(op crashOp) crashModel {
	next := maps.Clone(m)
	f := next[op.Name]
	switch op.Kind {
	case "open":
		switch {
		case op.Excl: // it is made on the host at once
			f = crashFile{durable: []byte{}, now: []byte{}}
		case op.Trunc || !f.exists():
			f.now, f.dirty = []byte{}, true
		}
	case "write":
		f.now = written(f.now, op)
		f.dirty = true
	case "fsync", "close":
		f.durable, f.dirty = f.now, false
	case "rename":
		next[op.To] = f
		f = crashFile{}
	case "unlink":
		f = crashFile{}
	case "mkdir":
		f = crashFile{durable: []byte{}}
	}
	next[op.Name] = f
	if !f.exists() {
		delete(next, op.Name)
	}
	return next
}

// admits tells whether a call can have ended as it did where the model is
// true.
func (m crashModel) admits(op crashOp) bool {
	f := m[op.Name]
	switch {
	case op.Errno == syscall.EEXIST:
		return f.exists()
	case op.Errno == syscall.ENOENT, op.Kind == "open" && op.Excl && op.Errno == 0:
		return !f.exists()
	case op.Kind == "rename" && op.Errno == 0:
		return f.exists()
	case op.Kind == "open" && op.Errno == 0 && !op.Trunc:
		return int64(len(f.now)) == op.Size && sum(f.now) == op.Sum
	}
	return true
}

// settled is the model when everything was sent.
func (m crashModel) settled() crashModel {
	next := maps.Clone(m)
	for name, f := range next {
		if f.dirty {
			next[name] = crashFile{durable: f.now, now: f.now}
		}
	}
	return next
}

func (m crashModel) equal(n crashModel) bool { return maps.EqualFunc(m, n, crashFile.equal) }

// written is a copy of contents with a write in it.
func written(b []byte, op crashOp) []byte {
	w := make([]byte, max(int64(len(b)), op.Off+op.Len))
	copy(w, b)
	copy(w[op.Off:], op.bytes())
	return w
}

// check compares a directory with the model: "" says that it is as it has to
// be. What was promised is there, whole; what was written since is there under
// the name of a new file, or else as a copy beside the old one.
func (m crashModel) check(dir map[string][]byte) string {
	for _, name := range slices.Sorted(maps.Keys(dir)) {
		if !m[name].exists() && !strings.Contains(name, ".recovered-") {
			return fmt.Sprintf("%s is there: %s", name, short(dir[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if wrong := m[name].check(name, dir); wrong != "" {
			return wrong
		}
	}
	return ""
}

func (f crashFile) check(name string, dir map[string][]byte) string {
	want := f.durable
	if f.durable == nil && f.dirty {
		want = f.now
	}
	got, there := dir[name]
	switch {
	case !there:
		return fmt.Sprintf("%s is not there, %s was promised", name, short(want))
	case !bytes.Equal(got, want):
		return fmt.Sprintf("%s has %s, %s was promised (%s since)", name, short(got), short(want), short(f.now))
	}
	if f.dirty && f.durable != nil && !f.copied(name, dir) {
		return fmt.Sprintf("there is no copy of %s with %s; there are %q", name, short(f.now), slices.Sorted(maps.Keys(dir)))
	}
	return ""
}

func (f crashFile) copied(name string, dir map[string][]byte) bool {
	for other, b := range dir {
		if strings.HasPrefix(other, name+".recovered-") && bytes.Equal(b, f.now) {
			return true
		}
	}
	return false
}

func short(b []byte) string {
	if b == nil {
		return "nothing"
	}
	return fmt.Sprintf("%d bytes [% x..., %08x]", len(b), b[:min(4, len(b))], sum(b))
}
