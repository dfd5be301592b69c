package fusefs

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// interruptible derives the context of a request that may wait for the
// network. The kernel tells of every signal that the program gets meanwhile,
// also of those that mean nothing by it: a SIGCHLD or SIGWINCH that has a
// handler, the SIGURG by which Go's runtime preempts itself. Programs do not
// expect EINTR from stat(2) or close(2) then. So the wait ends only for a
// signal that somebody sends to have it ended, see wantsEnd.
func (f *FS) interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancel(f.ctx)
	caller, ok := ctx.(*fuse.Context)
	if !ok {
		return out, cancel
	}
	stop := context.AfterFunc(ctx, func() { watchSignals(caller.Pid, out, cancel) })
	return out, func() {
		stop()
		cancel()
	}
}

// watchSignals ends a wait when a signal asks for it. The kernel speaks up
// once a request, so after the first signal it has to be watched for.
func watchSignals(pid uint32, ctx context.Context, cancel context.CancelFunc) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if wantsEnd(pid) {
			cancel()
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// ending are the signals by which people and supervisors end programs. One
// that a program ignores or blocks does not count.
const ending = 1<<(syscall.SIGHUP-1) | 1<<(syscall.SIGINT-1) | 1<<(syscall.SIGQUIT-1) |
	1<<(syscall.SIGTERM-1) | 1<<(syscall.SIGKILL-1)

// wantsEnd tells whether a signal to end it waits for a thread, or the
// thread is gone. The kernel adds SIGKILL to the pending signals of a
// process that another signal kills.
func wantsEnd(tid uint32) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", tid))
	if err != nil {
		return true
	}
	var pending, masked uint64
	for lines := bufio.NewScanner(bytes.NewReader(status)); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ":")
		set, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
		switch {
		case err != nil:
		case name == "SigPnd" || name == "ShdPnd":
			pending |= set
		case name == "SigBlk" || name == "SigIgn":
			masked |= set
		}
	}
	return pending&^masked&ending != 0
}
