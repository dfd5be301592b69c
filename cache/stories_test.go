package cache_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/scpfs/scpfs/cache"
)

// TestKilledAtRandom is TestKilledBetweenLines after stories that are made up:
// files are saved, moved over each other and removed, first on a host that hears
// of all, then on one that does not answer. The number of a story repeats it.
func TestKilledAtRandom(t *testing.T) {
	first, count := uint64(0), uint64(60)
	if s := os.Getenv("SCPFS_STORIES"); s != "" {
		if _, err := fmt.Sscanf(s, "%d+%d", &first, &count); err != nil {
			t.Fatalf("SCPFS_STORIES=%q is not FIRST+COUNT", s)
		}
	}
	for n := first; n < first+count && !t.Failed(); n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			for lines, more := 0, true; more && !t.Failed(); lines++ {
				more = tell(t, n, lines)
			}
		})
	}
}

// story is what has happened so far, and what the host is to have of it.
type story struct {
	w     *world
	r     *rand.Rand
	files map[string]string
	said  []string
	texts int
	open  []*cache.Handle
}

// tell makes up a story up to its end, of which so many lines are in the log. It
// reports whether the end has more.
func tell(t *testing.T, number uint64, lines int) (more bool) {
	w := newWorld(t, func(o *cache.Options) { o.WriteBack = true })
	s := &story{w: w, r: rand.New(rand.NewPCG(number, 0)), files: map[string]string{}}
	w.mkdir("d")
	for _, name := range []string{"a", "b", "d/a"} {
		s.files[name] = s.text()
		w.put(name, s.files[name])
	}
	for name, text := range s.files {
		w.want(name, text)
	}
	for range s.r.IntN(4) {
		s.goOn()
	}
	w.sent()
	name, stored := s.name(), s.r.IntN(2) == 0
	s.files[name] = s.text()
	s.note("save %s, silence, stored: %v", name, stored)
	w.saveInVain([]saved{{name, s.files[name]}}, stored)
	for range s.r.IntN(4) {
		s.goOn()
	}
	before := maps.Clone(s.files)
	more = w.killedAfter(lines, s.change, s.open...)
	w.open()
	w.sent()
	if got := w.files(); !maps.Equal(got, before) && !maps.Equal(got, s.files) {
		t.Errorf("%s; after %d lines the host has %v instead of %v or %v", strings.Join(s.said, "; "), lines, got, before, s.files)
	}
	w.close()
	return more
}

// goOn saves a file, and changes one.
func (s *story) goOn() {
	s.w.t.Helper()
	s.save()
	if err := s.change(); err != nil {
		s.w.t.Fatalf("%s: %v", strings.Join(s.said, "; "), err)
	}
}

func (s *story) note(format string, args ...any) {
	s.said = append(s.said, fmt.Sprintf(format, args...))
}

func (s *story) name() string { return []string{"a", "b", "c", "d/a", "d/b"}[s.r.IntN(5)] }

// text is one of a size that no other has.
func (s *story) text() string {
	s.texts++
	return strings.Repeat(fmt.Sprint(s.texts%10), s.texts)
}

// save writes a file anew, and now and then leaves it open.
func (s *story) save() {
	name, text := s.name(), s.text()
	h := s.w.openFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	s.w.write(h, text, 0)
	s.w.flush(h)
	s.files[name] = text
	if s.r.IntN(3) == 0 {
		s.note("save %s, open", name)
		s.open = append(s.open, h)
		return
	}
	s.note("save %s", name)
	h.Release()
}

// change renames or removes a file.
func (s *story) change() error {
	from, to, remove := s.name(), s.name(), s.r.IntN(4) == 0
	text, there := s.files[from]
	switch {
	case !there || from == to && !remove:
		return nil
	case remove:
		s.note("remove %s", from)
		delete(s.files, from)
		return s.w.Unlink(s.w.t.Context(), from)
	}
	s.note("rename %s %s", from, to)
	delete(s.files, from)
	s.files[to] = text
	return s.w.Rename(s.w.t.Context(), from, to, 0)
}
