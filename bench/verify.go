package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// sameTrees compares two trees: names, types, sizes and contents. What is
// called skip at the top of got is left out.
func sameTrees(got, want, skip string) error {
	a, err := list(got)
	if err != nil {
		return err
	}
	b, err := list(want)
	if err != nil {
		return err
	}
	a = without(a, skip)
	if !slices.Equal(a, b) {
		return fmt.Errorf("%s differs from %s: %s", got, want, difference(a, b))
	}
	for _, e := range a {
		if e.size < 0 {
			continue
		}
		if err := sameFiles(filepath.Join(got, e.path), filepath.Join(want, e.path)); err != nil {
			return err
		}
	}
	return nil
}

// An entry is a file of a tree.
type entry struct {
	path string
	size int64 // -1 for what is no regular file
}

// list is what a tree holds, sorted, without its root.
func list(dir string) ([]entry, error) {
	var all []entry
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		e := entry{strings.TrimPrefix(path, dir+"/"), -1}
		if d.Type().IsRegular() {
			st, err := d.Info()
			if err != nil {
				return err
			}
			e.size = st.Size()
		}
		all = append(all, e)
		return nil
	})
	slices.SortFunc(all, func(a, b entry) int { return cmp.Compare(a.path, b.path) })
	return all, err
}

// without leaves out a directory at the top, if there is a name.
func without(entries []entry, skip string) []entry {
	return slices.DeleteFunc(entries, func(e entry) bool {
		return skip != "" && (e.path == skip || strings.HasPrefix(e.path, skip+"/"))
	})
}

// difference words the first one between two lists.
func difference[T comparable](got, want []T) string {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Sprintf("got %v, want %v", got[i], want[i])
		}
	}
	return fmt.Sprintf("got %d entries, want %d", len(got), len(want))
}

// sameFiles compares two files byte for byte.
func sameFiles(got, want string) error {
	f, err := os.Open(got)
	if err != nil {
		return err
	}
	defer f.Close()
	g, err := os.Open(want)
	if err != nil {
		return err
	}
	defer g.Close()
	if err := sameStreams(f, g); err != nil {
		return fmt.Errorf("%s, compared with %s: %w", got, want, err)
	}
	return nil
}

// sameStreams reads got and want until their common end.
func sameStreams(got, want io.Reader) error {
	a, b := make([]byte, 1<<20), make([]byte, 1<<20)
	for at := int64(0); ; {
		n, aerr := io.ReadFull(got, a)
		m, berr := io.ReadFull(want, b)
		if !bytes.Equal(a[:n], b[:m]) {
			return fmt.Errorf("different within 1 MiB from byte %d", at)
		}
		at += int64(n)
		switch ended := errors.Is(aerr, io.EOF) || errors.Is(aerr, io.ErrUnexpectedEOF); {
		case aerr == nil && berr == nil:
		case ended && aerr == berr:
			return nil
		default:
			return fmt.Errorf("at byte %d: %v, %v", at, aerr, berr)
		}
	}
}

// sameAt compares bytes with those of a file at an offset.
func sameAt(got []byte, path string, off int64) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return sameStreams(bytes.NewReader(got), io.NewSectionReader(f, off, int64(len(got))))
}
