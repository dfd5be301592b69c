package e2e_test

import (
	"fmt"
	"slices"
	"syscall"
)

// crashWorlds are the models of which one is true: of a call that was
// interrupted nobody can say whether it has been done.
type crashWorlds struct {
	models []crashModel
	torn   []torn // writes that were interrupted
}

// torn is a write of which any part may have been done, as the kernel splits
// long ones.
type torn struct {
	before []crashModel
	op     crashOp
}

// interrupted are the errors of calls that may have been done all the same.
var interrupted = []syscall.Errno{
	syscall.ENOTCONN, syscall.ETIMEDOUT, syscall.ECONNREFUSED, syscall.ECONNRESET,
	syscall.ECONNABORTED, syscall.EHOSTUNREACH, syscall.EINTR, syscall.EPIPE,
}

// take takes in that a call has ended, perhaps while the program was being killed: then
// the kernel says EIO of a request that it cannot copy to or from who is dying
// (fuse_dev_do_read in fs/fuse/dev.c). It returns what cannot be.
func (w *crashWorlds) take(op crashOp, dying bool) string {
	switch {
	case op.Errno == 0:
		return w.keep(op, true)
	case op.harmless(), op.Errno == syscall.EEXIST:
		return w.keep(op, false)
	case op.Errno == syscall.EIO && (dying || op.Kind == "write"): // a write that was done in part
	case !slices.Contains(interrupted, op.Errno):
		return fmt.Sprintf("an error that nothing explains: %v", op)
	}
	if op.Kind == "write" {
		w.torn = append(w.torn, torn{w.models, op})
	}
	for _, m := range slices.Clone(w.models) {
		w.add(m.after(op))
	}
	return ""
}

// keep keeps the models in which the call can have ended so.
func (w *crashWorlds) keep(op crashOp, done bool) string {
	was := w.models
	w.models = nil
	for _, m := range was {
		switch {
		case !m.admits(op):
		case done:
			w.add(m.after(op))
		default:
			w.add(m)
		}
	}
	if len(w.models) > 0 {
		return ""
	}
	w.models = was
	return fmt.Sprintf("%v, but there was %s (one of %d possibilities)", op, short(was[0][op.Name].now), len(was))
}

func (w *crashWorlds) add(m crashModel) {
	if !slices.ContainsFunc(w.models, m.equal) {
		w.models = append(w.models, m)
	}
}

// settle takes in that everything was sent.
func (w *crashWorlds) settle() {
	was := w.models
	w.models, w.torn = nil, nil
	for _, m := range was {
		w.add(m.settled())
	}
}

// check finds a model that a directory agrees with: "" says that there is
// one.
func (w *crashWorlds) check(dir map[string][]byte) string {
	wrong := check(w.models, dir)
	for _, t := range w.torn {
		for _, b := range dir {
			part := t.op
			part.Len = int64(common(b[min(part.Off, int64(len(b))):], part.bytes()))
			var models []crashModel
			for _, m := range t.before {
				m = m.after(part)
				models = append(models, m, m.after(crashOp{Kind: "close", Name: part.Name})) // which follows
			}
			if wrong != "" && check(models, dir) == "" {
				return ""
			}
		}
	}
	return wrong
}

func check(models []crashModel, dir map[string][]byte) string {
	var all string
	for _, m := range models {
		wrong := m.check(dir)
		if wrong == "" {
			return ""
		}
		all += "\n" + wrong
	}
	return all[1:]
}

// common is how many bytes two contents have in common at their beginning.
func common(a, b []byte) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}
