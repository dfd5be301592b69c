package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// adopt takes over the unsent changes of other mounts of the same directory
// that have died: each had a cache of its own, and nobody may ever use that
// again. Damaged records stay where they are, and are reported.
func (d *disk) adopt(base string) {
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
		d.adoptAll(other)
		other.unlock()
	}
}

func (d *disk) adoptAll(other *disk) {
	logged, err := other.records()
	if err != nil {
		d.log.Warn("a log of unsent changes cannot be read", "dir", other.dir, "err", err)
	}
	for _, r := range logged {
		if len(r.Path) == 0 {
			continue
		}
		if err := d.adoptOne(other, r); err != nil {
			d.log.Warn("unsent changes cannot be taken over; they are kept",
				"path", string(r.Path), "dir", other.dir, "object", r.Object, "err", err)
		}
	}
}

// adoptOne moves an object and its record. At any moment one of the caches
// has both.
func (d *disk) adoptOne(other *disk, r record) error {
	if r.Kind != storing {
		return d.adoptRecord(other, r.Object)
	}
	name := filepath.Join("objects", r.Object)
	err := os.Link(filepath.Join(other.dir, name), filepath.Join(d.dir, name))
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := d.adoptRecord(other, r.Object); err != nil {
		return err
	}
	return other.objects.Remove(r.Object)
}

func (d *disk) adoptRecord(other *disk, object string) error {
	record := filepath.Join("log", object+recordSuffix)
	return os.Rename(filepath.Join(other.dir, record), filepath.Join(d.dir, record))
}
