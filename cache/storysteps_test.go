package cache_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/scpfs/scpfs/cache"
)

// step is one of a story.
type step struct {
	say   string
	do    func() error
	moves bool // names
	// to makes a model one of what is there after it. It reports whether that can be.
	to func(m model) bool
	// half makes that one of what is there if it ends in the middle.
	half func(m model)
}

// step makes one up that a kernel would let come to us, by what is likely to be
// there.
func (s *story) step() step {
	for {
		if o, ok := s.draw(); ok {
			return o
		}
	}
}

func (s *story) draw() (step, bool) {
	switch n := s.r.IntN(24); {
	case n < 6:
		return s.save(s.name("f"))
	case n < 8:
		return s.append(s.name("f"))
	case n < 10:
		return s.goOnWriting()
	case n < 15:
		return s.rename(s.name("fdl"), s.name("fdl"))
	case n < 18:
		return s.remove(s.name("fl"))
	case n < 19:
		return s.mkdir(s.name("d"))
	case n < 20:
		return s.rmdir(s.name("d"))
	case n < 22:
		return s.chmod(s.name("fd"))
	case n < 23:
		return s.truncate(s.name("f"))
	default:
		return s.symlink(s.name("l"))
	}
}

// name is one that is there, most often, and is of one of some kinds then.
func (s *story) name(kinds string) string {
	m := s.may[0]
	if all := m.paths(kinds); len(all) > 0 && s.r.IntN(3) > 0 {
		return all[s.r.IntN(len(all))]
	}
	dirs := append(m.paths("d"), "")
	return path.Join(dirs[s.r.IntN(len(dirs))], string("abcde"[s.r.IntN(5)]))
}

