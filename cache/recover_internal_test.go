package cache

import "testing"

// TestSuperseded: of two records of a file that were both flushed only the newer
// is of use, if it followed the other in the same mount.
func TestSuperseded(t *testing.T) {
	first := record{Path: []byte("f"), Flushed: true}
	newer := record{Path: []byte("f"), Flushed: true, After: true}
	for name, c := range map[string]struct {
		next []record
		want bool
	}{
		"newer":            {[]record{newer}, true},
		"of another file":  {[]record{{Path: []byte("g"), Flushed: true, After: true}}, false},
		"of another mount": {[]record{{Path: []byte("f"), Flushed: true}}, false},
		"not flushed":      {[]record{{Path: []byte("f"), After: true}}, false},
		"a removal":        {[]record{{Kind: removing, Path: []byte("f"), Flushed: true, After: true}}, false},
		"alone":            {nil, false},
	} {
		if got := superseded(first, c.next); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
