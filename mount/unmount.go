package mount

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/scpfs/scpfs/mount/mountinfo"
)

// unmountPatience is how long a busy mount is tried again. Closing the last file is
// told to the kernel a moment after close(2) has returned.
const unmountPatience = 500 * time.Millisecond

// BusyError says that a mount cannot be taken away because it is in use.
type BusyError struct {
	Dir     string
	Holders []Holder // who is in the way, as far as this user may know
	Below   []string // mounts further down
}

func (e *BusyError) Error() string {
	var reasons []string
	for _, h := range e.Holders {
		reasons = append(reasons, h.String())
	}
	for _, dir := range e.Below {
		reasons = append(reasons, "the mount on "+dir)
	}
	if reasons == nil {
		return fmt.Sprintf("%s is busy, held by a process of another user", e.Dir)
	}
	return fmt.Sprintf("%s is busy, held by %s", e.Dir, strings.Join(reasons, ", "))
}

func (e *BusyError) Unwrap() error { return unix.EBUSY }

// Unmount takes the mount away and waits until the last request is answered. A mount
// in use stays, and a *BusyError says by whom. An ended mount is no error.
func (s *Server) Unmount(ctx context.Context) error {
	if s.dir == "" {
		return errors.New("the mountpoint is only known to whoever opened /dev/fuse: unmount it there")
	}
	give := time.Now().Add(unmountPatience)
	for delay := 5 * time.Millisecond; ; delay *= 2 {
		err := s.detach(false)
		if err == nil || !s.mounted() {
			return s.ended(ctx)
		}
		if !errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("unmount %s: %w", s.dir, err)
		}
		if time.Now().After(give) {
			return s.busy()
		}
		select {
		case <-s.done:
			return nil
		case <-ctx.Done():
			return s.busy()
		case <-time.After(delay):
		}
	}
}

// UnmountLazy hides the mount at once; it ends when the last file in it is closed,
// which Done tells.
func (s *Server) UnmountLazy() error {
	if err := s.detach(true); err != nil && s.mounted() {
		return fmt.Errorf("unmount %s: %w", s.dir, err)
	}
	return nil
}

func (s *Server) busy() error {
	return &BusyError{Dir: s.dir, Holders: holders(s.dir), Below: mountinfo.Below(s.dir)}
}

// ended waits for the last answers.
func (s *Server) ended(ctx context.Context) error {
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s is unmounted, requests are still under way: %w", s.dir, context.Cause(ctx))
	}
}

// detach asks the kernel once, itself or through fusermount3. Both go by the path, and take
// away what is on top there.
func (s *Server) detach(lazy bool) error {
	if err := s.onTop(); err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		return detachHelped(s.dir, lazy)
	}
	flags := unix.UMOUNT_NOFOLLOW
	if lazy {
		flags |= unix.MNT_DETACH
	}
	err := unix.Unmount(s.dir, flags)
	if errors.Is(err, unix.EPERM) {
		return detachHelped(s.dir, lazy)
	}
	return err
}

// onTop refuses when another mount hides ours.
func (s *Server) onTop() error {
	top, ok := mountinfo.On(s.dir)
	if ok && s.id != "" && top.ID != s.id {
		return fmt.Errorf("%s (%s) is mounted on top of it: unmount that first", top.Source, top.Type)
	}
	return nil
}

// detachHelped has fusermount3 unmount, and tells "busy" by its text, as it has one
// exit status for everything.
func detachHelped(dir string, lazy bool) error {
	bin, err := helperPath()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), helperTimeout)
	defer cancel()
	how := "-u"
	if lazy {
		how = "-uz"
	}
	cmd := exec.CommandContext(ctx, bin, how, "--", dir)
	cmd.Args[0] = helperName
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	said := helperText(string(out))
	if strings.Contains(said, "busy") {
		return fmt.Errorf("fusermount3: %s: %w", said, unix.EBUSY)
	}
	return fmt.Errorf("fusermount3: %s: %w", said, err)
}
