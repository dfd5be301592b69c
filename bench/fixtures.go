package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// fixtures are trees of files that are made once, and copied for whoever
// changes them. Their contents are noise, always the same.
type fixtures struct {
	dir string
	env []string
}

// once makes what is not there yet, and returns its path.
func (f *fixtures) once(name string, create func(path string) error) (string, error) {
	path := filepath.Join(f.dir, name)
	if _, err := os.Lstat(path); err == nil {
		return path, nil
	}
	unfinished := path + ".new"
	if err := create(unfinished); err != nil {
		return "", err
	}
	return path, os.Rename(unfinished, path)
}

// tree is files of least to most bytes, spread over directories.
func (f *fixtures) tree(dirs, files, least, most int) (string, error) {
	name := fmt.Sprintf("tree-%d-%d-%d-%d", dirs, files, least, most)
	return f.once(name, func(path string) error {
		r := rand.New(rand.NewPCG(uint64(files), uint64(dirs)))
		for i := range files {
			dir := filepath.Join(path, fmt.Sprintf("d%03d", i%dirs))
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
			size := least + r.IntN(most-least+1)
			if err := writeNoise(filepath.Join(dir, fmt.Sprintf("file%05d.txt", i)), int64(size), r); err != nil {
				return err
			}
		}
		return nil
	})
}

// file is one file, in a directory of its own.
func (f *fixtures) file(size int64) (string, error) {
	return f.once(fmt.Sprintf("file-%d", size), func(path string) error {
		if err := os.Mkdir(path, 0o755); err != nil {
			return err
		}
		return writeNoise(filepath.Join(path, "large"), size, rand.New(rand.NewPCG(uint64(size), 0)))
	})
}

// archive is a tar file of a tree.
func (f *fixtures) archive(ctx context.Context, tree string) (string, error) {
	return f.once(filepath.Base(tree)+".tar", func(path string) error {
		return execute(ctx, f.env, io.Discard, "tar", "-cf", path, "-C", tree, ".")
	})
}

// repository is a tree as a git repository with one commit.
func (f *fixtures) repository(ctx context.Context, tree string) (string, error) {
	return f.once(filepath.Base(tree)+".repo", func(path string) error {
		git := func(words ...string) error {
			return execute(ctx, f.env, io.Discard, append([]string{"git", "-C", path}, words...)...)
		}
		if err := copyTree(ctx, f.env, tree, path); err != nil {
			return err
		}
		for _, words := range [][]string{{"init", "-q"}, {"add", "."}, {"commit", "-q", "-m", "all"}} {
			if err := git(words...); err != nil {
				return err
			}
		}
		return nil
	})
}

// copyTree copies with times and modes; to must not exist.
func copyTree(ctx context.Context, env []string, from, to string) error {
	return execute(ctx, env, io.Discard, "cp", "-a", "--reflink=auto", from, to)
}

// writeNoise writes a file that does not compress.
func writeNoise(path string, size int64, r *rand.Rand) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	block := make([]byte, 64<<10)
	for size > 0 && err == nil {
		for i := 0; i < len(block); i += 8 {
			binary.LittleEndian.PutUint64(block[i:], r.Uint64())
		}
		n := min(size, int64(len(block)))
		_, err = f.Write(block[:n])
		size -= n
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
