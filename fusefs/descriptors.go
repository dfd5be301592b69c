package fusefs

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// maxDescriptors bounds how many descriptors of a process are looked at.
const maxDescriptors = 64

// Mounted says which mount the file system is, by its number in
// /proc/self/mountinfo. What is not known yet, or seen by another number in another
// namespace, is done without.
func (f *FS) Mounted(id string) { f.mountID.Store(&id) }

// hasOpen tells whether a process has a file of this mount open for writing, by
// what proc(5) says of its descriptors. One that it is just closing does not count:
// the kernel takes the descriptor away before it flushes the file. What cannot be
// known is no.
func (f *FS) hasOpen(pid uint32, ino uint64) bool {
	id := f.mountID.Load()
	if pid == 0 || id == nil { // 0: of another pid namespace
		return false
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
		if text, err := os.ReadFile(dir + "/" + name); err == nil && writes(text, *id, ino) {
			return true
		}
	}
	return false
}

// writes tells whether a descriptor is one of a file of a mount, and open for
// writing.
func writes(fdinfo []byte, mount string, ino uint64) bool {
	const accessMode = 3 // O_ACCMODE
	var flags, inode uint64
	var in string
	for line := range strings.Lines(string(fdinfo)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		value = strings.TrimSpace(value)
		switch key {
		case "flags":
			flags, _ = strconv.ParseUint(value, 8, 64)
		case "mnt_id":
			in = value
		case "ino":
			inode, _ = strconv.ParseUint(value, 10, 64)
		}
	}
	return in == mount && mount != "" && inode == ino && flags&accessMode != uint64(os.O_RDONLY)
}