// save writes a file anew. Now and then it stays open.
func (s *story) save(path string) (step, bool) {
	if k := s.may[0].at(path).kind; k != 0 && k != 'f' {
		return step{}, false
	}
	text, keep := s.text(), s.r.IntN(3) == 0 && len(s.may) == 1
	s.count++
	number := s.count
	o := step{say: "save " + path}
	o.do = func() error {
		h, err := s.w.tryOpen(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
		if err != nil {
			return err
		}
		if err := put(h, text, 0); err != nil || !keep {
			h.Release()
			return err
		}
		s.note("open")
		s.open = append(s.open, opened{h, cmp.Or(s.may[0].names[path], number)})
		return nil
	}
	o.to = func(m model) bool {
		t := m.at(path)
		switch {
		case t.kind == 0 && m.room(path):
			m.names[path] = number
			m.things[number] = thing{'f', 0o644, text}
			return true
		case t.kind == 'f':
			m.write(path, text)
			return true
		}
		return false
	}
	o.half = func(m model) { m.write(path, "") }
	if !s.back { // nothing is kept of what was closed in vain before
		o.half = func(m model) { m.write(path, anyText) }
	}
	return o, true
}

// put writes to an open file, up to a promise.
func put(h *cache.Handle, text string, off int64) error {
	if _, err := h.WriteAt(context.Background(), []byte(text), off); err != nil {
		return err
	}
	return h.Flush(context.Background())
}

// append writes at the end of a file.
func (s *story) append(path string) (step, bool) {
	if s.may[0].at(path).kind != 'f' {
		return step{}, false
	}
	text := s.text()
	return step{
		say: "append to " + path,
		do: func() error {
			h, err := s.w.tryOpen(path, os.O_WRONLY)
			if err != nil {
				return err
			}
			defer h.Release()
			return put(h, text, h.Attr().Size)
		},
		to: func(m model) bool {
			if m.at(path).kind != 'f' {
				return false
			}
			m.write(path, m.at(path).text+text)
			return true
		},
		half: func(m model) { m.write(path, anyText) },
	}, true
}

// goOnWriting uses a file that is open: it is written to, brought to the host, or
// closed.
func (s *story) goOnWriting() (step, bool) {
	if len(s.open) == 0 {
		return step{}, false
	}
	i := s.r.IntN(len(s.open))
	h := s.open[i]
	still := func(model) bool { return true }
	switch s.r.IntN(4) {
	case 0:
		s.open = slices.Delete(s.open, i, i+1)
		return step{say: fmt.Sprint("close file ", h.thing), do: func() error { h.Release(); return nil }, to: still}, true
	case 1:
		return step{say: fmt.Sprint("sync file ", h.thing), do: func() error { return h.Fsync(context.Background()) }, to: still}, true
	}
	text := s.text()
	return step{
		say:  fmt.Sprint("write on to file ", h.thing),
		do:   func() error { return put(h.Handle, text, h.Attr().Size) },
		to:   func(m model) bool { m.set(h.thing, m.things[h.thing].text+text); return true },
		half: func(m model) { m.set(h.thing, anyText) },
	}, true
}

func (s *story) rename(from, to string) (step, bool) {
	m := s.may[0]
	src, dst := m.at(from), m.at(to)
	if from == to || strings.HasPrefix(to, from+"/") || strings.HasPrefix(from, to+"/") || src.kind == 0 || dst.kind != 0 && (src.kind == 'd') != (dst.kind == 'd') {
		return step{}, false
	}
	var flags uint32
	o := step{say: fmt.Sprintf("rename %s %s", from, to), moves: true}
	if s.r.IntN(8) == 0 {
		flags = cache.NoReplace
		o.say += " if that is free"
	}
	o.do = func() error { return s.w.Rename(context.Background(), from, to, flags) }
	o.to = func(m model) bool { return (flags == 0 || m.at(to).kind == 0) && m.rename(from, to) }
	return o, true
}

func (s *story) remove(path string) (step, bool) {
	if k := s.may[0].at(path).kind; k == 0 || k == 'd' {
		return step{}, false
	}
	return step{
		say:   "remove " + path,
		moves: true,
		do:    func() error { return s.w.Unlink(context.Background(), path) },
		to: func(m model) bool {
			k := m.at(path).kind
			delete(m.names, path)
			return k != 0
		},
	}, true
}

func (s *story) mkdir(path string) (step, bool) {
	if s.may[0].at(path).kind != 0 {
		return step{}, false
	}
	s.count++
	return s.make(path, thing{'d', 0o755, ""}, "mkdir", func() error {
		_, err := s.w.Mkdir(context.Background(), path, 0o755)
		return err
	})
}

func (s *story) symlink(path string) (step, bool) {
	target := s.text()
	return s.make(path, thing{'l', 0o777, target}, "symlink", func() error {
		_, err := s.w.Symlink(context.Background(), target, path)
		return err
	})
}

// make is a step that makes something that was not there.
func (s *story) make(path string, t thing, how string, do func() error) (step, bool) {
	if s.may[0].at(path).kind != 0 {
		return step{}, false
	}
	s.count++
	number := s.count
	return step{say: how + " " + path, do: do, to: func(m model) bool {
		if m.at(path).kind != 0 || !m.room(path) {
			return false
		}
		m.names[path], m.things[number] = number, t
		return true
	}}, true
}

func (s *story) rmdir(path string) (step, bool) {
	if s.may[0].at(path).kind != 'd' {
		return step{}, false
	}
	return step{
		say: "rmdir " + path,
		do:  func() error { return s.w.Rmdir(context.Background(), path) },
		to: func(m model) bool {
			if m.at(path).kind != 'd' || len(m.inside(path)) > 0 {
				return false
			}
			delete(m.names, path)
			return true
		},
	}, true
}

func (s *story) chmod(path string) (step, bool) {
	if k := s.may[0].at(path).kind; k != 'f' && k != 'd' {
		return step{}, false
	}
	mode := []uint32{0o700, 0o711, 0o750}[s.r.IntN(3)]
	return step{
		say: fmt.Sprintf("chmod %o %s", mode, path),
		do: func() error {
			e, err := s.w.Lookup(context.Background(), path)
			if err != nil {
				return err
			}
			_, err = s.w.Setattr(context.Background(), path, e.Attr.Ino, cache.Change{Mode: &mode})
			return err
		},
		to: func(m model) bool {
			n, ok := m.names[path]
			if !ok {
				return false
			}
			t := m.things[n]
			t.mode = mode
			m.things[n] = t
			return true
		},
	}, true
}

func (s *story) truncate(path string) (step, bool) {
	if s.may[0].at(path).kind != 'f' {
		return step{}, false
	}
	size := s.r.IntN(20)
	return step{
		say: fmt.Sprintf("truncate %s to %d", path, size),
		do: func() error {
			e, err := s.w.Lookup(context.Background(), path)
			if err != nil {
				return err
			}
			_, err = s.w.Truncate(context.Background(), path, e.Attr.Ino, int64(size))
			return err
		},
		to: func(m model) bool {
			t := m.at(path)
			if t.kind != 'f' {
				return false
			}
			m.write(path, (t.text + strings.Repeat("\x00", size))[:size])
			return true
		},
		half: func(m model) { m.write(path, anyText) },
	}, true
}

// seen is what is seen here, as the lines of a model.
func (w *world) seen() (map[string]string, error) {
	all := map[string]string{}
	return all, w.seeIn("", all)
}

func (w *world) seeIn(dir string, all map[string]string) error {
	entries, err := w.Readdir(context.Background(), dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name)
		if err := w.see(name, e.Attr, all); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (w *world) see(name string, a cache.Attr, all map[string]string) error {
	t := thing{mode: a.Mode & 0o777}
	var err error
	switch a.Mode & syscall.S_IFMT {
	case syscall.S_IFDIR:
		t.kind = 'd'
		err = w.seeIn(name, all)
	case syscall.S_IFLNK:
		t.kind = 'l'
		t.text, err = w.Readlink(context.Background(), name)
	default:
		t.kind = 'f'
		t.text, err = w.textOf(name)
	}
	all[name] = t.String()
	return err
}

// textOf is what is in a file.
func (w *world) textOf(name string) (string, error) {
	h, err := w.tryOpen(name, os.O_RDONLY)
	if errors.Is(err, syscall.ESTALE) {
		h, err = w.tryOpen(name, os.O_RDONLY) // as kernels do
	}
	if err != nil {
		return "", err
	}
	defer h.Release()
	b := make([]byte, h.Attr().Size)
	n, err := h.ReadAt(context.Background(), b, 0)
	return string(b[:n]), err
}

// things are what the host has, as the lines of a model.
func (w *world) things() map[string]string {
	w.t.Helper()
	all := map[string]string{}
	w.make(filepath.WalkDir(w.dir, func(name string, d os.DirEntry, err error) error {
		rel, _ := filepath.Rel(w.dir, name)
		if err != nil || rel == "." {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		t := thing{mode: uint32(fi.Mode().Perm())}
		switch {
		case fi.IsDir():
			t.kind = 'd'
		case fi.Mode()&os.ModeSymlink != 0:
			t.kind = 'l'
			t.text, err = os.Readlink(name)
		default:
			t.kind, t.text = 'f', w.there(rel)
		}
		all[rel] = t.String()
		return err
	}))
	return all
}
