package scpio

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// typeBits are the letters by which find names the types of files.
var typeBits = map[string]uint32{
	"f": syscall.S_IFREG,
	"d": syscall.S_IFDIR,
	"l": syscall.S_IFLNK,
	"p": syscall.S_IFIFO,
	"s": syscall.S_IFSOCK,
	"b": syscall.S_IFBLK,
	"c": syscall.S_IFCHR,
}

// parseFind reads the fields of GNU find's
//
//	=%y %m %n %U %G %D %i %s %b %A@ %T@ %C@ %P
func parseFind(head, target string) (Entry, error) {
	var f [12]string
	rest, ok := strings.TrimPrefix(head, "="), true
	for i := range f {
		if f[i], rest, ok = strings.Cut(rest, " "); !ok {
			return Entry{}, malformed(head)
		}
	}
	mode, ok := typeBits[f[0]]
	p := parser{ok: ok}
	// A piece of the record would keep all of it in memory.
	e := Entry{Name: strings.Clone(rest), Target: target}
	e.Attr = Attr{
		Mode: mode | uint32(p.uint(f[1], 8, 32))&07777, Nlink: uint32(p.uint(f[2], 10, 32)),
		UID: uint32(p.uint(f[3], 10, 32)), GID: uint32(p.uint(f[4], 10, 32)),
		Dev: p.uint(f[5], 10, 64), Ino: p.uint(f[6], 10, 64),
		Size: p.size(f[7]), Block: p.size(f[8]),
		Atime: p.seconds(f[9]), Mtime: p.seconds(f[10]), Ctime: p.seconds(f[11]),
	}
	return p.entry(e, head)
}

// parseStat reads the fields of
//
//	%f %h %u %g %t %T %d %i %s %b|%x|%y|%z|%n
//
// and the link's target in %N, which is "NAME -> TARGET" with either both
// names in quotes or none.
func parseStat(head, long, abs string) (Entry, error) {
	part := strings.SplitN(head, "|", 5)
	if len(part) != 5 {
		return Entry{}, malformed(head)
	}
	f := strings.Split(part[0], " ")
	if len(f) != 10 {
		return Entry{}, malformed(head)
	}
	p := parser{ok: true}
	var e Entry
	e.Attr = Attr{
		Mode: uint32(p.uint(f[0], 16, 32)), Nlink: uint32(p.uint(f[1], 10, 32)),
		UID: uint32(p.uint(f[2], 10, 32)), GID: uint32(p.uint(f[3], 10, 32)),
		Dev: p.uint(f[6], 10, 64), Ino: p.uint(f[7], 10, 64),
		Size: p.size(f[8]), Block: p.size(f[9]),
		Atime: p.date(part[1]), Mtime: p.date(part[2]), Ctime: p.date(part[3]),
	}
	if isDevice(e.Attr) {
		e.Attr.Rdev = parseRdev(f[4] + ":" + f[5])
	}
	name, ok := strings.CutPrefix(part[4], abs)
	p.ok = p.ok && ok
	e.Name = strings.Clone(strings.TrimLeft(name, "/"))
	if e.Attr.Mode&syscall.S_IFMT == syscall.S_IFLNK {
		e.Target = p.target(long, part[4])
	}
	return p.entry(e, head)
}

// parser reads fields; ok becomes false at the first that is not right.
type parser struct{ ok bool }

// maxName bounds a name in a directory, in bytes. It is FUSE's own limit: file
// systems that count characters (FAT, NTFS) have more than the usual 255.
const maxName = 1024

func (p *parser) entry(e Entry, head string) (Entry, error) {
	name := e.Name[strings.LastIndexByte(e.Name, '/')+1:]
	if !p.ok || e.Attr.Ino == 0 || strings.IndexByte(e.Name, 0) >= 0 || e.Name == "." || e.Name == ".." ||
		len(name) > maxName || len(e.Target) > maxPath {
		return Entry{}, malformed(head)
	}
	return e, nil
}

