package cachetest_test

import (
	"context"
	"os"
	"testing"

	"github.com/scpfs/scpfs/cache"
	"github.com/scpfs/scpfs/cache/cachetest"
	"github.com/scpfs/scpfs/scpio"
	"github.com/scpfs/scpfs/scpio/scptest"
)

// The real client is a Remote.
var _ cache.Remote = (*scpio.Client)(nil)

func TestDir(t *testing.T) {
	cachetest.Run(t, func(t *testing.T) (cache.Remote, string) {
		dir := t.TempDir()
		return cachetest.NewDir(dir), dir
	})
}

func TestFaultless(t *testing.T) {
	cachetest.Run(t, func(t *testing.T) (cache.Remote, string) {
		dir := t.TempDir()
		return cachetest.NewFaulty(cachetest.NewDir(dir)), dir
	})
}

func TestClient(t *testing.T) {
	testClient(t, scptest.Start(t))
}

func TestClientOfBusybox(t *testing.T) {
	testClient(t, scptest.Start(t, scptest.BusyboxOnly()))
}

func testClient(t *testing.T, srv *scptest.Server) {
	cachetest.Run(t, func(t *testing.T) (cache.Remote, string) {
		dir, err := os.MkdirTemp(srv.Home, "r")
		if err != nil {
			t.Fatal(err)
		}
		dial := func(context.Context) (scpio.Conn, error) { return scpio.NewConn(srv.Dial(t)), nil }
		c, err := scpio.New(t.Context(), dial, scpio.Options{Root: dir})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c, dir
	})
}
