// Command scpfs mounts a directory of a remote host over SSH, with nothing
// on the other side but a shell and scp.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/scpfs/scpfs/mount"
)

// version is set when the program is built.
var version = "unknown"

func main() { os.Exit(run()) }

// run is the program; what it returns is the exit status.
func run() int {
	if c, ok := commandOf(os.Args[1:]); ok {
		return runCommand(c, os.Args[2:])
	}
	child, background := mount.InBackground()
	cfg, err := parseArgs(os.Args[0], os.Args[1:])
	switch {
	case err != nil:
		return report(child, err)
	case cfg.Help:
		err = writeHelp(os.Stdout)
	case cfg.Version:
		_, err = fmt.Println("scpfs version", version)
	case cfg.Fake:
	case cfg.Foreground || background:
		return serve(cfg, child)
	default:
		err = detach()
	}
	return report(nil, err)
}

// detach runs the same command again in the background, and waits until it
// has mounted or failed.
func detach() error {
	ctx, stop := untilTold()
	defer stop()
	return mount.Background(ctx)
}

// report says what went wrong, on the terminal or to the process that waits
// there.
func report(child *mount.Child, err error) int {
	switch {
	case err == nil:
		return 0
	case child != nil:
		child.Fail(err)
	default:
		fmt.Fprintln(os.Stderr, "scpfs:", err)
	}
	if failed, ok := errors.AsType[*mount.ChildError](err); ok {
		return failed.Status
	}
	return 1
}