func malformed(record string) error {
	return fmt.Errorf("a malformed record %s: %w", saying(record), syscall.EPROTO)
}

func (p *parser) uint(s string, base, bits int) uint64 {
	n, err := strconv.ParseUint(s, base, bits)
	p.ok = p.ok && err == nil
	return n
}

func (p *parser) size(s string) int64 { return int64(p.uint(s, 10, 63)) }

// seconds reads find's %T@: seconds with a fraction of nine or ten digits.
// Of times before 1970 find prints the fraction as if it were positive.
func (p *parser) seconds(s string) int64 {
	sec, frac, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(sec, 10, 64)
	ns := uint64(0)
	if frac != "" {
		if len(frac) < 9 {
			frac += "000000000"
		}
		ns = p.uint(frac[:9], 10, 32)
	}
	p.ok = p.ok && err == nil
	return nanoseconds(n, int64(ns))
}

// date reads stat's %y under TZ=UTC0; the fraction may be missing. A year may have
// a sign and any number of digits, of which package time reads four.
func (p *parser) date(s string) int64 {
	s, _, _ = strings.Cut(s, " +")
	sign := len(s) - len(strings.TrimPrefix(s, "-"))
	digits := sign + max(strings.IndexByte(s[sign:], '-'), 0)
	year, err := strconv.ParseInt(s[:digits], 10, 64)
	t, err2 := time.Parse("2006-01-02 15:04:05.999999999", "2000"+s[digits:])
	p.ok = p.ok && err == nil && err2 == nil
	year = min(max(year, -9999), 9999) // both are far beyond what 64 bits can tell
	t = t.AddDate(int(year)-2000, 0, 0)
	return nanoseconds(t.Unix(), int64(t.Nanosecond()))
}

// nanoseconds since 1970, the nearest that 64 bits can tell.
func nanoseconds(sec, ns int64) int64 {
	switch {
	case sec > math.MaxInt64/1_000_000_000-1:
		return math.MaxInt64
	case sec < math.MinInt64/1_000_000_000+1:
		return math.MinInt64
	}
	return sec*1e9 + ns
}

// isNearest tells whether a time may be another one than the host's, which 64 bits
// cannot tell.
func isNearest(ns int64) bool { return ns == math.MaxInt64 || ns == math.MinInt64 }

// target takes the link's target out of what stat's %N prints for name:
// GNU (with QUOTING_STYLE=literal) and toybox quote nothing, busybox both.
func (p *parser) target(long, name string) string {
	if t, ok := strings.CutPrefix(long, name+" -> "); ok {
		return t
	}
	t, ok := strings.CutPrefix(long, "'"+name+"' -> '")
	p.ok = p.ok && ok
	return strings.TrimSuffix(t, "'")
}

// versionOf is a version as the library's function v prints it: what a
// change of the file is told by. It is a pattern: in the place of a time that
// is not the host's own, as 64 bits cannot tell that, it has a star.
func versionOf(engine string, a Attr) string {
	if engine == "gnu" {
		return fmt.Sprintf("%d %d %s %s", a.Ino, a.Size, findTime(a.Mtime), findTime(a.Ctime))
	}
	return fmt.Sprintf("%d %d %s|%s", a.Ino, a.Size, statTime(a.Mtime), statTime(a.Ctime))
}

func findTime(ns int64) string {
	if isNearest(ns) {
		return "*"
	}
	t := time.Unix(0, ns)
	return fmt.Sprintf("%d.%09d0", t.Unix(), t.Nanosecond())
}

func statTime(ns int64) string {
	if isNearest(ns) {
		return "*"
	}
	return time.Unix(0, ns).UTC().Format("2006-01-02 15:04:05.000000000 -0700")
}

func (c *Client) version(a Attr) string { return quote(versionOf(c.Host().Engine, a)) }
