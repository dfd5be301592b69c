package fsops

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// dirent is an entry as getdents64(2) gives it.
type dirent struct {
	ino  uint64
	kind byte
	name string
}

// list reads an open directory from where it is to its end.
func list(fd int) ([]dirent, error) {
	var all []dirent
	buf := make([]byte, 32<<10)
	for {
		n, err := unix.Getdents(fd, buf)
		if err != nil || n == 0 {
			return all, err
		}
		for b := buf[:n]; len(b) > 0; {
			size := binary.NativeEndian.Uint16(b[16:])
			name, _, _ := bytes.Cut(b[19:size], []byte{0})
			all = append(all, dirent{binary.NativeEndian.Uint64(b), b[18], string(name)})
			b = b[size:]
		}
	}
}
