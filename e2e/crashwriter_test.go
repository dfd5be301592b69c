package e2e_test

import (
	"bufio"
	"encoding/gob"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// crashOp is a system call of a writer: what it is about to do, and then,
// with Done set, that it has done it.
type crashOp struct {
	Kind     string // open, write, fsync, close, rename, unlink, mkdir; failed: the save was given up
	Name, To string
	Trunc    bool
	Excl     bool
	Off, Len int64
	Seed     uint64

	Done  bool
	Errno syscall.Errno // 0: success
	Err   string
	Took  time.Duration
	Size  int64  // of an open that keeps what is there
	Sum   uint32 // likewise
}

func (o crashOp) String() string {
	if !o.Done {
		return fmt.Sprintf("%s %s %s trunc %v excl %v @%d +%d ...", o.Kind, o.Name, o.To, o.Trunc, o.Excl, o.Off, o.Len)
	}
	return fmt.Sprintf("... %s: %d bytes [%08x] %v %s", o.Kind, o.Size, o.Sum, o.Took.Round(time.Millisecond), o.Err)
}

// bytes is what a write writes: its own, so that it can be told from others.
func (o crashOp) bytes() []byte {
	b := make([]byte, o.Len)
	r := rand.NewPCG(o.Seed, 1)
	for i := range b {
		b[i] = byte(r.Uint64())
	}
	return b
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func sum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

var _ = role("crashwriter", func(args []string) int {
	seed, err := strconv.ParseUint(args[1], 10, 64)
	if err != nil {
		return 2
	}
	w := &crashWriter{dir: args[0], r: rand.New(rand.NewPCG(seed, 2)), out: gob.NewEncoder(os.Stdout), orders: make(chan byte)}
	go w.listen()
	for w.mayGoOn() {
		w.save()
	}
	return 0
})

// crashWriter saves files in all the ways that programs do, and tells of
// every call before and after it. After a failed call it gives up that save,
// and waits to be told to go on. The end of its input ends it.
type crashWriter struct {
	dir    string
	r      *rand.Rand
	out    *gob.Encoder
	orders chan byte // closed at the end
	f      *os.File
	failed bool // the save under way
}

func (w *crashWriter) listen() {
	defer close(w.orders)
	for in := bufio.NewReader(os.Stdin); ; {
		b, err := in.ReadByte()
		if err != nil {
			return
		}
		w.orders <- b
	}
}

// mayGoOn waits for a word only after a failure.
func (w *crashWriter) mayGoOn() (ok bool) {
	if w.failed {
		w.failed = false
		w.tell(crashOp{Kind: "failed"})
		_, ok = <-w.orders
		return ok
	}
	select {
	case _, ok = <-w.orders:
		return ok
	default:
		return true
	}
}

func (w *crashWriter) save() {
	name := fmt.Sprint("file", w.r.IntN(5))
	if w.r.IntN(4) == 0 {
		dir := fmt.Sprint("dir", w.r.IntN(3))
		w.call(crashOp{Kind: "mkdir", Name: dir + "/"})
		name = dir + "/" + name
	}
	switch w.r.IntN(9) {
	case 0, 1: // as most editors do
		w.open(crashOp{Name: name + ".new", Trunc: true})
		w.writes(name+".new", 0)
		w.call(crashOp{Kind: "fsync", Name: name + ".new"})
		w.close(name + ".new")
		w.call(crashOp{Kind: "rename", Name: name + ".new", To: name})
	case 2: // as the careful ones do
		w.call(crashOp{Kind: "unlink", Name: name + ".excl"})
		w.open(crashOp{Name: name + ".excl", Excl: true})
		w.writes(name+".excl", 0)
		w.close(name + ".excl")
		w.call(crashOp{Kind: "rename", Name: name + ".excl", To: name})
	case 3, 4: // as the others do
		w.open(crashOp{Name: name, Trunc: true})
		w.writes(name, 0)
		w.close(name)
	case 5: // as a database does
		w.open(crashOp{Name: name})
		for range 1 + w.r.IntN(3) {
			w.writes(name, w.r.Int64N(300<<10))
			w.call(crashOp{Kind: "fsync", Name: name})
		}
		w.close(name)
	case 6, 7: // as a log
		size := w.open(crashOp{Name: name})
		w.writes(name, size)
		w.close(name)
	case 8:
		w.call(crashOp{Kind: "unlink", Name: name})
	}
}

func (w *crashWriter) open(op crashOp) int64 {
	op.Kind = "open"
	return w.call(op)
}

// close closes also after a failure.
func (w *crashWriter) close(name string) {
	if w.f == nil {
		return
	}
	failed := w.failed
	w.failed = false
	w.call(crashOp{Kind: "close", Name: name})
	w.f, w.failed = nil, w.failed || failed
}

func (w *crashWriter) writes(name string, off int64) {
	most := []int64{100, 5000, 100 << 10, 700 << 10}[w.r.IntN(4)]
	for range 1 + w.r.IntN(4) {
		n := 1 + w.r.Int64N(most)
		w.call(crashOp{Kind: "write", Name: name, Off: off, Len: n, Seed: w.r.Uint64()})
		off += n
	}
}

// call does a call, unless an earlier one has failed, and returns the size of
// what it opened.
func (w *crashWriter) call(op crashOp) int64 {
	if w.failed {
		return 0
	}
	w.tell(op)
	began := time.Now()
	err := w.do(&op)
	op.Done, op.Took = true, time.Since(began)
	if err != nil {
		op.Err = err.Error()
		if !errors.As(err, &op.Errno) {
			op.Errno = syscall.EIO
		}
	}
	w.failed = err != nil && !op.harmless()
	w.tell(op)
	return op.Size
}

// tell ends the process when nobody listens any more.
func (w *crashWriter) tell(op crashOp) {
	if w.out.Encode(op) != nil {
		os.Exit(1)
	}
}

// harmless tells whether an error only says what there is.
func (o crashOp) harmless() bool {
	return o.Kind == "mkdir" && o.Errno == syscall.EEXIST || o.Kind == "unlink" && o.Errno == syscall.ENOENT
}

func (w *crashWriter) do(op *crashOp) (err error) {
	path := filepath.Join(w.dir, op.Name)
	switch op.Kind {
	case "open":
		return w.doOpen(path, op)
	case "write":
		_, err = w.f.WriteAt(op.bytes(), op.Off)
	case "fsync":
		err = w.f.Sync()
	case "close":
		err = w.f.Close()
	case "rename":
		err = os.Rename(path, filepath.Join(w.dir, op.To))
	case "unlink":
		err = syscall.Unlink(path)
	case "mkdir":
		err = os.Mkdir(path, 0o755)
	}
	return err
}

// doOpen also reads what is there, so that it is known what the writes change.
func (w *crashWriter) doOpen(path string, op *crashOp) error {
	flags := os.O_RDWR | os.O_CREATE
	if op.Trunc {
		flags |= os.O_TRUNC
	}
	if op.Excl {
		flags |= os.O_EXCL
	}
	f, err := os.OpenFile(path, flags, 0o644)
	if err != nil {
		return err
	}
	w.f = f
	b, err := io.ReadAll(f)
	op.Size, op.Sum = int64(len(b)), sum(b)
	return err
}
