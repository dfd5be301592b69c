package mount

import (
	"io"
	"os/exec"
	"syscall"
	"time"
)

// watchScript is a process that outlives ours. A line on its standard input means that
// all is well; an end without one that our process has died, and left a dead mount. That is
// taken away even with somebody in it, but not what may be mounted on top of it.
const watchScript = `trap '' HUP INT TERM
read -r _ && exit
dir= top=
while read -r id _ _ _ at _; do
	[ "$id" = "$2" ] && dir=$at
	[ "$at" = "$dir" ] && top=$id
done </proc/self/mountinfo
[ "$top" = "$2" ] && exec "$1" -uz -- "$0"`

// watcher unmounts when this process dies (auto_unmount). fusermount3 offers the same,
// but up to version 3.14 does it only for mounts that root may enter: it looks
// whether the mount is dead, and is refused.
type watcher struct {
	cmd *exec.Cmd
	in  io.WriteCloser
}

// watch starts a watcher for the mount with an ID on dir.
func watch(dir, id string) (*watcher, error) {
	bin, err := helperPath()
	if err != nil {
		return nil, err
	}
	w := &watcher{cmd: exec.Command("/bin/sh", "-c", watchScript, dir, bin, id)}
	w.cmd.Dir = "/"
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if w.in, err = w.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := w.cmd.Start(); err != nil {
		return nil, err
	}
	return w, nil
}

// stop lets the watcher go, when the mount has ended properly.
func (w *watcher) stop() {
	io.WriteString(w.in, "\n")
	w.in.Close()
	kill := time.AfterFunc(helperTimeout, func() { w.cmd.Process.Kill() })
	defer kill.Stop()
	w.cmd.Wait()
}
