package e2e_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// crashFile is what is known of a file of a writer.
type crashFile struct {
	durable []byte // what the last successful close or fsync promised; nil: nothing
	now     []byte // what it has for the programs that use it
	dirty   bool   // now is more than was promised
}

// crashModel is what a writer's directory must have, by name.
type crashModel map[string]crashFile

// after is the model once a call has been done.
func (m crashModel) after(op crashOp) crashModel {
	next := maps.Clone(m)
	f := next[op.Name]
	switch op.Kind {
	case "open":
		if f.durable == nil || op.Trunc {
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
	}
	next[op.Name] = f
	return next
}

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
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if wrong := m[name].check(name, dir); wrong != "" {
			return wrong
		}
	}
	return ""
}

// checkAfter is check with a call that may have been done, or, as the kernel
// splits long ones, a part of a write.
func (m crashModel) checkAfter(op crashOp, dir map[string][]byte, wrong string) string {
	also := m.after(op).check(dir)
	if also == "" {
		return ""
	}
	for _, b := range dir {
		part := op
		part.Len = int64(common(b[min(op.Off, int64(len(b))):], op.bytes()))
		if op.Kind == "write" && m.after(part).check(dir) == "" {
			return ""
		}
	}
	return wrong + "\nor, with the call that was under way: " + also
}

// common is how many bytes two contents have in common at their beginning.
func common(a, b []byte) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

func (f crashFile) check(name string, dir map[string][]byte) string {
	want := f.durable
	if f.durable == nil && f.dirty {
		want = f.now
	}
	got, there := dir[name]
	switch {
	case !there && want == nil:
	case !there:
		return fmt.Sprintf("%s is not there, %s was promised", name, short(want))
	case want == nil:
		return fmt.Sprintf("%s is there again: %s", name, short(got))
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
	return fmt.Sprintf("%d bytes [% x]", len(b), b[:min(4, len(b))])
}
