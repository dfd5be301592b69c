package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func mountWorkload() workload {
	return workload{
		name: "mount", whole: true, mounts: true,
		prepare: func(_ context.Context, s *stage) error {
			return s.borrow(s.fixtures.tree(1, 10, 0, 100))
		},
		steps: []step{{
			row: "mount and first ls",
			run: func(ctx context.Context, s *stage) error {
				if err := s.mount(ctx); err != nil {
					return err
				}
				return s.run(ctx, "ls", s.mnt)
			},
			verify: func(_ context.Context, s *stage) error { return s.sameNames(0) },
		}},
	}
}

func treeWorkload() workload {
	return workload{
		name: "tree",
		prepare: func(_ context.Context, s *stage) error {
			return s.borrow(s.fixtures.tree(s.count(500), s.count(10000), 0, 100))
		},
		steps: []step{
			{
				row:    "ls -lR, 10,000 files in 500 directories",
				run:    func(ctx context.Context, s *stage) error { return s.run(ctx, "ls", "-lR", s.mnt) },
				verify: func(ctx context.Context, s *stage) error { return s.sameListing(ctx, "-lR", s.mnt, s.remote) },
			},
			{
				row:    "find in it, warm",
				run:    func(ctx context.Context, s *stage) error { return s.run(ctx, "find", s.mnt, "-mindepth", "1") },
				verify: func(_ context.Context, s *stage) error { return s.sameNames(len(s.mnt) + 1) },
			},
		},
	}
}

func flatWorkload() workload {
	return workload{
		name: "directory",
		prepare: func(_ context.Context, s *stage) error {
			return s.borrow(s.fixtures.tree(1, s.count(10000), 0, 100))
		},
		steps: []step{{
			row: "ls -l, 10,000 files in a directory",
			run: func(ctx context.Context, s *stage) error { return s.run(ctx, "ls", "-l", s.mnt+"/d000") },
			verify: func(ctx context.Context, s *stage) error {
				return s.sameListing(ctx, "-l", s.mnt, s.remote, "d000")
			},
		}},
	}
}

// sameNames compares the output of a command, a path a line of which cut bytes
// are left out, with the remote directory: all of it, or its top for cut 0.
func (s *stage) sameNames(cut int) error {
	var got, want []string
	for line := range strings.Lines(s.out.String()) {
		if len(line) <= cut {
			return fmt.Errorf("unexpected line %q", line)
		}
		got = append(got, strings.TrimSuffix(line[cut:], "\n"))
	}
	entries, err := list(s.remote)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if cut > 0 || !strings.Contains(e.path, "/") {
			want = append(want, e.path)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		return fmt.Errorf("names: %s", difference(got, want))
	}
	return nil
}

// sameListing compares the output of ls with that of the same in the remote
// directory: types, names, and sizes of files. Owners, modes and numbers of links
// are the tools' own business.
func (s *stage) sameListing(ctx context.Context, flags, mnt, remote string, sub ...string) error {
	got := essence(s.out.Bytes(), mnt)
	dir := filepath.Join(append([]string{remote}, sub...)...)
	if err := s.run(ctx, "ls", flags, dir); err != nil {
		return err
	}
	if want := essence(s.out.Bytes(), remote); !slices.Equal(got, want) {
		return fmt.Errorf("ls %s: %s", flags, difference(got, want))
	}
	return nil
}

func essence(listing []byte, top string) []string {
	var lines []string
	for line := range bytes.Lines(listing) {
		fields := strings.Fields(string(line))
		switch {
		case len(fields) == 1:
			lines = append(lines, strings.TrimPrefix(fields[0], top))
		case len(fields) == 9 && fields[0][0] == '-':
			lines = append(lines, fields[4]+" "+fields[8])
		case len(fields) == 9:
			lines = append(lines, fields[0][:1]+" "+fields[8])
		}
	}
	return lines
}

// copied is where scp puts what it downloads.
func (s *stage) copied() string { return filepath.Join(s.dir, "copied") }

// readBack makes the last step's data what scp has brought.
func (s *stage) readBack(tree string) error {
	all, err := paths(tree, s.copied())
	if err != nil {
		return err
	}
	defer os.RemoveAll(s.copied())
	return s.readAll(all)
}
