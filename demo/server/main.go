// Server is the other side of the demonstration: an SSH server on the loopback
// interface that lets one key in, made for the occasion, and runs what it is asked to
// run with a private home directory. It offers no SFTP, which is the
// point. It is no server for anything else.
//
// It prepares everything in the directory given by -state: home, the home directory;
// config, an ssh_config(5) with a host "demo"; and keys. Then it prints "ready" and
// serves until its standard input ends or it is told to stop.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	if filepath.Base(os.Args[0]) == "scp" {
		os.Exit(serveSCP(os.Args[1:]))
	}
	state := flag.String("state", "", "private directory to work in")
	flag.Parse()
	if err := run(*state); err != nil {
		fmt.Fprintln(os.Stderr, "demo server:", err)
		os.Exit(1)
	}
}

func run(state string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s, err := prepare(state)
	if err != nil {
		return err
	}
	go func() {
		io.Copy(io.Discard, os.Stdin) // ends with the process that started us
		stop()
	}()
	fmt.Println("ready")
	return s.serve(ctx)
}
