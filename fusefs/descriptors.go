package fusefs

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// maxDescriptors bounds how many descriptors of a process are looked at.
const maxDescriptors = 64

// hasOpen tells whether a process has a file open for writing, by what proc(5)
// says of its descriptors. One that it is just closing does not count: the kernel
// takes the descriptor away before it flushes the file. What cannot be known is
// no.
func hasOpen(pid uint32, ino uint64) bool {
	if pid == 0 {
		return false // of another pid namespace
	}
	dir := fmt.Sprintf("/proc/%d/fdinfo", pid)
	d, err := os.Open(dir)
	if err != nil {
		return false
	}
	defer d.Close()
	names, err := d.Readdirnames(maxDescriptors + 1)
	if err != nil || len(names) > maxDescriptors {
		return false
	}
	for _, name := range names {
		if text, err := os.ReadFile(dir + "/" + name); err == nil && writes(text, ino) {
			return true
		}
	}
	return false
}

// writes tells whether a descriptor is one of the file, and open for writing.
func writes(fdinfo []byte, ino uint64) bool {
	const accessMode = 3 // O_ACCMODE
	var flags, inode uint64
	for line := range bytes.Lines(fdinfo) {
		key, value, _ := bytes.Cut(bytes.TrimSpace(line), []byte(":"))
		switch string(key) {
		case "flags":
			flags, _ = strconv.ParseUint(string(bytes.TrimSpace(value)), 8, 64)
		case "ino":
			inode, _ = strconv.ParseUint(string(bytes.TrimSpace(value)), 10, 64)
		}
	}
	return inode == ino && flags&accessMode != uint64(os.O_RDONLY)
}
