package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// times is how often an append or a save is done.
const times = 10

func appendWorkload() workload {
	line := []byte(strings.Repeat("a line of a log, ", 60) + "\n")
	original := func(s *stage) (string, error) { return s.fixtures.file(s.size(16 << 20)) }
	return workload{
		name: "appends", whole: true,
		prepare: func(ctx context.Context, s *stage) error {
			path, err := original(s)
			return s.own(ctx, path, err)
		},
		steps: []step{{
			row: "ten appends to 16 MiB, each until the server has it",
			run: func(ctx context.Context, s *stage) error {
				end, size, err := tail(filepath.Join(s.remote, "large"))
				if err != nil {
					return err
				}
				for range times {
					if err := appendTo(filepath.Join(s.mnt, "large"), line); err != nil {
						return err
					}
					end, size = append(end, line...), size+int64(len(line))
					if err := untilArrived(ctx, filepath.Join(s.remote, "large"), size, end); err != nil {
						return err
					}
				}
				return nil
			},
			verify: func(_ context.Context, s *stage) error {
				path, err := original(s)
				if err != nil {
					return err
				}
				return sameAppended(filepath.Join(s.remote, "large"), filepath.Join(path, "large"), bytes.Repeat(line, times))
			},
		}},
	}
}

func appendTo(path string, line []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	if _, err := f.Write(line); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// sameAppended compares a file with another one and what was appended to it.
func sameAppended(got, old string, added []byte) error {
	want, err := os.ReadFile(old)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(got)
	if err != nil {
		return err
	}
	if !bytes.Equal(data, append(want, added...)) {
		return fmt.Errorf("%s is not %s with %d bytes appended", got, old, len(added))
	}
	return nil
}

func saveWorkload() workload {
	version := func(i int) []byte { return bytes.Repeat(fmt.Appendf(nil, "version %2d, as saved\n", i), 1000) }
	return workload{
		name: "saves", whole: true,
		prepare: func(_ context.Context, s *stage) error {
			if err := os.Mkdir(s.remote, 0o755); err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(s.remote, "text"), version(-1), 0o644)
		},
		steps: []step{{
			row: "ten atomic saves of 20 KB, each until the server has it",
			run: func(ctx context.Context, s *stage) error {
				for i := range times {
					if err := save(filepath.Join(s.mnt, "text"), version(i)); err != nil {
						return err
					}
					if err := untilContent(ctx, filepath.Join(s.remote, "text"), version(i)); err != nil {
						return err
					}
				}
				return nil
			},
			verify: func(_ context.Context, s *stage) error {
				if _, err := os.Lstat(filepath.Join(s.remote, "text.new")); err == nil {
					return fmt.Errorf("text.new is still there")
				}
				return nil // each save was compared as it arrived
			},
		}},
	}
}

// save is what careful editors do: a new file, on disk, renamed.
func save(path string, data []byte) error {
	f, err := os.Create(path + ".new")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func untilContent(ctx context.Context, path string, want []byte) error {
	return until(ctx, "the server has "+path, func() bool {
		got, err := os.ReadFile(path)
		return err == nil && bytes.Equal(got, want)
	})
}

// unpackWorkload is what most programs do that make files: they make each
// exclusively, which the server has to decide on when it is opened.
func unpackWorkload() workload {
	w := unpacking("unpack", "unpack 2,000 small files, until unmounted")
	w.steps[0].scp = func(ctx context.Context, s *stage) error {
		tree, err := s.small()
		if err != nil {
			return err
		}
		return s.scp(ctx, tree, "remote:"+s.remote+"/unpacked")
	}
	return w
}

// overwriteWorkload is the same without that.
func overwriteWorkload() workload {
	return unpacking("overwrite", "the same with tar --overwrite, until unmounted", "--overwrite")
}

// unpacking unpacks the tree of small files.
func unpacking(name, row string, options ...string) workload {
	return workload{
		name: name,
		prepare: func(ctx context.Context, s *stage) error {
			tree, err := s.small()
			if err != nil {
				return err
			}
			if _, err := s.fixtures.archive(ctx, tree); err != nil {
				return err
			}
			return os.Mkdir(s.remote, 0o755)
		},
		steps: []step{{
			row: row,
			run: func(ctx context.Context, s *stage) error {
				tree, err := s.small()
				if err != nil {
					return err
				}
				to := filepath.Join(s.mnt, "unpacked")
				if err := os.Mkdir(to, 0o755); err != nil {
					return err
				}
				tar := append([]string{"tar", "-xf", tree + ".tar", "--no-same-owner", "-C", to}, options...)
				if err := s.run(ctx, tar...); err != nil {
					return err
				}
				return s.unmountWith(ctx, "unpacked")
			},
			verify: func(_ context.Context, s *stage) error {
				tree, err := s.small()
				if err != nil {
					return err
				}
				return sameTrees(filepath.Join(s.remote, "unpacked"), tree, "")
			},
		}},
	}
}

func copyWorkload() workload {
	return workload{
		name: "copy", whole: true,
		prepare: func(_ context.Context, s *stage) error {
			if _, err := s.large(); err != nil {
				return err
			}
			return os.Mkdir(s.remote, 0o755)
		},
		steps: []step{{
			row: "copy 256 MiB in, until the server has it", bulk: true,
			run: func(ctx context.Context, s *stage) error {
				dir, err := s.large()
				if err != nil {
					return err
				}
				return s.copyTo(ctx, filepath.Join(dir, "large"), filepath.Join(dir, "large"))
			},
			scp: func(ctx context.Context, s *stage) error {
				dir, err := s.large()
				if err != nil {
					return err
				}
				return s.scp(ctx, filepath.Join(dir, "large"), "remote:"+s.remote+"/copy")
			},
			verify: func(_ context.Context, s *stage) error {
				dir, err := s.large()
				if err != nil {
					return err
				}
				return sameFiles(filepath.Join(s.remote, "copy"), filepath.Join(dir, "large"))
			},
		}},
	}
}

// copyTo copies a file to "copy" in the mount, and waits until the server has
// all of it. The same file on the disk is what to wait for.
func (s *stage) copyTo(ctx context.Context, from, same string) error {
	end, size, err := tail(same)
	if err != nil {
		return err
	}
	if err := s.run(ctx, "cp", from, filepath.Join(s.mnt, "copy")); err != nil {
		return err
	}
	return untilArrived(ctx, filepath.Join(s.remote, "copy"), size, end)
}
