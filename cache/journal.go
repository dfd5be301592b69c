package cache

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path"
	"slices"
	"sort"
	"strings"
)

// record says, on the disk, that an object holds something the host does not
// have yet. It is written before the first changed byte, and removed when
// the host has everything. Names are bytes, not text.
type record struct {
	Object  string     // its name in the log, and that of the contents
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
	Target  []byte   `json:",omitempty"` // of a symbolic link
	Set     *Change  `json:",omitempty"` // attributes
}

const recordSuffix = ".json"

// note writes the record of an object, in the place of an older one.
func (d *disk) note(r record) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	name := path.Join("log", r.Object+recordSuffix)
	tmp := path.Join("log", r.Object+".new")
	sum := fmt.Appendf(nil, "%08x ", crc32.ChecksumIEEE(text))
	if err := d.root.WriteFile(tmp, append(sum, text...), 0o600); err != nil {
		return err
	}
	return d.root.Rename(tmp, name)
}

// syncNote brings the record of an object to the disk, so that it is there after
// the machine has lost its power.
func (d *disk) syncNote(object string) error {
	f, err := d.root.Open(path.Join("log", object+recordSuffix))
	if err != nil {
		return err
	}
	defer f.Close()
	dir, err := d.root.Open("log")
	if err != nil {
		return err
	}
	defer dir.Close()
	return errors.Join(f.Sync(), dir.Sync())
}

// unnote removes the record of an object.
func (d *disk) unnote(object string) {
	err := d.root.Remove(path.Join("log", object+recordSuffix))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		d.log.Warn("a record of the log cannot be removed", "object", object, "err", err)
	}
}

// records reads the log. A damaged record is reported and set aside; its
// object stays too.
func (d *disk) records() ([]record, error) {
	dir, err := d.root.Open("log")
	if err != nil {
		return nil, err
	}
	names, err := dir.Readdirnames(-1)
	dir.Close()
	if err != nil {
		return nil, err
	}
	sort.Strings(names)
	var all []record
	for _, name := range names {
		if strings.HasSuffix(name, ".new") {
			d.removeNew(name)
		}
		if !strings.HasSuffix(name, recordSuffix) {
			continue
		}
		r, err := d.readRecord(path.Join("log", name))
		if err != nil {
			d.log.Warn("a record of unsent changes is damaged; its contents are kept",
				"dir", d.dir, "object", strings.TrimSuffix(name, recordSuffix), "err", err)
			r = record{Object: strings.TrimSuffix(name, recordSuffix)}
		}
		all = append(all, r)
	}
	slices.SortStableFunc(all, func(a, b record) int { return cmp.Compare(a.Seq, b.Seq) })
	return all, nil
}

// removeNew removes a record that was not written to its end.
func (d *disk) removeNew(name string) {
	if err := d.root.Remove(path.Join("log", name)); err != nil {
		d.log.Warn("a file of the log cannot be removed", "dir", d.dir, "name", name, "err", err)
	}
}

func (d *disk) readRecord(name string) (record, error) {
	f, err := d.root.Open(name)
	if err != nil {
		return record{}, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 64<<10))
	if err != nil {
		return record{}, err
	}
	return decodeRecord(b)
}

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
	strange := func(temp []byte) bool { return !validTemp(string(temp)) }
	if r.Object == "" || strings.ContainsAny(r.Object, "/.") || !validPath(string(r.Path)) || slices.ContainsFunc(r.Temps, strange) {
		return record{}, errors.New("a name that cannot be")
	}
	if r.Kind != storing && !r.whole() {
		return record{}, errors.New("a change that is none")
	}
	return r, nil
}

// whole tells whether a record has what a change of its kind needs.
func (r record) whole() bool {
	switch r.Kind {
	case making, removing:
		return true
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
