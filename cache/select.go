package cache

import (
	"slices"
	"strings"
	"syscall"
	"time"
)

// candidate is a file worth fetching ahead.
type candidate struct {
	path string
	attr Attr
}

// small picks small regular files of a region, as far as listings were learned
// since the moment, in the order of their paths: from one on, and then those
// before it, until enough are picked.
func (t *tree) small(r region, path string, since time.Time, pick func(candidate) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, n, _ := t.findLocked(r.root)
	if n == nil {
		return
	}
	s := selection{region: r, since: since, pick: pick}
	s.from = path
	if s.visit(r.root, n) {
		s.from, s.to = "", path
		s.visit(r.root, n)
	}
}

// selection is a walk through files in the order of their paths: after one
// path, and until it comes to another.
type selection struct {
	region
	since    time.Time
	from, to string
	pick     func(candidate) bool
}

// visit walks a directory. It reports whether to go on.
func (s *selection) visit(dir string, n *node) bool {
	names := n.names()
	for _, name := range names[s.first(dir, names):] {
		p, k := join(dir, name), n.kids()[name]
		if s.to != "" && p >= s.to {
			return false
		}
		worth := k.isSmall() && k.at > momentOf(s.since)
		if worth && p != s.from && !s.pick(candidate{p, k.attr()}) || s.deep && !s.visit(p, k) {
			return false
		}
	}
	return true
}

// first is where to begin in a directory.
func (s *selection) first(dir string, names []string) int {
	if s.from == "" || !below(s.from, dir) {
		return 0
	}
	rest := strings.TrimPrefix(strings.TrimPrefix(s.from, dir), "/")
	name, _, _ := strings.Cut(rest, "/")
	i, _ := slices.BinarySearch(names, name)
	return i
}

// isSmall tells whether a file comes whole, if there is anything in it.
func (n *node) isSmall() bool {
	return n.size > 0 && n.size <= smallFile && n.common.Value().mode&syscall.S_IFMT == syscall.S_IFREG
}
