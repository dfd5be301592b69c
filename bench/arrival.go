package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// until waits for something to become true in the remote directory, which
// nobody would tell. What takes long to find out is asked less often: the
// processors are for who is measured.
func until(ctx context.Context, what string, is func() bool) error {
	for {
		start := time.Now()
		if is() {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s: %w", what, context.Cause(ctx))
		case <-time.After(max(200*time.Microsecond, 4*time.Since(start))):
		}
	}
}

// tailSize is more than a tool has on the way out of order: rclone sends 64
// pieces of 32 KiB at a time, so that a file may have its length before it has
// all of its contents.
const tailSize = 4 << 20

// tail is the end of a file, and its size.
func tail(path string) ([]byte, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	end := make([]byte, min(tailSize, st.Size()))
	_, err = f.ReadAt(end, st.Size()-int64(len(end)))
	return end, st.Size(), err
}

// untilArrived waits until a file of the server has a size and an end. All of
// it is compared afterwards.
func untilArrived(ctx context.Context, path string, size int64, end []byte) error {
	return until(ctx, "the server has "+path, func() bool {
		if st, err := os.Stat(path); err != nil || st.Size() != size {
			return false
		}
		got, _, err := tail(path)
		return err == nil && bytes.HasSuffix(got, end[max(0, len(end)-len(got)):])
	})
}

// unmountWith unmounts once the server has a tree of the mount, for which tools
// wait themselves unless they are lazy. What more there is on the server is not a
// question of time.
func (s *stage) unmountWith(ctx context.Context, name string) error {
	if !s.tool.lazy {
		return s.unmount(ctx)
	}
	missing := "all of it"
	err := until(ctx, "the server has "+name, func() bool {
		want, err := list(filepath.Join(s.mnt, name))
		got, rerr := list(filepath.Join(s.remote, name))
		if err != nil || rerr != nil {
			return false // a directory went away meanwhile
		}
		missing = lack(got, want)
		return missing == ""
	})
	if err != nil {
		return fmt.Errorf("%w; it lacks %s", err, missing)
	}
	return s.unmount(ctx)
}

// lack is the first of the wanted entries that is not there.
func lack(got, want []entry) string {
	there := map[entry]bool{}
	for _, e := range got {
		there[e] = true
	}
	for _, e := range want {
		if !there[e] {
			return fmt.Sprintf("%s with %d bytes", e.path, e.size)
		}
	}
	return ""
}
