package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// inside is set in the environment of the process that does the work.
const inside = "SCPFS_BENCH_INSIDE"

// isolated tells whether this process does the work itself. Root's does it in a
// mount namespace of its own: somebody else's new namespace would otherwise
// get copies of our mounts and keep them, and with them the tools, from ending. Also
// nothing stays mounted, however this ends. Others have to do without.
func isolated() bool { return os.Geteuid() != 0 || os.Getenv(inside) != "" }

// isolate runs this program again in a new mount namespace, and returns its
// exit status.
func isolate(args []string) (int, error) {
	runtime.LockOSThread() // Pdeathsig is about the thread that starts the process
	defer runtime.UnlockOSThread()
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, endings...)
	defer signal.Stop(signals)
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS, Setpgid: true, Pdeathsig: syscall.SIGTERM,
	}
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("start in a mount namespace of its own: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			cmd.Process.Signal(s)
		case err := <-ended:
			if failed, ok := errors.AsType[*exec.ExitError](err); ok && failed.ExitCode() > 0 {
				return failed.ExitCode(), nil
			}
			return 0, err
		}
	}
}

// letGo makes what this namespace mounts its own affair, and gives up the
// copies of others' mounts that programs serve: held here they would outlive
// their unmounting outside. What this program itself lies on stays.
func letGo() error {
	if os.Getenv(inside) == "" {
		return nil
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("separate the mount namespace: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	mounts, err := served()
	for _, dir := range mounts {
		if !below(self, dir) && !below(here, dir) && !below(os.TempDir(), dir) {
			unix.Unmount(dir, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW) // it may be gone already
		}
	}
	return err
}

// below tells whether a path lies in a directory.
func below(path, dir string) bool {
	return strings.HasPrefix(path+"/", strings.TrimSuffix(dir, "/")+"/")
}
