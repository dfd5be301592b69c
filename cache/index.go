package cache

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strings"
)

// line is one line of the index. The index is a log: it is appended to when
// something changes, and written anew, under a new name that then takes its
// place, when it is opened and when most of it is history. Each line carries
// a checksum. Whatever is damaged costs clean contents that can be fetched
// again, never anything else.
type line struct {
	Start  string `json:"start,omitempty"`  // the first line: the boot of the machine it was written in
	Clean  bool   `json:"clean,omitempty"`  // the last line after an unmount: all objects are on the disk
	Object string `json:"object,omitempty"` // holds the version Attr
	Attr   *Attr  `json:"attr,omitempty"`
	Racy   bool   `json:"racy,omitempty"`
	Have   ranges `json:"have,omitempty"` // of the contents; missing: all
	Gone   string `json:"gone,omitempty"` // an object that is removed
	Alias  uint64 `json:"alias,omitempty"`
	Dev    uint64 `json:"dev,omitempty"` // with Alias: the file that has the number
	Ino    uint64 `json:"ino,omitempty"`
}

const indexName = "index"

func (l line) encode() []byte {
	text, err := json.Marshal(l)
	if err != nil {
		panic(err) // plain numbers and names of ours
	}
	return fmt.Appendf(nil, "%08x %s\n", crc32.ChecksumIEEE(text), text)
}

func decodeLine(b []byte) (line, error) {
	var l line
	var sum uint32
	head, text, ok := bytes.Cut(bytes.TrimSuffix(b, []byte("\n")), []byte(" "))
	if _, err := fmt.Sscanf(string(head), "%08x", &sum); err != nil || !ok || sum != crc32.ChecksumIEEE(text) {
		return l, errors.New("a damaged line")
	}
	return l, json.Unmarshal(text, &l)
}

// line is the note of an object.
func (s stored) line() line {
	l := line{Object: s.name, Attr: &s.attr, Racy: s.racy}
	if !s.have.has(span{0, s.attr.Size}) {
		l.Have = s.have
	}
	return l
}

// stored is the object of a note.
func (l line) stored() stored {
	s := stored{l.Object, *l.Attr, wholeOf(l.Attr.Size), l.Racy}
	if l.Have != nil {
		s.have = nil
		for _, r := range l.Have {
			s.have.add(span{max(r.Off, 0), min(r.End, l.Attr.Size)})
		}
	}
	return s
}

// contents is what an index says.
type contents struct {
	objects map[string]stored
	order   []string // of objects, as last noted
	aliases []line   // as noted
	start   string
	clean   bool
}

// maxLine is more than any line has, in bytes: maxSpans take less than half of
// it.
const maxLine = 1 << 20

// maxSpans bounds what is kept of contents that are not complete. A reader at
// random makes many spans.
const maxSpans = 1 << 13

// readIndex reads an index up to its first damaged line.
func readIndex(r io.Reader) contents {
	c := contents{objects: map[string]stored{}}
	br := bufio.NewReaderSize(r, maxLine)
	for {
		b, err := br.ReadSlice('\n')
		if err != nil {
			return c
		}
		l, err := decodeLine(b)
		if err != nil {
			return c
		}
		c.apply(l)
	}
}

func (c *contents) apply(l line) {
	c.clean = l.Clean
	switch {
	case l.Start != "":
		c.start = l.Start
	case l.Object != "" && l.Attr != nil && l.Attr.Size >= 0 && !strings.ContainsAny(l.Object, "/."):
		c.objects[l.Object] = l.stored()
		c.order = append(c.order, l.Object)
	case l.Gone != "":
		delete(c.objects, l.Gone)
	case l.Alias != 0:
		c.aliases = append(c.aliases, l)
	}
}

// load takes the index in. Objects in use by the log are not for it, and
// files that neither knows are removed. After a crash of the whole machine
// nothing is trusted that was not known to be on the disk.
func (d *disk) load(logged map[string]bool, ino *inodes) error {
	c := contents{}
	if f, err := d.root.Open(indexName); err == nil {
		c = readIndex(f)
		f.Close()
	}
	for _, l := range c.aliases {
		ino.restore(fileID{l.Dev, l.Ino}, l.Alias)
	}
	if c.start == bootID() || c.clean {
		for _, name := range c.order {
			d.restore(c.objects[name], logged)
		}
	}
	if err := d.sweep(logged); err != nil {
		return err
	}
	return d.rewrite(ino)
}

func (d *disk) restore(s stored, logged map[string]bool) {
	if s.name == "" || logged[s.name] {
		return
	}
	st, err := d.objects.Lstat(s.name)
	if err != nil || !st.Mode().IsRegular() || st.Size() != s.attr.Size {
		return
	}
	if old, ok := d.lru.Peek(idOf(s.attr)); ok {
		d.bytes -= old.have.bytes()
	}
	d.lru.Add(idOf(s.attr), s)
	d.bytes += s.have.bytes()
}

// sweep removes the objects that nobody knows. Those that the host does not have
// are kept and named: their record is lost.
func (d *disk) sweep(logged map[string]bool) error {
	inUse := map[string]bool{}
	for _, s := range d.lru.Values() {
		inUse[s.name] = true
	}
	dir, err := d.objects.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	for {
		names, err := dir.Readdirnames(1024)
		for _, name := range names {
			switch {
			case inUse[name] || logged[name]:
			case d.isUnsent(name):
				d.log.Warn("there are contents that were not sent, without a record of what they are; they are kept", "dir", d.dir, "object", name)
			default:
				d.removeFile(name)
			}
		}
		if len(names) == 0 || err != nil {
			return nil
		}
	}
}

// rewrite writes the index anew.
func (d *disk) rewrite(ino *inodes) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	f, err := d.root.OpenFile("index.new", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	w.Write(line{Start: bootID()}.encode())
	lines := 1
	for id, n := range ino.aliases {
		w.Write(line{Alias: n, Dev: id.dev, Ino: id.ino}.encode())
		lines++
	}
	for _, s := range d.lru.Values() {
		w.Write(s.line().encode())
		lines++
	}
	if err := errors.Join(w.Flush(), f.Sync(), d.root.Rename("index.new", indexName)); err != nil {
		f.Close()
		return err
	}
	if d.index != nil {
		d.index.Close()
	}
	d.index, d.lines, d.since = f, lines, lines
	return nil
}

// noteLocked appends to the index. A line that cannot be written costs no
// more than its object.
func (d *disk) noteLocked(l line) {
	if d.index == nil {
		return
	}
	if _, err := d.index.Write(l.encode()); err != nil {
		d.log.Warn("the index of the cache cannot be written", "err", err)
	}
	d.lines++
}

// noteAlias keeps an inode number for the next mount.
func (d *disk) noteAlias(id fileID, n uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.noteLocked(line{Alias: n, Dev: id.dev, Ino: id.ino})
}

// grown tells whether most of the index is history.
func (d *disk) grown() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.lines > 1024 && d.lines > 4*d.since
}

// close ends the use of the cache: everything is brought to the disk, and
// the index says so.
func (d *disk) close(ino *inodes) error {
	err := d.rewrite(ino)
	syncFile(d.objects)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.index != nil {
		_, werr := d.index.Write(line{Clean: true}.encode())
		err = errors.Join(err, werr, d.index.Sync(), d.index.Close())
		d.index = nil
	}
	d.unlock()
	return err
}

// bootID tells one run of the machine from another.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(b))
}
