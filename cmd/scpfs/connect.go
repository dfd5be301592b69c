package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/scpfs/scpfs/cache"
	"github.com/scpfs/scpfs/control"
	"github.com/scpfs/scpfs/scpio"
	"github.com/scpfs/scpfs/scpio/sshdial"
)

// newClient makes a client of the host, which is still to be reached.
func newClient(cfg config, log *slog.Logger) (*scpio.Client, *sshdial.Dialer, error) {
	prompter, err := prompter(cfg)
	if err != nil {
		return nil, nil, err
	}
	dialer, err := sshdial.New(cfg.Host, sshdial.Options{
		ConfigFile: cfg.SSHConfig,
		Port:       cfg.Port,
		User:       cfg.User,
		SSHOptions: cfg.SSHOptions,
		Dir:        commandDir(cfg.Mountpoint),
		Prompter:   prompter,
		Logger:     log,
		// A peer that is gone is noticed, after three intervals more, and
		// another connection tried within the time that an operation waits.
		KeepAlive:      min(max(cfg.Timeout/8, 500*time.Millisecond), 15*time.Second),
		ConnectTimeout: min(max(cfg.Timeout/2, 5*time.Second), 15*time.Second),
	})
	if err != nil {
		return nil, nil, err
	}
	dial := func(ctx context.Context) (scpio.Conn, error) {
		client, err := dialer.Dial(ctx)
		if err != nil {
			return nil, err
		}
		return scpio.NewConn(client), nil
	}
	o := scpio.Options{Root: cfg.Dir, Timeout: cfg.Timeout, FollowSymlinks: cfg.FollowSymlinks, Logger: log}
	return scpio.NewLater(dial, o), dialer, nil
}

// commandDir is where a ProxyCommand runs, from the background as well: where the program was
// started. Not below its own mountpoint: the mount would wait for a command that waits for it.
func commandDir(mountpoint string) string {
	dir, err := filepath.EvalSymlinks(control.Absolute("."))
	if err != nil {
		return ""
	}
	point, err := filepath.EvalSymlinks(control.Absolute(mountpoint))
	if err != nil {
		return ""
	}
	if below, err := filepath.Rel(point, dir); err != nil || filepath.IsLocal(below) {
		return ""
	}
	return dir
}

// prompter is whom to ask for passwords and passphrases.
func prompter(cfg config) (sshdial.Prompter, error) {
	if !cfg.PasswordStdin {
		return sshdial.DefaultPrompter(), nil
	}
	password, err := sshdial.ReadPassword(os.Stdin)
	if err != nil {
		return nil, fmt.Errorf("read the password from standard input: %w", err)
	}
	return password, nil
}

// explain makes one sentence that says what to do of an error at the start.
func explain(cfg config, err error) error {
	e, ok := errors.AsType[*scpio.Error](err)
	if !ok || e.Op != "open" {
		return err
	}
	dir := cfg.Dir
	if dir == "" {
		dir = "the home directory"
	}
	switch {
	case errors.Is(err, syscall.ENOENT):
		return fmt.Errorf("%s has no directory %s: make it there, or name another", cfg.Host, dir)
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%s on %s is not a directory: name one", dir, cfg.Host)
	case errors.Is(err, syscall.EACCES) && e.Said != "":
		return fmt.Errorf("%s on %s may not be entered: log in as another user, or change its mode there", dir, cfg.Host)
	}
	if dial, ok := errors.AsType[*sshdial.Error](e.Err); ok {
		return dial // names the host itself
	}
	return fmt.Errorf("%s: %w", cfg.Host, e.Err)
}

// The client is the remote of the cache as it is.
var _ cache.Remote = (*scpio.Client)(nil)
