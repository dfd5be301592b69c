package mount

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

const device = "/dev/fuse"

// mountDirect mounts with mount(2), as only root can, and returns the
// descriptor of the connection to the kernel.
func mountDirect(dir string, o Options) (fd int, err error) {
	bits, err := flagBits(o.words())
	if err != nil {
		return -1, err
	}
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return -1, fmt.Errorf("mountpoint %s: %w", dir, err)
	}
	fd, err = openDevice()
	if err != nil {
		return -1, err
	}
	err = unix.Mount(o.source(), dir, "fuse."+o.subtype(), bits, directData(fd, st.Mode, o))
	if err != nil {
		unix.Close(fd)
		return -1, explainMount(dir, err)
	}
	return fd, nil
}

// directData is the last argument of mount(2): the options of the FUSE file
// system proper. The kernel refuses the whole mount over a word it does not know.
func directData(fd int, mode uint32, o Options) string {
	words := []string{
		fmt.Sprintf("fd=%d", fd),
		fmt.Sprintf("rootmode=%o", mode&unix.S_IFMT),
		fmt.Sprintf("user_id=%d", os.Geteuid()),
		fmt.Sprintf("group_id=%d", os.Getegid()),
	}
	return strings.Join(append(words, o.kernelWords()...), ",")
}

// openDevice opens the kernel's end. No child may inherit it: a leftover copy
// keeps a mount from dying with its file system.
func openDevice() (int, error) {
	fd, err := unix.Open(device, unix.O_RDWR|unix.O_CLOEXEC, 0)
	switch {
	case err == nil:
		return fd, nil
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		return -1, fmt.Errorf("%s is not there: load the kernel's module with: modprobe fuse "+
			"(in a container, start it with --device %s)", device, device)
	}
	return -1, fmt.Errorf("open %s: %w", device, err)
}

func explainMount(dir string, err error) error {
	switch {
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("mount on %s: %w: this takes CAP_SYS_ADMIN, which a container often lacks", dir, err)
	case errors.Is(err, unix.ENODEV):
		return fmt.Errorf("mount on %s: %w: the kernel has no FUSE; load it with: modprobe fuse", dir, err)
	}
	return fmt.Errorf("mount on %s: %w", dir, err)
}
