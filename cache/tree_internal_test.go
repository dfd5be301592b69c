package cache

import (
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// model is a host whose only changes are ours, a tree that is told of them,
// and answers of the host that are under way meanwhile. Then whatever the
// tree claims to know must be true.
type model struct {
	t       *testing.T
	tree    *tree
	files   map[string]Attr // of all paths; "" is the root
	clock   int64
	answers []func()
}

func newModel(t *testing.T, limit int) *model {
	m := &model{t: t, tree: newTree(limit), files: map[string]Attr{}}
	m.files[""] = m.attr(syscall.S_IFDIR)
	m.tree.learn("", 0, Entry{Attr: m.files[""]}, time.Now())
	return m
}

// attr makes attributes of a new file.
func (m *model) attr(kind uint32) Attr {
	m.clock++
	return Attr{Mode: kind | 0o755, Nlink: 1, Dev: 1, Ino: uint64(m.clock), Mtime: m.clock, Ctime: m.clock}
}

// entered says that names in the directory of a path have changed.
func (m *model) entered(path string) {
	dir, _ := split(path)
	m.clock++
	a := m.files[dir]
	a.Mtime, a.Ctime = m.clock, m.clock
	m.files[dir] = a
}

// tell has the host tell, with most answers, what the directory of a path is now.
func (m *model) tell(paths ...string) {
	for _, p := range paths {
		if dir, _ := split(p); m.clock%3 != 0 {
			m.tree.tell(p, above{m.files[dir], momentOf(time.Now())})
		}
	}
}

func (m *model) isDir(path string) bool { return isDir(m.files[path]) }

// below are the paths of what is below a path, and of itself.
func (m *model) below(path string) []string {
	var all []string
	for p := range m.files {
		if p == path || strings.HasPrefix(p, path+"/") {
			all = append(all, p)
		}
	}
	return all
}

func (m *model) exists(path string) bool { _, ok := m.files[path]; return ok }

func (m *model) add(path string, kind uint32) {
	dir, _ := split(path)
	if m.exists(path) || !m.isDir(dir) {
		return
	}
	m.files[path] = m.attr(kind)
	m.entered(path)
	m.tell(path)
	m.tree.put(path, Entry{Attr: m.files[path]})
}

func (m *model) remove(path string) {
	if !m.exists(path) || len(m.below(path)) > 1 {
		return
	}
	delete(m.files, path)
	m.entered(path)
	m.tell(path)
	m.tree.remove(path)
}

func (m *model) setattr(path string) {
	a, ok := m.files[path]
	if !ok {
		return
	}
	m.clock++
	a.Ctime = m.clock
	m.files[path] = a
	m.tree.put(path, Entry{Attr: a})
}

// store gives a file a new inode, as a store does.
func (m *model) store(path string) {
	if !m.exists(path) || m.isDir(path) {
		return
	}
	m.files[path] = m.attr(syscall.S_IFREG)
	m.entered(path)
	m.tell(path)
	m.tree.put(path, Entry{Attr: m.files[path]})
}

// carry moves what is at a path and below.
func (m *model) carry(from, to string) {
	for _, p := range m.below(from) {
		m.files[to+p[len(from):]] = m.files[p]
		delete(m.files, p)
	}
}

func (m *model) rename(from, to string) {
	dir, _ := split(to)
	if !m.exists(from) || from == to || !m.isDir(dir) || strings.HasPrefix(to+"/", from+"/") {
		return
	}
	if m.exists(to) && (m.isDir(from) != m.isDir(to) || len(m.below(to)) > 1) {
		return
	}
	m.carry(from, to)
	m.entered(from)
	m.entered(to)
	m.clock++
	a := m.files[to]
	a.Ctime = m.clock
	m.files[to] = a
	m.tell(from, to)
	m.tree.move(from, to, a)
}

func (m *model) exchange(from, to string) {
	if !m.exists(from) || !m.exists(to) || strings.HasPrefix(to+"/", from+"/") || strings.HasPrefix(from+"/", to+"/") {
		return
	}
	done := m.tree.exchange(from, to)
	m.stat(from) // the answers to these may come at any time
	m.list(to)
	m.carry(from, "\x00")
	m.carry(to, from)
	m.carry("\x00", to)
	m.entered(from)
	m.entered(to)
	m.answer(len(m.answers) / 2)
	m.stat(to)
	m.answer(len(m.answers) - 1)
	done(true)
}

// stat and list ask the host; the answer comes later.
func (m *model) stat(path string) {
	stamp, at := m.tree.stamp(), time.Now()
	a, ok := m.files[path]
	if ok {
		m.answers = append(m.answers, func() { m.tree.learn(path, stamp, Entry{Attr: a}, at) })
	}
}

func (m *model) list(dir string) {
	if !m.isDir(dir) {
		return
	}
	stamp, at := m.tree.stamp(), time.Now()
	self := Entry{Attr: m.files[dir]}
	var all []Entry
	for p, a := range m.files {
		if above, name := split(p); above == dir && p != "" {
			all = append(all, Entry{Name: name, Attr: a})
		}
	}
	m.answers = append(m.answers, func() { m.tree.learnList(dir, stamp, self, all, at) })
}

// answer delivers an answer, in any order.
func (m *model) answer(i int) {
	if len(m.answers) == 0 {
		return
	}
	i %= len(m.answers)
	m.answers[i]()
	m.answers = slices.Delete(m.answers, i, i+1)
}

// step makes one operation of two bytes, on paths of at most three names.
func (m *model) step(op, arg byte, other byte) {
	p, q := pathOf(arg), pathOf(other)
	m.t.Logf("%2d %s %s", op%12, p, q)
	switch op % 12 {
	case 0:
		m.add(p, syscall.S_IFDIR)
	case 1:
		m.add(p, syscall.S_IFREG)
	case 2:
		m.remove(p)
	case 3:
		m.rename(p, q)
	case 4:
		m.exchange(p, q)
	case 5:
		m.setattr(p)
	case 6:
		m.store(p)
	case 7:
		m.stat(p)
	case 8, 9:
		dir, _ := split(p)
		m.list(dir)
	case 10:
		m.answer(int(arg))
	case 11:
		if other%2 == 0 {
			m.tree.expire(p)
		} else {
			m.tree.forget(p)
		}
	}
}

// pathOf makes one of 26 paths: a name for each of up to three digits.
func pathOf(b byte) string {
	path := ""
	for n := b % 27; n > 0; n /= 3 {
		path = join(path, string('a'+rune(n%3)))
	}
	if path == "" {
		return "a"
	}
	return path
}

// check compares all that the tree claims with what is.
func (m *model) check(step int) {
	m.t.Helper()
	for b := range byte(27) {
		p := pathOf(b)
		e, k := m.tree.lookup(p, time.Time{}, time.Time{})
		want, ok := m.files[p]
		if k == known && (!ok || e.Attr != want) || k == absent && ok {
			m.t.Fatalf("step %d: the tree says %d of %s: %+v; there is (%t) %+v", step, k, p, e.Attr, ok, want)
		}
		all, full := m.tree.list(p, time.Time{}, time.Time{})
		for _, e := range all {
			if _, ok := m.files[join(p, e.Name)]; !ok || e.Attr.Ino == 0 {
				m.t.Fatalf("step %d: %s is listed in %s: %+v", step, e.Name, p, e.Attr)
			}
		}
		if full && len(all) != m.children(p) {
			m.t.Fatalf("step %d: %d names are listed in %s, there are %d", step, len(all), p, m.children(p))
		}
	}
	if n := m.tree.root.nodes(); n != m.tree.count {
		m.t.Fatalf("step %d: the tree has %d nodes and counts %d", step, n, m.tree.count)
	}
}

func (m *model) children(dir string) int {
	n := 0
	for p := range m.files {
		if above, _ := split(p); above == dir && p != "" {
			n++
		}
	}
	return n
}

func (n *node) nodes() int {
	all := 1
	for _, k := range n.kids() {
		all += k.nodes()
	}
	return all
}

// Answers to changes in one directory come in another order than the changes were
// made in, and what was told of it then is not believed; nor what was told of
// another directory, or asked for before a change of which nothing was told.
func TestToldOfDirectory(t *testing.T) {
	dir := func(ctime int64) Attr {
		return Attr{Mode: syscall.S_IFDIR | 0o755, Nlink: 2, Dev: 1, Ino: 1, Ctime: ctime}
	}
	file := func(ino uint64) Entry { return Entry{Attr: Attr{Mode: syscall.S_IFREG, Nlink: 1, Dev: 1, Ino: ino}} }
	other := dir(9)
	other.Ino = 2
	nothing := Attr{}
	for name, c := range map[string]struct {
		told []Attr // of the changes, in the order of their answers
		want int64  // its ctime; 0: not known
	}{
		"in order":                  {[]Attr{dir(2), dir(3)}, 3},
		"the other way":             {[]Attr{dir(3), dir(2)}, 0},
		"in one tick":               {[]Attr{dir(2), dir(2)}, 0},
		"another directory":         {[]Attr{other}, 0},
		"nothing":                   {[]Attr{nothing}, 0},
		"nothing of a newer change": {[]Attr{nothing, dir(2)}, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			tree := newTree(100)
			tree.learn("", 0, Entry{Attr: dir(1)}, time.Now())
			asked := time.Now() // for all of them
			for i, a := range c.told {
				time.Sleep(time.Second)
				path := string(rune('a' + i))
				if a != nothing {
					tree.tell(path, above{a, momentOf(asked)})
				}
				tree.put(path, file(uint64(10+i)))
			}
			e, k := tree.lookup("", time.Time{}, time.Time{})
			if got := map[bool]int64{true: e.Attr.Ctime}[k == known]; got != c.want {
				t.Errorf("%s: known is the directory of time %d, want %d", name, got, c.want)
			}
			if len(tree.above) > 0 {
				t.Errorf("%s: left is %v", name, tree.above)
			}
			time.Sleep(time.Second)
			tree.tell("z", above{dir(10), momentOf(time.Now())})
			tree.put("z", file(100))
			if _, k := tree.lookup("", time.Time{}, time.Time{}); k != known {
				t.Errorf("%s: the next change is not believed", name)
			}
		})
	}
}

func FuzzTree(f *testing.F) {
	f.Add(byte(100), []byte{0, 1, 0, 1, 4, 0, 8, 1, 0, 10, 0, 0, 3, 1, 2, 7, 2, 0, 10, 0, 0})
	f.Add(byte(4), []byte("the quick brown fox jumps over the lazy dog, and again and again"))
	f.Fuzz(func(t *testing.T, limit byte, ops []byte) {
		m := newModel(t, int(limit))
		for i := 0; i+2 < min(len(ops), 600); i += 3 {
			m.step(ops[i], ops[i+1], ops[i+2])
			m.check(i)
		}
	})
}
