package mount

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const helperName = "fusermount3"

// helperTimeout is how long fusermount3 may take to mount or unmount.
const helperTimeout = 30 * time.Second

// helper is a fusermount3 at work.
type helper struct {
	cmd  *exec.Cmd
	said bytes.Buffer // its complaints; complete when done is closed
	conn *net.UnixConn
	done chan struct{}
}

// mountHelped has fusermount3 mount dir, and returns the descriptor of the connection
// to the kernel.
func mountHelped(dir string, o Options) (fd int, err error) {
	h, err := startHelper(dir, o)
	if err != nil {
		return -1, err
	}
	fd, err = h.receive()
	h.stop()
	if err != nil {
		return -1, h.explain(err)
	}
	return fd, nil
}

func startHelper(dir string, o Options) (*helper, error) {
	bin, err := helperPath()
	if err != nil {
		return nil, err
	}
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	h := &helper{conn: ours, done: make(chan struct{})}
	h.cmd = exec.Command(bin, "-o", strings.Join(helperWords(o), ","), "--", dir)
	h.cmd.Args[0] = helperName // it puts that in front of what it says
	h.cmd.Env = append(os.Environ(), "_FUSE_COMMFD=3", "LC_ALL=C")
	h.cmd.ExtraFiles = []*os.File{theirs}
	h.cmd.Stderr, h.cmd.WaitDelay = &h.said, time.Second
	if err := h.cmd.Start(); err != nil {
		ours.Close()
		return nil, err
	}
	go func() {
		defer close(h.done)
		h.cmd.Wait() // its text says more than its status
	}()
	return h, nil
}

// helperPath finds fusermount3, also when PATH is poor or empty as under mount(8).
func helperPath() (string, error) {
	for _, name := range []string{"fusermount3", "/usr/bin/fusermount3", "/bin/fusermount3", "fusermount"} {
		if bin, err := exec.LookPath(name); err == nil {
			return filepath.Abs(bin)
		}
	}
	return "", errors.New("fusermount3 is not installed: an ordinary user needs it to mount; install the package fuse3")
}

// helperWords are the options for fusermount3, which splits at commas that have no
// backslash before them.
func helperWords(o Options) []string {
	escape := strings.NewReplacer(`\`, `\\`, `,`, `\,`)
	words := []string{"fsname=" + escape.Replace(o.source()), "subtype=" + escape.Replace(o.subtype())}
	words = append(words, o.kernelWords()...)
	for _, w := range o.words() {
		if slices.Contains(helperKnows, w) {
			words = append(words, w)
		}
	}
	return words
}

// socketPair makes the socket over which fusermount3 sends the descriptor.
func socketPair() (ours *net.UnixConn, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	mine, theirs := os.NewFile(uintptr(fds[0]), "fusermount"), os.NewFile(uintptr(fds[1]), "fusermount")
	defer mine.Close()
	c, err := net.FileConn(mine)
	if err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return c.(*net.UnixConn), theirs, nil
}

// receive takes the descriptor of /dev/fuse out of the one message there is.
func (h *helper) receive() (fd int, err error) {
	h.conn.SetReadDeadline(time.Now().Add(helperTimeout))
	data, control := make([]byte, 1), make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := h.conn.ReadMsgUnix(data, control)
	if err != nil {
		return -1, err
	}
	messages, err := unix.ParseSocketControlMessage(control[:n])
	if err != nil || len(messages) != 1 {
		return -1, io.ErrUnexpectedEOF
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return -1, io.ErrUnexpectedEOF
	}
	return fds[0], nil
}

// stop hangs up and waits until fusermount3 has ended.
func (h *helper) stop() {
	h.conn.Close()
	select {
	case <-h.done:
	case <-time.After(helperTimeout):
		h.cmd.Process.Kill()
		<-h.done
	}
}

// helperHints say what to do about complaints of fusermount3.
var helperHints = []struct{ said, hint string }{
	{"user_allow_other", "ask the administrator to put the line user_allow_other into /etc/fuse.conf, or leave allow_other out"},
	{"device not found", "load the kernel's module with: modprobe fuse"},
	{"failed to open /dev/fuse", "the administrator has to let users open it: chmod 0666 /dev/fuse"},
	{"write access to mountpoint", "mount on a directory that you own"},
	{"not owned by user", "mount on a directory that you own"},
	{"mount_max", "unmount one, or ask the administrator to raise mount_max in /etc/fuse.conf"},
	{"over filesystem type", "mount on a directory of a local file system"},
	{"Operation not permitted", "fusermount3 has to be setuid root: install the package fuse3 properly; in a container this takes CAP_SYS_ADMIN"},
}

// explain makes one sentence of what fusermount3 said.
func (h *helper) explain(err error) error {
	said := helperText(h.said.String())
	if said == "" {
		return fmt.Errorf("fusermount3 did not mount: %w", err)
	}
	for _, h := range helperHints {
		if strings.Contains(said, h.said) {
			return fmt.Errorf("fusermount3: %s: %s", said, h.hint)
		}
	}
	return fmt.Errorf("fusermount3: %s", said)
}

// helperText joins the lines of fusermount3 without its name in front of each.
func helperText(s string) string {
	var lines []string
	for line := range strings.Lines(s) {
		line = strings.TrimPrefix(strings.TrimSpace(line), helperName+": ")
		if line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}
