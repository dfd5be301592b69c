package control

import (
	"fmt"
	"net"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// socketName is the name of the socket in the directory of a mount.
const socketName = "control"

// inDir calls f with a short name of a file in a directory: the address of a
// socket has no more than 108 bytes, and a cache may lie deeper.
func inDir(dir, name string, f func(short string) error) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return f("/proc/self/fd/" + strconv.Itoa(int(d.Fd())) + "/" + name)
}

// peer is the user whose process is at the other end.
func peer(c *net.UnixConn) (uint32, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	var optErr error
	err = raw.Control(func(fd uintptr) {
		cred, optErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err == nil {
		err = optErr
	}
	if err != nil {
		return 0, fmt.Errorf("who asks cannot be told: %w", err)
	}
	return cred.Uid, nil
}
