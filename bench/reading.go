package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
)

func smallWorkload() workload {
	read := func(_ context.Context, s *stage) error {
		all, err := paths(s.remote, s.mnt)
		if err != nil {
			return err
		}
		return s.readAll(all)
	}
	verify := func(_ context.Context, s *stage) error { return s.sameData() }
	return workload{
		name:    "small files",
		prepare: func(_ context.Context, s *stage) error { return s.borrow(s.small()) },
		steps: []step{
			{
				row: "read 2,000 small files", run: read,
				scp: func(ctx context.Context, s *stage) error { return s.scp(ctx, "remote:"+s.remote, s.copied()) },
				verify: func(_ context.Context, s *stage) error {
					return errors.Join(s.fetched(), s.sameData())
				},
			},
			{row: "read 2,000 small files again", run: read, verify: verify},
		},
	}
}

// fetched makes what scp has copied look as if it had been read.
func (s *stage) fetched() error {
	if !s.tool.file {
		return nil
	}
	return s.readBack(s.remote)
}

// sameData compares what was read with all of the remote directory's files.
func (s *stage) sameData() error {
	all, err := paths(s.remote, s.remote)
	if err != nil {
		return err
	}
	if len(all) != len(s.data) {
		return fmt.Errorf("read %d files of %d", len(s.data), len(all))
	}
	for i, path := range all {
		st, err := os.Stat(path)
		if err != nil {
			return err
		}
		if int64(len(s.data[i])) != st.Size() {
			return fmt.Errorf("read %d bytes of %s, which has %d", len(s.data[i]), path, st.Size())
		}
		if err := sameAt(s.data[i], path, 0); err != nil {
			return fmt.Errorf("read from %s: %w", path, err)
		}
	}
	return nil
}

// The rows that are also put beside scp and the local disk.
const (
	readLarge = "read 256 MiB"
	readAgain = "read 256 MiB again"
	readThird = "read 256 MiB a third time"
)

func largeWorkload() workload {
	read := func(_ context.Context, s *stage) error { return readInto(filepath.Join(s.mnt, "large"), s.data[0]) }
	verify := func(_ context.Context, s *stage) error { return s.sameData() }
	return workload{
		name: "large file", whole: true,
		prepare: func(ctx context.Context, s *stage) error {
			s.data = [][]byte{touched(s.size(256 << 20))}
			path, err := s.large()
			return s.own(ctx, path, err)
		},
		steps: []step{
			{
				row: readLarge, bulk: true, run: read,
				scp: func(ctx context.Context, s *stage) error {
					return s.scp(ctx, "remote:"+s.remote+"/large", s.dir+"/fetched")
				},
				verify: func(_ context.Context, s *stage) error {
					if s.tool.file {
						return sameFiles(s.dir+"/fetched", s.remote+"/large")
					}
					return s.sameData()
				},
			},
			{row: readAgain, run: read, verify: verify},
			{row: readThird, run: read, verify: verify},
			randomReads(),
			{
				row: "remount, read 256 MiB",
				run: func(ctx context.Context, s *stage) error {
					if err := s.unmount(ctx); err != nil {
						return err
					}
					if err := s.mount(ctx); err != nil {
						return err
					}
					return read(ctx, s)
				},
				verify: verify,
			},
			{
				row:    "copy 256 MiB inside the mount",
				run:    func(ctx context.Context, s *stage) error { return s.copyTo(ctx, s.mnt+"/large", s.remote+"/large") },
				verify: func(_ context.Context, s *stage) error { return sameFiles(s.remote+"/copy", s.remote+"/large") },
			},
		},
	}
}

// block is what is read at random.
const block = 4 << 10

// randomReads reads pages of the large file into a part of memory of its own.
func randomReads() step {
	offsets := func(s *stage) []int64 {
		r := rand.New(rand.NewPCG(1, 2))
		all := make([]int64, s.count(1000))
		for i := range all {
			all[i] = r.Int64N(s.size(256<<20)/block) * block
		}
		return all
	}
	var got []byte
	return step{
		row: "1,000 random reads of 4 KiB, warm",
		run: func(_ context.Context, s *stage) error {
			where := offsets(s)
			got = make([]byte, len(where)*block)
			return readAt(filepath.Join(s.mnt, "large"), where, got)
		},
		verify: func(_ context.Context, s *stage) error {
			for i, off := range offsets(s) {
				if err := sameAt(got[i*block:(i+1)*block], filepath.Join(s.remote, "large"), off); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// readAt reads a block at each offset, one behind the other into memory.
func readAt(path string, offsets []int64, memory []byte) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for i, off := range offsets {
		if _, err := f.ReadAt(memory[i*block:(i+1)*block], off); err != nil {
			return err
		}
	}
	return nil
}

func endsWorkload() workload {
	offsets := func(s *stage) []int64 { return []int64{0, s.size(256<<20) - block} }
	got := make([]byte, 2*block)
	return workload{
		name: "ends", whole: true,
		prepare: func(_ context.Context, s *stage) error { return s.borrow(s.large()) },
		steps: []step{{
			row: "first and last 4 KiB of 256 MiB",
			run: func(_ context.Context, s *stage) error {
				return readAt(filepath.Join(s.mnt, "large"), offsets(s), got)
			},
			verify: func(_ context.Context, s *stage) error {
				path, at := filepath.Join(s.remote, "large"), offsets(s)
				return errors.Join(sameAt(got[:block], path, at[0]), sameAt(got[block:], path, at[1]))
			},
		}},
	}
}
