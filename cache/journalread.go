package cache

import (
	"bufio"
	"cmp"
	"errors"
	"io"
	"io/fs"
	"os"
	"regexp"
	"slices"
)

// maxRecord is more than any line of the log has, in bytes.
const maxRecord = 64 << 10

// load opens the log and gives its records, in the order of the changes. A line
// at its end that was not written to its end is cut off: nobody was told that it
// is there. A line that is damaged is named, and set aside.
func (j *journal) load() ([]record, error) {
	f, err := j.root.OpenFile(journalName, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		j.syncing.Lock()
		defer j.syncing.Unlock()
		j.mu.Lock()
		defer j.mu.Unlock()
		return nil, j.rewriteLocked()
	}
	if err != nil {
		return nil, err
	}
	j.syncing.Lock()
	defer j.syncing.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	j.f = f
	last := map[string]record{}
	damaged := readJournal(f, func(r record, at place) {
		if delete(last, r.Object); !r.Ended {
			last[r.Object] = r
		}
		j.liveLocked(r, at)
	})
	if err := j.setAside(damaged); err != nil {
		return nil, err
	}
	if err := j.rewriteLocked(); err != nil {
		return nil, err
	}
	all := make([]record, 0, len(last))
	for _, r := range last {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b record) int { return cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.Object, b.Object)) })
	return all, nil
}

func (j *journal) liveLocked(r record, at place) {
	if delete(j.live, r.Object); !r.Ended {
		j.live[r.Object] = at
	}
}

// readJournal reads lines. It gives those that are damaged.
func readJournal(r io.Reader, each func(record, place)) (damaged [][]byte) {
	br := bufio.NewReaderSize(r, maxRecord)
	for off := int64(0); ; {
		line, err := br.ReadSlice('\n')
		at := place{off, int64(len(line))}
		off += at.size
		switch {
		case errors.Is(err, bufio.ErrBufferFull): // no line of ours
			damaged = append(damaged, slices.Clone(line))
			continue
		case err != nil:
			return damaged
		}
		rec, err := decodeRecord(line[:len(line)-1])
		if err != nil {
			damaged = append(damaged, slices.Clone(line))
			continue
		}
		each(rec, at)
	}
}

// objectName finds what may be the name of an object.
var objectName = regexp.MustCompile("[a-z2-7]{26}")

// setAside keeps lines that are damaged in a file of their own, and names them.
func (j *journal) setAside(damaged [][]byte) error {
	if len(damaged) == 0 {
		return nil
	}
	f, err := j.root.OpenFile(journalName+".damaged", os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, line := range damaged {
		j.log.Warn("a record of unsent changes is damaged; it is set aside, and its contents are kept",
			"file", f.Name(), "object", string(objectName.Find(line)))
		if _, err := f.Write(line); err != nil {
			return err
		}
	}
	return f.Sync()
}
