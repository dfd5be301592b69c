package cache

import (
	"bytes"
	"encoding/gob"
	"testing"
)

// FuzzDecodeTree: whatever is read, nothing but directories with paths of ours
// comes of it.
func FuzzDecodeTree(f *testing.F) {
	var b bytes.Buffer
	enc := gob.NewEncoder(&b)
	for _, v := range []any{
		savedHead{Root: Entry{Attr: Attr{Ino: 2}}},
		savedDir{Self: Entry{Attr: Attr{Ino: 2}}, Entries: []Entry{{Name: "d", Attr: Attr{Ino: 3}}}},
		savedDir{Path: "d"},
		savedDir{Path: "../d"},
	} {
		if err := enc.Encode(v); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(b.Bytes())
	f.Add(b.Bytes()[:b.Len()-5])
	f.Fuzz(func(t *testing.T, text []byte) {
		tree := newTree(100)
		_ = decodeTree(bytes.NewReader(text), "", func(h savedHead) { tree.learnRoot(h.Root) }, func(s savedDir) {
			if s.Path != "" && !validPath(s.Path) {
				t.Errorf("the path %q", s.Path)
			}
			tree.learnSaved(s)
		})
	})
}
