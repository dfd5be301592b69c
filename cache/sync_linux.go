package cache

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncFile brings everything of the file system that holds a directory to
// the disk.
func syncFile(dir *os.Root) {
	f, err := dir.Open(".")
	if err != nil {
		return
	}
	defer f.Close()
	_ = unix.Syncfs(int(f.Fd()))
}
