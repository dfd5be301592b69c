package cache

import (
	"math/rand/v2"
	"testing"
)

// TestRanges compares a set of spans with one of single bytes.
func TestRanges(t *testing.T) {
	const size = 64
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		var r ranges
		var model [size]bool
		for range 12 {
			s := randomSpan(rnd, size)
			r.add(s)
			for i := s.Off; i < s.End; i++ {
				model[i] = true
			}
			checkRanges(t, seed, r, model[:], randomSpan(rnd, size))
			gone := randomSpan(rnd, size)
			r.remove(gone)
			for i := gone.Off; i < gone.End; i++ {
				model[i] = false
			}
			checkRanges(t, seed, r, model[:], randomSpan(rnd, size))
		}
	}
}

func randomSpan(rnd *rand.Rand, size int64) span {
	off := rnd.Int64N(size)
	return span{off, off + rnd.Int64N(min(size-off, 10)+1)}
}

func checkRanges(t *testing.T, seed uint64, r ranges, model []bool, ask span) {
	t.Helper()
	var n int64
	for i, in := range model {
		one := span{int64(i), int64(i) + 1}
		if r.has(one) != in {
			t.Fatalf("seed %d: byte %d: got %v, want %v (%v)", seed, i, r.has(one), in, r)
		}
		if in {
			n++
		}
	}
	if r.bytes() != n {
		t.Fatalf("seed %d: %d bytes, want %d (%v)", seed, r.bytes(), n, r)
	}
	for i := 1; i < len(r); i++ {
		if r[i].Off <= r[i-1].End {
			t.Fatalf("seed %d: spans touch: %v", seed, r)
		}
	}
	gaps := map[int64]bool{}
	for _, g := range r.missing(ask) {
		for i := g.Off; i < g.End; i++ {
			gaps[i] = true
		}
	}
	for i := ask.Off; i < ask.End; i++ {
		if gaps[i] == model[i] {
			t.Fatalf("seed %d: missing of %v wrong at %d (%v)", seed, ask, i, r)
		}
	}
}
