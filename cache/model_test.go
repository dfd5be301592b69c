package cache_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// model is what a host may have: names, and what they are of by number, which two
// models have in common.
type model struct {
	names  map[string]int
	things map[int]thing
}

// thing is a file, a directory or a symbolic link.
type thing struct {
	kind byte // 'f', 'd' or 'l'
	mode uint32
	text string // of a link, where it points
}

// anyText is the text of a file that was being written: it may have other
// attributes as well, which wait for the host with the text.
const anyText = "*"

func (m model) clone() model { return model{maps.Clone(m.names), maps.Clone(m.things)} }

// at is what has a name; its kind is 0 if nothing has.
func (m model) at(path string) thing {
	if path == "" {
		return thing{kind: 'd'}
	}
	n, ok := m.names[path]
	if !ok {
		return thing{}
	}
	return m.things[n]
}

// room tells whether a name can be given.
func (m model) room(path string) bool { return m.at(above(path)).kind == 'd' }

func above(path string) string {
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return path[:i]
	}
	return ""
}

// inside are the names in a directory, and those in them.
func (m model) inside(dir string) []string {
	var all []string
	for name := range m.names {
		if strings.HasPrefix(name, dir+"/") {
			all = append(all, name)
		}
	}
	return all
}

// paths are all names of some kinds, in order.
func (m model) paths(kinds string) []string {
	var all []string
	for name := range m.names {
		if strings.IndexByte(kinds, m.at(name).kind) >= 0 {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

// rename is rename(2) as far as a kernel lets it come to us.
func (m model) rename(from, to string) bool {
	src, dst := m.at(from), m.at(to)
	switch {
	case src.kind == 0, !m.room(to), dst.kind != 0 && (src.kind == 'd') != (dst.kind == 'd'), dst.kind == 'd' && len(m.inside(to)) > 0:
		return false
	}
	for _, name := range append(m.inside(from), from) {
		m.names[to+strings.TrimPrefix(name, from)] = m.names[name]
		delete(m.names, name)
	}
	return true
}

// write gives a file other contents.
func (m model) write(path, text string) { m.set(m.names[path], text) }

func (m model) set(number int, text string) {
	t := m.things[number]
	t.text = text
	m.things[number] = t
}

// lines say what there is, a name each.
func (m model) lines() map[string]string {
	all := map[string]string{}
	for name := range m.names {
		all[name] = m.at(name).String()
	}
	return all
}

func (t thing) String() string { return fmt.Sprintf("%c %03o %s", t.kind, t.mode, t.text) }

// is tells whether that is what the host has.
func (m model) is(there map[string]string) bool {
	return maps.EqualFunc(m.lines(), there, func(want, got string) bool {
		return got == want || strings.HasSuffix(want, " "+anyText) && got[0] == want[0]
	})
}
