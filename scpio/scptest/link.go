package scptest

import (
	"testing"

	"github.com/scpfs/scpfs/scpio/scptest/link"
)

// What a link is, is said in package link, which the benchmark uses as well.
type (
	Link        = link.Link
	LinkOptions = link.Options
	Direction   = link.Direction
)

const (
	Up   = link.Up   // client to server
	Down = link.Down // server to client
)

// NewLink puts a link in front of the server at addr, until the test ends.
func NewLink(t testing.TB, addr string, options LinkOptions) *Link {
	t.Helper()
	k, err := link.New(addr, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	return k
}
