package cache

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
)

// record says, in the log, that an object holds something the host does not
// have yet, or what else was changed. It is written before the first changed
// byte, and ended by one that says it is of no use any more, when the host has
// everything. Names are bytes, not text.
type record struct {
	Object  string     // its name in the log, and that of the contents
	Ended   bool       `json:",omitempty"` // there is nothing to say of Object any more
	Seq     uint64     // the order in which changes were made
	Kind    changeKind `json:",omitempty"`
	Path    []byte
	Base    Attr // the version the changes are based on; Ino 0: there was no file
	Mode    uint32
	Mtime   int64    // 0: the object's own
	Flushed bool     // the program has closed or synced the file
	Sum     []byte   `json:",omitempty"` // of contents that are not changed, perhaps, see mapped.go
	Temps   [][]byte `json:",omitempty"` // names of uploads, see temp.go
	After   bool     `json:",omitempty"` // another record has what the path had before, flushed
	Over    *Attr    `json:",omitempty"` // with Base.Ino 0: the version whose place it takes
	Tried   []trial  `json:",omitempty"` // uploads whose answer was lost
	To      []byte   `json:",omitempty"` // of a rename; Over with Ino 0: there was nothing
	Target  []byte   `json:",omitempty"` // of a symbolic link
	Set     *Change  `json:",omitempty"` // attributes
}

// encode is the record as a line of the log.
func (r record) encode() ([]byte, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%08x %s\n", crc32.ChecksumIEEE(text), text), nil
}

// decodeRecord reads a line of the log, without its end.
func decodeRecord(b []byte) (record, error) {
	var r record
	var sum uint32
	if len(b) < 9 {
		return r, errors.New("too short")
	}
	if _, err := fmt.Sscanf(string(b[:9]), "%08x ", &sum); err != nil || sum != crc32.ChecksumIEEE(b[9:]) {
		return r, errors.New("wrong checksum")
	}
	if err := json.Unmarshal(b[9:], &r); err != nil {
		return r, err
	}
	if r.Ended && validObject(r.Object) {
		return record{Object: r.Object, Ended: true}, nil
	}
	strange := func(temp []byte) bool { return !validTemp(string(temp)) }
	if !validObject(r.Object) || !validPath(string(r.Path)) || slices.ContainsFunc(r.Temps, strange) {
		return record{}, errors.New("a name that cannot be")
	}
	if r.Kind != storing && !r.whole() {
		return record{}, errors.New("a change that is none")
	}
	return r, nil
}

func validObject(name string) bool { return name != "" && !strings.ContainsAny(name, "/.\x00") }

// whole tells whether a record has what a change of its kind needs.
func (r record) whole() bool {
	switch r.Kind {
	case making, removing, unmaking:
		return true
	case renaming:
		return validPath(string(r.To)) && r.Over != nil
	case symlinking:
		return len(r.Target) > 0
	case setting:
		return r.Set != nil
	}
	return false
}

// validPath tells whether a path is one that the cache makes: relative,
// without empty, "." or ".." components.
func validPath(p string) bool {
	if p == "" || strings.ContainsRune(p, 0) {
		return false
	}
	for c := range strings.SplitSeq(p, "/") {
		if c == "" || c == "." || c == ".." {
			return false
		}
	}
	return true
}
