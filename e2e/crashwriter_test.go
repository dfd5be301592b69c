package e2e_test

import (
	"encoding/gob"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
)

// crashOp is a system call of a writer: what it is about to do, and then,
// with Done set, that it has done it.
type crashOp struct {
	Kind     string // open, write, fsync, close, rename
	Name, To string
	Trunc    bool
	Off, Len int64
	Seed     uint64
	Done     bool
	Err      string
}

func (o crashOp) String() string {
	return fmt.Sprintf("%s %s %s trunc %v @%d +%d %s", o.Kind, o.Name, o.To, o.Trunc, o.Off, o.Len, o.Err)
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

var _ = role("crashwriter", func(args []string) int {
	seed, err := strconv.ParseUint(args[1], 10, 64)
	if err != nil {
		return 2
	}
	w := &crashWriter{dir: args[0], r: rand.New(rand.NewPCG(seed, 2)), out: gob.NewEncoder(os.Stdout)}
	for w.err == nil {
		w.save()
	}
	return 0
})

// crashWriter saves files in all the ways that programs do, until a call
// fails, and tells of every call before and after it.
type crashWriter struct {
	dir  string
	r    *rand.Rand
	out  *gob.Encoder
	f    *os.File
	name string
	err  error
}

func (w *crashWriter) save() {
	name := fmt.Sprint("file", w.r.IntN(5))
	switch w.r.IntN(4) {
	case 0: // as most editors do
		w.open(name+".new", true)
		w.writes(0)
		w.call(crashOp{Kind: "fsync", Name: w.name})
		w.call(crashOp{Kind: "close", Name: w.name})
		w.call(crashOp{Kind: "rename", Name: name + ".new", To: name})
	case 1: // as the others do
		w.open(name, true)
		w.writes(0)
		w.call(crashOp{Kind: "close", Name: name})
	case 2: // as a database does
		w.open(name, false)
		for range 1 + w.r.IntN(3) {
			w.writes(w.r.Int64N(300 << 10))
			w.call(crashOp{Kind: "fsync", Name: name})
		}
		w.call(crashOp{Kind: "close", Name: name})
	case 3: // as a log
		w.open(name, false)
		if size, err := w.f.Seek(0, io.SeekEnd); err == nil {
			w.writes(size)
		}
		w.call(crashOp{Kind: "close", Name: name})
	}
}

func (w *crashWriter) open(name string, trunc bool) {
	w.name = name
	w.call(crashOp{Kind: "open", Name: name, Trunc: trunc})
}

func (w *crashWriter) writes(off int64) {
	most := []int64{100, 5000, 100 << 10, 700 << 10}[w.r.IntN(4)]
	for range 1 + w.r.IntN(4) {
		n := 1 + w.r.Int64N(most)
		w.call(crashOp{Kind: "write", Name: w.name, Off: off, Len: n, Seed: w.r.Uint64()})
		off += n
	}
}

// call does a call, unless an earlier one has failed.
func (w *crashWriter) call(op crashOp) {
	if w.err != nil {
		return
	}
	if w.err = w.out.Encode(op); w.err != nil {
		return
	}
	err := w.do(op)
	op.Done = true
	if err != nil {
		op.Err = err.Error()
	}
	w.err = w.out.Encode(op)
	if err != nil {
		w.err = err
	}
}

func (w *crashWriter) do(op crashOp) (err error) {
	path := filepath.Join(w.dir, op.Name)
	switch op.Kind {
	case "open":
		flags := os.O_RDWR | os.O_CREATE
		if op.Trunc {
			flags |= os.O_TRUNC
		}
		w.f, err = os.OpenFile(path, flags, 0o644)
	case "write":
		_, err = w.f.WriteAt(op.bytes(), op.Off)
	case "fsync":
		err = w.f.Sync()
	case "close":
		err = w.f.Close()
	case "rename":
		err = os.Rename(path, filepath.Join(w.dir, op.To))
	}
	return err
}
