package cache

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"
)

// Whatever an index holds, what comes of it can be used: and the lines before
// the damage count.
func FuzzReadIndex(f *testing.F) {
	a := Attr{Ino: 7, Size: 3}
	good := append(line{Start: "boot"}.encode(), line{Object: "abc", Attr: &a, Racy: true}.encode()...)
	good = append(good, line{Alias: 5, Dev: 1, Ino: 2}.encode()...)
	f.Add([]byte(nil))
	f.Add(good)
	f.Add(append(line{Gone: "abc"}.encode(), line{Clean: true}.encode()...))
	f.Add([]byte("00000000 {}\n"))
	f.Add([]byte("{\"object\":\"../x\",\"attr\":{}}\n{\"alias\":18446744073709551615,\"ino\":2}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		usable(t, readIndex(bytes.NewReader(b)))
		usable(t, readIndex(bytes.NewReader(checksummed(b))))
		c := readIndex(bytes.NewReader(append(bytes.Clone(good), b...)))
		if c.start == "" || len(c.aliases) == 0 {
			t.Errorf("lines before the damage were lost: %+v", c)
		}
	})
}

// checksummed gives each line the checksum that it needs to be read.
func checksummed(b []byte) []byte {
	var all []byte
	for text := range bytes.Lines(b) {
		text = bytes.TrimSuffix(text, []byte("\n"))
		all = fmt.Appendf(all, "%08x %s\n", crc32.ChecksumIEEE(text), text)
	}
	return all
}

// usable checks what was read from an index.
func usable(t *testing.T, c contents) {
	t.Helper()
	for name, s := range c.objects {
		if name == "" || name != s.name || strings.ContainsAny(name, "/.") || s.attr.Size < 0 {
			t.Errorf("%q: %+v", name, s)
		}
	}
	ino := newInodes(1)
	for _, l := range c.aliases {
		ino.restore(fileID{l.Dev, l.Ino}, l.Alias)
	}
	if n, m := ino.fresh(), ino.fresh(); n >= m || n < firstOwn {
		t.Errorf("after the aliases %v new numbers are %d and %d", c.aliases, n, m)
	}
}

func FuzzDecodeRecord(f *testing.F) {
	encode := func(text []byte) []byte { return append(fmt.Appendf(nil, "%08x ", crc32.ChecksumIEEE(text)), text...) }
	for _, r := range []record{
		{Object: "abc", Path: []byte("dir/\xff\n"), Mode: 0o644, Flushed: true, Base: Attr{Ino: 3}},
		{Object: "../abc", Path: []byte("f")},
		{Object: "abc", Path: []byte("a/../b")},
		{Object: "abc", Path: []byte("f"), Temps: [][]byte{[]byte("../.scpfs-x")}},
	} {
		text, err := json.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if _, err := decodeRecord(text); err == nil && !bytes.Equal(text, encode(text[9:])) {
			t.Error("a record with a wrong checksum was taken")
		}
		r, err := decodeRecord(encode(text))
		if err != nil {
			return
		}
		p := "/" + string(r.Path) + "/"
		if r.Ended {
			p = "/ended/"
		}
		if r.Object == "" || strings.ContainsAny(r.Object, "/.\x00") || strings.ContainsAny(p, "\x00") || strings.Contains(p, "//") || strings.Contains(p, "/../") || strings.Contains(p, "/./") {
			t.Errorf("taken: %+v", r)
		}
		again, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeRecord(encode(again))
		if err != nil {
			t.Fatal(err)
		}
		// An empty list may become none.
		if third, err := json.Marshal(got); err != nil || !bytes.Equal(third, again) {
			t.Errorf("%s became %s, %v", again, third, err)
		}
	})
}
