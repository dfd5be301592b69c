package fsops

import "golang.org/x/sys/unix"

func (e *Executor) mmap(op Op) string {
	return e.withFd(op.Slot, func(fd int) string {
		b, err := unix.Mmap(fd, op.Off&^4095, int(op.Len)+1, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		if err != nil {
			return said(err)
		}
		e.unmap(Op{Slot: op.Slot2})
		e.maps[op.Slot2] = b
		return "ok"
	})
}

// withMap does something with a part of a mapping.
func (e *Executor) withMap(op Op, do func(b []byte) string) string {
	b := e.maps[op.Slot]
	if b == nil {
		return "not mapped"
	}
	from := int(op.Off) % len(b)
	return guarded(func() string { return do(b[from:min(from+int(op.Len), len(b))]) })
}

// mapWrite writes the pages one after the other, up to the first that is
// behind the end of the file. When the file gets its new time for that is the
// file system's own affair until msync.
func (e *Executor) mapWrite(op Op) string {
	result := e.withMap(op, func(b []byte) string {
		copy(b, pattern(op.Seed, int64(len(b))))
		return "ok"
	})
	return result + ", " + e.msync(op)
}

// mapSave writes to a mapping that outlives the file's last descriptor.
func (e *Executor) mapSave(op Op) string {
	return e.withFd(op.Slot, func(fd int) string {
		b, err := unix.Mmap(fd, op.Off&^4095, int(op.Len)+1, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		if err != nil {
			return said(err)
		}
		early := guarded(func() string { return count(copy(b, pattern(op.Seed, op.Len/2)), nil) })
		closed := e.close(op)
		late := guarded(func() string { return count(copy(b, pattern(op.Seed, op.Len)), nil) })
		return early + ", " + closed + ", " + late + ", " + said(unix.Munmap(b))
	})
}

func (e *Executor) mapRead(op Op) string {
	return e.withMap(op, func(b []byte) string { return sum(append([]byte(nil), b...)) })
}

func (e *Executor) msync(op Op) string {
	if e.maps[op.Slot] == nil {
		return "not mapped"
	}
	return said(unix.Msync(e.maps[op.Slot], unix.MS_SYNC))
}

func (e *Executor) unmap(op Op) string {
	b := e.maps[op.Slot]
	if b == nil {
		return "not mapped"
	}
	e.maps[op.Slot] = nil
	return said(unix.Munmap(b))
}
