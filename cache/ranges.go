package cache

import (
	"cmp"
	"slices"
	"sort"
)

// span is the bytes of a file from Off up to but not including End.
type span struct{ Off, End int64 }

// everything is a span that no file is longer than.
var everything = span{0, 1<<63 - 1}

// ranges is a set of bytes of a file: spans in order that do not touch.
type ranges []span

// wholeOf is every byte of a file of a size.
func wholeOf(size int64) ranges {
	if size == 0 {
		return nil
	}
	return ranges{{0, size}}
}

// add puts the bytes of a span in.
func (r *ranges) add(s span) {
	if s.Off >= s.End {
		return
	}
	// The spans from i to j touch s and become one with it.
	i, _ := slices.BinarySearchFunc(*r, s.Off, func(t span, off int64) int { return cmp.Compare(t.End, off) })
	j := i
	for j < len(*r) && (*r)[j].Off <= s.End {
		s.Off, s.End = min(s.Off, (*r)[j].Off), max(s.End, (*r)[j].End)
		j++
	}
	*r = slices.Replace(*r, i, j, s)
}

// remove takes the bytes of a span out.
func (r *ranges) remove(s span) {
	if s.Off >= s.End {
		return
	}
	i := r.after(s.Off)
	j := i
	var rest []span // of the spans from i to j
	for j < len(*r) && (*r)[j].Off < s.End {
		t := (*r)[j]
		if t.Off < s.Off {
			rest = append(rest, span{t.Off, s.Off})
		}
		if t.End > s.End {
			rest = append(rest, span{s.End, t.End})
		}
		j++
	}
	*r = slices.Replace(*r, i, j, rest...)
}

// after is the place of the first span that ends after an offset.
func (r ranges) after(off int64) int {
	return sort.Search(len(r), func(i int) bool { return r[i].End > off })
}

// has tells whether all bytes of a span are in.
func (r ranges) has(s span) bool { return s.Off >= s.End || r.from(s.Off) >= s.End }

// from is the end of the bytes that are in from off on without a gap: off
// itself if that one is missing.
func (r ranges) from(off int64) int64 {
	if i := r.after(off); i < len(r) && r[i].Off <= off {
		return r[i].End
	}
	return off
}

// missing are the parts of a span that are not in.
func (r ranges) missing(s span) []span {
	var gaps []span
	for _, t := range r[r.after(s.Off):] {
		if t.Off >= s.End {
			break
		}
		if t.Off > s.Off {
			gaps = append(gaps, span{s.Off, t.Off})
		}
		s.Off = t.End
	}
	if s.Off < s.End {
		gaps = append(gaps, s)
	}
	return gaps
}

// bytes is how many are in.
func (r ranges) bytes() int64 {
	var n int64
	for _, t := range r {
		n += t.End - t.Off
	}
	return n
}
