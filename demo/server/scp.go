package main

import (
	"context"
	"fmt"
	"os"

	"github.com/scpfs/scpfs/scpio"
)

// serveSCP is scp -f and scp -t, for machines that have no scp.
func serveSCP(args []string) int {
	command, err := scpio.ParseServerArgs(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "scp:", err)
		return 1
	}
	dir, err := os.Getwd()
	if err != nil {
		fmt.Fprintln(os.Stderr, "scp:", err)
		return 1
	}
	if err := command.Serve(context.Background(), os.Stdin, os.Stdout, dir); err != nil {
		return 1
	}
	return 0
}
