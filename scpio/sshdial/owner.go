package sshdial

import (
	"io/fs"
	"os"
	"syscall"
)

// ownedByUs tells whether the mode of a file is ours to mend.
func ownedByUs(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Getuid()
}
