package cache

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// records reads the log, and takes over what others have left.
func (d *disk) records(base string) ([]record, error) {
	all, err := d.changes.load()
	if err != nil {
		return nil, err
	}
	all = append(all, d.adopt(base)...)
	slices.SortStableFunc(all, func(a, b record) int { return cmp.Compare(a.Seq, b.Seq) })
	return all, nil
}

// adopt takes over the unsent changes of other mounts of the same directory
// that have died: each had a cache of its own, and nobody may ever use that
// again. What is damaged stays where it is, and is reported.
func (d *disk) adopt(base string) []record {
	var all []record
	for i := range maxOwners {
		dir := filepath.Join(base, fmt.Sprint(i))
		if dir == d.dir || !hasUnsent(dir) {
			continue
		}
		other, err := lockDisk(dir, d.log)
		if err != nil {
			d.log.Warn("a cache with unsent changes cannot be opened", "dir", dir, "err", err)
		}
		if other == nil {
			continue // in use
		}
		all = append(all, d.adoptAll(other)...)
		other.unlock()
	}
	return all
}

// adoptAll moves the contents and records of a cache here. At any moment one of
// the two has them, on the disk.
func (d *disk) adoptAll(other *disk) []record {
	logged, err := other.changes.load()
	if err != nil {
		d.log.Warn("a log of unsent changes cannot be read", "dir", other.dir, "err", err)
	}
	var adopted, both []record
	for _, r := range logged {
		known := d.changes.has(r.Object) // an adoption was cut short
		if err := d.copyOne(other, r); err != nil {
			d.log.Warn("unsent changes cannot be taken over; they are kept",
				"path", string(r.Path), "dir", other.dir, "object", r.Object, "err", err)
			continue
		}
		if both = append(both, r); !known {
			adopted = append(adopted, r)
		}
	}
	if err := errors.Join(syncRoot(d.objects), d.changes.sync()); err != nil {
		d.log.Warn("unsent changes were taken over, and may have to be once more", "dir", other.dir, "err", err)
		return adopted
	}
	for _, r := range both {
		other.changes.drop(r.Object)
		if r.Kind == storing {
			other.removeFile(r.Object)
		}
	}
	return adopted
}

// copyOne links an object here, and copies its record.
func (d *disk) copyOne(other *disk, r record) error {
	if r.Kind == storing {
		name := filepath.Join("objects", r.Object)
		err := os.Link(filepath.Join(other.dir, name), filepath.Join(d.dir, name))
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if d.changes.has(r.Object) {
		return nil
	}
	return d.changes.note(r)
}
