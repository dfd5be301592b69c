package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

func gitWorkload() workload {
	status := func(ctx context.Context, s *stage) error {
		return s.run(ctx, "git", "-C", s.mnt, "status", "--porcelain")
	}
	clean := func(_ context.Context, s *stage) error {
		if s.out.Len() > 0 {
			return fmt.Errorf("git sees changes where there are none: %.300s", s.out.String())
		}
		return nil
	}
	return workload{
		name: "git status",
		prepare: func(ctx context.Context, s *stage) error {
			repo, err := s.repository(ctx)
			if err := s.own(ctx, repo, err); err != nil {
				return err
			}
			// The index is to be what git on the server would have left.
			return s.run(ctx, "git", "-C", s.remote, "status", "--porcelain")
		},
		steps: []step{
			{row: "git status, 2,000 files", run: status, verify: clean},
			{row: "git status, 2,000 files, warm", run: status, verify: clean},
		},
	}
}

func cloneWorkload() workload {
	return workload{
		name: "git clone",
		prepare: func(ctx context.Context, s *stage) error {
			if _, err := s.repository(ctx); err != nil {
				return err
			}
			return os.Mkdir(s.remote, 0o755)
		},
		steps: []step{{
			row: "git clone, 2,000 files, until unmounted",
			run: func(ctx context.Context, s *stage) error {
				repo, err := s.repository(ctx)
				if err != nil {
					return err
				}
				if err := s.run(ctx, "git", "clone", "-q", "file://"+repo, filepath.Join(s.mnt, "clone")); err != nil {
					return err
				}
				return s.unmountWith(ctx, "clone")
			},
			verify: func(ctx context.Context, s *stage) error {
				clone := filepath.Join(s.remote, "clone")
				if err := s.run(ctx, "git", "-C", clone, "fsck", "--strict", "--no-progress"); err != nil {
					return err
				}
				tree, err := s.small()
				if err != nil {
					return err
				}
				return sameTrees(clone, tree, ".git")
			},
		}},
	}
}

// repository is the small files under version control.
func (s *stage) repository(ctx context.Context) (string, error) {
	tree, err := s.small()
	if err != nil {
		return "", err
	}
	return s.fixtures.repository(ctx, tree)
}
