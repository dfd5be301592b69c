package mount

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// vfsFlag is a mount option that the kernel takes as a bit of mount(2).
type vfsFlag struct {
	bit uintptr
	set bool // whether the word sets the bit or clears it
}

// vfsFlags are the words of mount(8) for those bits.
var vfsFlags = map[string]vfsFlag{
	"ro":          {unix.MS_RDONLY, true},
	"rw":          {unix.MS_RDONLY, false},
	"nosuid":      {unix.MS_NOSUID, true},
	"suid":        {unix.MS_NOSUID, false},
	"nodev":       {unix.MS_NODEV, true},
	"dev":         {unix.MS_NODEV, false},
	"noexec":      {unix.MS_NOEXEC, true},
	"exec":        {unix.MS_NOEXEC, false},
	"sync":        {unix.MS_SYNCHRONOUS, true},
	"async":       {unix.MS_SYNCHRONOUS, false},
	"dirsync":     {unix.MS_DIRSYNC, true},
	"noatime":     {unix.MS_NOATIME, true},
	"atime":       {unix.MS_NOATIME, false},
	"nodiratime":  {unix.MS_NODIRATIME, true},
	"diratime":    {unix.MS_NODIRATIME, false},
	"relatime":    {unix.MS_RELATIME, true},
	"norelatime":  {unix.MS_RELATIME, false},
	"strictatime": {unix.MS_STRICTATIME, true},
}

// helperKnows are the words that fusermount3 takes. The others are either the
// kernel's default (relatime) or ask for access times, which FUSE does not keep
// in the kernel anyway; they are left out of what it is given.
var helperKnows = []string{
	"ro", "rw", "nosuid", "suid", "nodev", "dev", "noexec", "exec",
	"sync", "async", "dirsync", "noatime", "atime",
}

// defaultFlags protect the user from the remote side: a setuid program or a
// device node over there must mean nothing here. They are what fusermount3
// imposes on ordinary users.
const defaultFlags = unix.MS_NOSUID | unix.MS_NODEV

// IsFlag tells whether word is one that [Options].Flags takes.
func IsFlag(word string) bool {
	_, ok := vfsFlags[word]
	return ok
}

// flagBits turns words into the bits of mount(2); the last of two opposites wins.
func flagBits(words []string) (uintptr, error) {
	bits := uintptr(defaultFlags)
	for _, word := range words {
		f, ok := vfsFlags[word]
		if !ok {
			return 0, fmt.Errorf("mount flag %q is not known", word)
		}
		bits &^= f.bit
		if f.set {
			bits |= f.bit
		}
	}
	return bits, nil
}

// unsafeFlag is the first of words that only root may ask for.
func unsafeFlag(words []string) (string, bool) {
	i := slices.IndexFunc(words, func(w string) bool { return w == "suid" || w == "dev" })
	if i < 0 {
		return "", false
	}
	return words[i], true
}
