package fusefs_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/hanwen/go-fuse/v2/posixtest"

	"time"

	"github.com/scpfs/scpfs/cache"
	"github.com/scpfs/scpfs/fusefs"
	"github.com/scpfs/scpfs/mount"
	"github.com/scpfs/scpfs/scpio"
	"github.com/scpfs/scpfs/scpio/scptest"
)

func start(t *testing.T, srv *scptest.Server) (mnt, remote string) {
	remote, mnt = t.TempDir(), t.TempDir()
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	cl, err := scpio.New(t.Context(), func(context.Context) (scpio.Conn, error) { return scpio.NewConn(srv.Dial(t)), nil }, scpio.Options{Root: remote, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	h := cl.Host()
	c, err := cache.Open(t.Context(), cl, cache.Options{Dir: filepath.Join(t.TempDir(), "cache"), Timeouts: cache.SameTimeouts(20 * time.Second), UID: h.UID, GID: h.GID, Groups: h.Groups, Hostname: "here", Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	f := fusefs.New(c, fusefs.Options{Logger: log})
	root := f.Root()
	s, err := mount.Mount(mnt, root, mount.Options{Logger: log, Debug: os.Getenv("FUSEDEBUG") != "", Base: f.Options()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Unmount(context.Background()); err != nil {
			t.Error(err)
		}
		if err := c.Close(context.Background()); err != nil {
			t.Error(err)
		}
		cl.Close()
	})
	return mnt, remote
}

func TestPosix(t *testing.T) {
	srv := scptest.Start(t)
	for name, f := range posixtest.All {
		t.Run(name, func(t *testing.T) {
			mnt, _ := start(t, srv)
			f(t, mnt)
		})
	}
}
