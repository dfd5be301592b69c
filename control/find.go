package control

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/scpfs/scpfs/mount/mountinfo"
)

// resolveWithin is how long the directory above a mountpoint may take to say
// what it is. Only in a file system that hangs it takes longer.
const resolveWithin = 2 * time.Second

// Absolute is the path by which a mountpoint is known to the kernel. The
// mountpoint itself is not looked at, as one that is dead may not answer.
func Absolute(mountpoint string) string {
	path := mountpoint
	if !filepath.IsAbs(path) {
		path = filepath.Join(workingDir(), path)
	}
	path = filepath.Clean(path)
	above := make(chan string, 1)
	go func() {
		dir, err := filepath.EvalSymlinks(filepath.Dir(path))
		if err != nil {
			dir = filepath.Dir(path)
		}
		above <- dir
	}()
	select {
	case dir := <-above:
		return filepath.Join(dir, filepath.Base(path))
	case <-time.After(resolveWithin):
		return path
	}
}

// workingDir is the working directory as the kernel knows it: os.Getwd would
// look at it.
func workingDir() string {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Getcwd(buf)
	if err != nil || n < 1 {
		return "/"
	}
	return string(buf[:n-1])
}

// Find gives the mounts at a mountpoint, or all if that is empty.
func Find(all []Mount, mountpoint string) []Mount {
	if mountpoint == "" {
		return all
	}
	path := Absolute(mountpoint)
	var found []Mount
	for _, m := range all {
		if m.Mountpoint == path || m.Mountpoint == filepath.Clean(mountpoint) {
			found = append(found, m)
		}
	}
	return found
}

// MountedHere tells whether the kernel has an scpfs at a directory, dead or alive.
func MountedHere(dir string) bool {
	for _, m := range kernelMounts() {
		if m == dir {
			return true
		}
	}
	return false
}

// Unregistered lists the mountpoints of scpfs mounts of this user that no
// registered mount has: their files are gone, or are in a place that this
// environment does not tell of.
func Unregistered(all []Mount) []string {
	known := map[string]bool{}
	for _, m := range all {
		known[m.Mountpoint] = true
	}
	var rest []string
	for _, dir := range kernelMounts() {
		if !known[dir] {
			rest = append(rest, dir)
		}
	}
	return rest
}

// kernelMounts are the mountpoints that the kernel has of this user's scpfs
// mounts, by its table, which never waits for a file system.
func kernelMounts() []string {
	table, err := mountinfo.Read()
	if err != nil {
		return nil
	}
	user := fmt.Sprint("user_id=", os.Getuid())
	var dirs []string
	for _, e := range table {
		if e.Type == "fuse.scpfs" && slices.Contains(e.Options, user) {
			dirs = append(dirs, e.Dir)
		}
	}
	return dirs
}
