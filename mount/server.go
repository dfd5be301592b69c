package mount

import (
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/scpfs/scpfs/mount/mountinfo"
)

// Server is a mounted file system at work.
type Server struct {
	dir   string // absolute, without symlinks; empty when only a descriptor was given
	id    string // of the mount in the mount table; empty when that could not be read
	fuse  *fuse.Server
	log   *slog.Logger
	watch *watcher      // for auto_unmount, or nil
	done  chan struct{} // closed when nothing is served and nothing is mounted any more
}

// Mount puts root on dir and returns when it answers there. The caller has to see
// to the end of it: by Unmount, or by waiting for Done.
//
// The calling program must not have files of the mount open itself. Killed then, it may
// wait for ever: the kernel closes descriptors in their order, and flushes such a file
// before it lets go of /dev/fuse, with nobody left to answer. Moreover package os
// polls what it opens while it holds a thread, which may be the one that was to answer.
func Mount(dir string, root fs.InodeEmbedder, o Options) (*Server, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if err := Check(dir); err != nil {
		return nil, err
	}
	s := &Server{log: o.logger(), done: make(chan struct{})}
	fd, err := s.attach(dir, o)
	if err != nil {
		return nil, err
	}
	if err := s.start(fd, root, o); err != nil {
		s.abandon()
		return nil, err
	}
	return s, nil
}

// attach has the kernel mount dir, and returns the descriptor for it.
func (s *Server) attach(dir string, o Options) (fd int, err error) {
	if fd, ok := inheritedDevice(dir); ok {
		unix.CloseOnExec(fd)
		return fd, nil
	}
	if s.dir, err = realDir(dir); err != nil {
		return -1, fmt.Errorf("mountpoint: %w", err)
	}
	if fd, err = mountSomehow(s.dir, o); err != nil {
		return -1, err
	}
	if e, ok := mountinfo.On(s.dir); ok {
		s.id = e.ID
	}
	return fd, nil
}

// mountSomehow mounts the way this user can.
func mountSomehow(dir string, o Options) (fd int, err error) {
	if os.Geteuid() != 0 {
		return mountHelped(dir, o)
	}
	fd, direct := mountDirect(dir, o)
	if !errors.Is(direct, unix.EPERM) {
		return fd, direct
	}
	// Root in a container may lack the capability that a setuid helper has.
	if fd, err = mountHelped(dir, o); err != nil {
		return -1, errors.Join(direct, err)
	}
	return fd, nil
}

// start speaks with the kernel over fd, which it takes over, until the mount answers.
func (s *Server) start(fd int, root fs.InodeEmbedder, o Options) (err error) {
	if o.AutoUnmount && s.dir != "" {
		if s.watch, err = watch(s.dir, s.id); err != nil {
			unix.Close(fd)
			return fmt.Errorf("auto_unmount: %w", err)
		}
	}
	options := o.fsOptions()
	raw := fs.NewNodeFS(root, options)
	if o.Wrap != nil {
		raw = o.Wrap(raw)
	}
	if o.AllowRoot {
		raw = &ownerOnly{RawFileSystem: raw, uid: uint32(os.Getuid())}
	}
	// go-fuse takes a descriptor that is mounted already by this name.
	s.fuse, err = fuse.NewServer(raw, fmt.Sprintf("/dev/fd/%d", fd), &options.MountOptions)
	if err != nil {
		return fmt.Errorf("first words with the kernel: %w", err)
	}
	go s.serve()
	return nil
}

// serve answers requests until the mount has ended, by whosever doing.
func (s *Server) serve() {
	defer close(s.done)
	s.fuse.Serve()
	s.abandon()
}

// abandon takes away what is left when nobody serves: a mount whose connection the
// kernel has cut answers everything with ENOTCONN until it is unmounted.
func (s *Server) abandon() {
	if s.dir != "" && s.mounted() {
		if err := s.detach(true); err != nil && s.mounted() {
			s.log.Warn("a dead mount is left behind", "mountpoint", s.dir, "err", err)
		}
	}
	if s.watch != nil {
		s.watch.stop()
	}
}

// mounted tells whether our own mount is still in the table; another one may have
// been put on the same directory since.
func (s *Server) mounted() bool {
	table, err := mountinfo.Read()
	if err != nil || s.id == "" {
		return err != nil
	}
	for _, e := range table {
		if e.ID == s.id {
			return true
		}
	}
	return false
}

// Dir is the mountpoint: absolute and without symlinks.
func (s *Server) Dir() string { return s.dir }

// ID is the mount's number, as in the first column of /proc/self/mountinfo; "" if it
// is not known.
func (s *Server) ID() string { return s.id }

// FUSE is the server of go-fuse, for what it knows of the kernel.
func (s *Server) FUSE() *fuse.Server { return s.fuse }

// Done is closed when the mount has ended: by Unmount, by somebody else's umount, or
// because the kernel has cut the connection.
func (s *Server) Done() <-chan struct{} { return s.done }

// Wait returns when the mount has ended and the last request is answered.
func (s *Server) Wait() { <-s.done }
