package mount

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/scpfs/scpfs/mount/mountinfo"
)

// answerTimeout is how long a directory may take to say what it is. Only one on
// another network file system that hangs takes longer.
const answerTimeout = 10 * time.Second

// Check tells whether this user can mount on dir: a directory of his own that is
// no mount of ours already, and no dead mount. It need not be empty; what is in it is
// hidden while the mount lasts. The message says what to do. /dev/fd/N, a
// descriptor of /dev/fuse that is mounted already, is taken as it is.
func Check(dir string) error {
	if _, ok := inheritedDevice(dir); ok {
		return nil
	}
	st, err := statWithin(dir, answerTimeout)
	if err != nil {
		return explainStat(dir, err)
	}
	if !st.IsDir() {
		return fmt.Errorf("mountpoint %s is not a directory", dir)
	}
	if err := checkNotOurs(dir); err != nil {
		return err
	}
	return checkAccess(dir, st)
}

// statWithin is os.Stat that gives up: a stat below a hanging mount blocks in the
// kernel. The goroutine ends when the kernel answers.
func statWithin(dir string, limit time.Duration) (fs.FileInfo, error) {
	type answer struct {
		info fs.FileInfo
		err  error
	}
	c := make(chan answer, 1)
	go func() {
		info, err := os.Stat(dir)
		c <- answer{info, err}
	}()
	select {
	case a := <-c:
		return a.info, a.err
	case <-time.After(limit):
		return nil, unix.ETIMEDOUT
	}
}

// explainStat says what to do about a mountpoint that cannot be looked at.
func explainStat(dir string, err error) error {
	switch {
	case errors.Is(err, unix.ENOTCONN), errors.Is(err, unix.ECONNABORTED):
		return fmt.Errorf("mountpoint %s is a dead mount, left by a file system that ended without unmounting: "+
			"clear it with: fusermount3 -u %s", dir, shellWord(dir))
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("mountpoint %s does not exist: make it with: mkdir -p %s", dir, shellWord(dir))
	case errors.Is(err, unix.ETIMEDOUT):
		return fmt.Errorf("mountpoint %s does not answer: something hangs there, "+
			"perhaps an old mount: clear it with: fusermount3 -uz %s", dir, shellWord(dir))
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("mountpoint %s: permission denied: "+
			"it, or a directory above, belongs to someone else, or another user has mounted there", dir)
	}
	return fmt.Errorf("mountpoint: %w", err)
}

// checkNotOurs refuses to hide one mount of this program under another.
func checkNotOurs(dir string) error {
	real, err := realDir(dir)
	if err != nil {
		return fmt.Errorf("mountpoint: %w", err)
	}
	if e, ok := mountinfo.On(real); ok && e.Type == "fuse."+defaultSubtype {
		return fmt.Errorf("%s is already mounted on %s: unmount it first with: fusermount3 -u %s",
			e.Source, dir, shellWord(dir))
	}
	return nil
}

// checkAccess applies the rules of fusermount3, which refuses with less of an
// explanation: write permission, and in a sticky directory such as /tmp ownership.
func checkAccess(dir string, st fs.FileInfo) error {
	if os.Geteuid() == 0 {
		return nil
	}
	owner := st.Sys().(*syscall.Stat_t)
	if st.Mode()&fs.ModeSticky != 0 && int(owner.Uid) != os.Getuid() {
		return fmt.Errorf("mountpoint %s is not yours: mount on a directory that you own", dir)
	}
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		return fmt.Errorf("mountpoint %s is not writable for you (%v): mount on a directory that you own", dir, err)
	}
	return nil
}

// realDir is dir as the mount table has it.
func realDir(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(abs)
}

// inheritedDevice takes the N of /dev/fd/N: whoever started this process has
// opened /dev/fuse and mounted it, as container tools do.
func inheritedDevice(dir string) (fd int, ok bool) {
	number, ok := strings.CutPrefix(dir, "/dev/fd/")
	if !ok {
		return 0, false
	}
	fd, err := strconv.Atoi(number)
	return fd, err == nil && fd > 2
}

// shellWord quotes a path for the command line that a message suggests.
func shellWord(s string) string {
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+:@-") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
