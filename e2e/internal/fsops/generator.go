package fsops

import (
	"math/rand/v2"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Options adjust a [Generator].
type Options struct {
	Procs      int  // how many processes take turns; at least 1
	WholeTimes bool // set times have no fraction of a second
	NoExchange bool // the host cannot swap two names
	Remounts   int  // one operation in so many is a [Remount]; 0: none
}

// Generator draws operations. The same seed and options give the same ones.
type Generator struct {
	r     *rand.Rand
	o     Options
	deck  []Kind
	drawn uint64
}

// NewGenerator makes a generator of a seed.
func NewGenerator(seed uint64, o Options) *Generator {
	g := &Generator{r: rand.New(rand.NewPCG(seed, 0)), o: o}
	for name, k := range kinds {
		for range k.weight {
			g.deck = append(g.deck, name)
		}
	}
	slices.Sort(g.deck) // maps have no order
	return g
}

// Draw gives n operations.
func (g *Generator) Draw(n int) []Op {
	all := make([]Op, n)
	for i := range all {
		all[i] = g.next()
	}
	return all
}

func (g *Generator) next() Op {
	g.drawn++
	op := Op{
		Proc: g.r.IntN(g.o.Procs), Kind: pick(g, g.deck...),
		Path: g.path(), Path2: g.path(),
		Slot: g.r.IntN(slots), Slot2: g.r.IntN(slots),
		Mode: g.mode(), Off: g.offset(), To: g.offset(), Len: g.length(),
		Seed: g.drawn, Time: g.time(),
	}
	if g.o.Remounts > 0 && g.r.IntN(g.o.Remounts) == 0 {
		op.Kind = Remount
	}
	g.adjust(&op)
	return op
}

// adjust draws what has another meaning for this kind.
func (g *Generator) adjust(op *Op) {
	switch op.Kind {
	case "open":
		op.Flags = g.openFlags()
	case "create":
		op.Flags = g.openFlags() | unix.O_CREAT
	case "tmpfile":
		op.Path = g.dir()
		op.Flags = pick(g, unix.O_WRONLY, unix.O_RDWR, unix.O_RDWR)
	case "lseek":
		op.Flags = pick(g, unix.SEEK_SET, unix.SEEK_CUR, unix.SEEK_END)
		op.Off -= pick[int64](g, 0, 0, 100)
	case "seekdata":
		op.Flags = pick(g, unix.SEEK_DATA, unix.SEEK_HOLE)
	case "fallocate":
		op.Flags = pick(g, 0, unix.FALLOC_FL_KEEP_SIZE, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE,
			unix.FALLOC_FL_ZERO_RANGE, unix.FALLOC_FL_ZERO_RANGE|unix.FALLOC_FL_KEEP_SIZE)
	case "lock":
		op.Flags = pick(g, unix.F_RDLCK, unix.F_WRLCK, unix.F_UNLCK) | pick(g, lockPosix, lockOFD, lockFlock)
	case "rename":
		op.Flags = pick(g, 0, 0, 0, 0, unix.RENAME_NOREPLACE, unix.RENAME_EXCHANGE)
		if op.Flags == unix.RENAME_EXCHANGE && g.o.NoExchange {
			op.Flags = 0
		}
	case "symlink":
		op.Path = g.target()
	case "chown":
		op.Flags = pick(g, 0, 0, 1000)
	case "access":
		op.Flags = g.r.IntN(8)
	case "utimens", "fsync":
		op.Flags = g.r.IntN(2)
	case "readdir":
		op.Path = g.dir()
	case "mkdir":
		op.Mode |= pick[uint32](g, 0, 0, unix.S_ISVTX)
	}
}

func (g *Generator) openFlags() int {
	flags := pick(g, unix.O_RDONLY, unix.O_RDONLY, unix.O_WRONLY, unix.O_RDWR, unix.O_RDWR)
	for _, f := range []int{unix.O_CREAT, unix.O_CREAT, unix.O_TRUNC, unix.O_APPEND, unix.O_EXCL, unix.O_NOFOLLOW, unix.O_DIRECTORY, unix.O_SYNC} {
		if g.r.IntN(6) == 0 {
			flags |= f
		}
	}
	return flags
}

// The names are few, so that operations meet.
var (
	dirNames  = []string{"D", "E", "s p"}
	leafNames = []string{"a", "b", "c", "d", "e", "-x", "n\nl", "'q\"\\", "\xff\xfe", "D", "E", "s p"}
)

func (g *Generator) dir() string {
	var parts []string
	for len(parts) < 3 && g.r.IntN(2) == 0 {
		parts = append(parts, pick(g, dirNames...))
	}
	if len(parts) == 0 {
		return "."
	}
	return strings.Join(parts, "/")
}

func (g *Generator) path() string {
	switch g.r.IntN(150) {
	case 0:
		return strings.Repeat("L", 255)
	case 1:
		return strings.Repeat("L", 256)
	case 2:
		return pick(g, leafNames...) + "/" + pick(g, leafNames...)
	case 3:
		return pick(g, leafNames...) + "/"
	case 4:
		return pick(g, dirNames...) + "/."
	}
	name := pick(g, leafNames[:5]...)
	if g.r.IntN(3) == 0 {
		name = pick(g, leafNames...)
	}
	if dir := g.dir(); dir != "." {
		return dir + "/" + name
	}
	return name
}

// target is the text of a symbolic link. None leads out of the directory.
func (g *Generator) target() string {
	return pick(g, "a", "b", "D", "D/a", "./c", "nowhere", "/nowhere/at all", "E/", "n\nl")
}

// mode leaves the sticky bit to directories: FUSE in the kernel hides it from
// itself, and takes it from a file whose set-ID bits it clears.
func (g *Generator) mode() uint32 {
	if g.r.IntN(8) == 0 {
		return uint32(g.r.IntN(0o10000)) &^ unix.S_ISVTX
	}
	return pick[uint32](g, 0o644, 0o600, 0o755, 0o700, 0o444, 0o666, 0o777)
}

func (g *Generator) offset() int64 {
	switch g.r.IntN(20) {
	case 0:
		return g.r.Int64N(1 << 20)
	case 1, 2, 3:
		return 4096 * g.r.Int64N(20)
	}
	return g.r.Int64N(9000)
}

func (g *Generator) length() int64 {
	switch g.r.IntN(30) {
	case 0:
		return 0
	case 1:
		return g.r.Int64N(400 << 10)
	case 2, 3, 4:
		return 4096 * (1 + g.r.Int64N(8))
	}
	return 1 + g.r.Int64N(6000)
}

// time is in the years before [recent], by which it is told from the time
// of a change.
func (g *Generator) time() int64 {
	t := (631152000 + g.r.Int64N(500_000_000)) * 1e9
	if !g.o.WholeTimes {
		t += g.r.Int64N(1e9)
	}
	return t
}

func pick[T any](g *Generator, from ...T) T { return from[g.r.IntN(len(from))] }
