package cache

import (
	"crypto/rand"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
)

// object is one file on the local disk that holds the contents of a file of
// the host. Its name says nothing: names of the host never become local
// ones.
type object struct {
	name string
	f    *os.File
	turn int // counts contents that took the place of others in it, see through.go
}

func (d *disk) create() (*object, error) {
	name := strings.ToLower(rand.Text())
	f, err := d.objects.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, plainMode)
	if err != nil {
		return nil, err
	}
	return &object{name: name, f: f}, nil
}

func (d *disk) open(name string) (*object, error) {
	f, err := d.objects.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return &object{name: name, f: f}, nil
}

func (o *object) close() { o.f.Close() }

func (o *object) size() (int64, error) {
	st, err := o.f.Stat()
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}

// blocks is the space the object takes, in units of 512 bytes.
func (o *object) blocks() int64 {
	var st syscall.Stat_t
	if syscall.Fstat(int(o.f.Fd()), &st) != nil {
		return 0
	}
	return st.Blocks
}

// sparseWriter writes a stream from the beginning of an object, leaving
// holes where the stream has nothing but zeros.
type sparseWriter struct {
	o   *object
	off int64
}

const holeSize = 64 << 10

func (w *sparseWriter) Write(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		part := p[n:min(n+holeSize, len(p))]
		if !(len(part) == holeSize && allZero(part)) {
			if _, err := w.o.f.WriteAt(part, w.off); err != nil {
				return n, err
			}
		}
		w.off += int64(len(part))
		n += len(part)
	}
	return n, nil
}

// finish makes a hole at the end part of the file.
func (w *sparseWriter) finish(size int64) error {
	if w.off != size {
		return io.ErrUnexpectedEOF
	}
	return w.o.f.Truncate(size)
}

func allZero(p []byte) bool {
	for _, b := range p {
		if b != 0 {
			return false
		}
	}
	return true
}

// Contents that the host does not have are executable. Nothing else says so if
// their record is damaged: what has the mark is never removed for being unknown.
const (
	plainMode  = 0o600
	unsentMode = 0o700
)

// note writes a record to the log, and marks the contents it is about. Who dies
// in between leaves a record without a mark, which is as good.
func (d *disk) note(r record) error {
	fresh := r.Kind == storing && !d.changes.has(r.Object)
	if err := d.changes.note(r); err != nil || !fresh {
		return err
	}
	err := d.objects.Chmod(r.Object, unsentMode)
	if err != nil {
		d.changes.drop(r.Object)
	}
	return err
}

// unnote ends the record of an object or of another change, if there is one.
func (d *disk) unnote(object string) {
	if !d.changes.has(object) {
		return
	}
	if err := d.objects.Chmod(object, plainMode); err != nil && !errors.Is(err, os.ErrNotExist) {
		d.log.Warn("a file of the cache cannot be changed", "name", object, "err", err)
	}
	d.changes.drop(object)
}

// isUnsent tells whether contents have the mark.
func (d *disk) isUnsent(name string) bool {
	st, err := d.objects.Lstat(name)
	return err == nil && st.Mode().Perm()&0o100 != 0
}

// discard removes an object that nobody refers to.
func (d *disk) discard(o *object) {
	o.close()
	d.removeFile(o.name)
}

func (d *disk) removeFile(name string) {
	d.claim(name) // it was not read, if it was fetched ahead
	if err := d.objects.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		d.log.Warn("a file of the cache cannot be removed", "name", name, "err", err)
	}
}
