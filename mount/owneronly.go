package mount

import "github.com/hanwen/go-fuse/v2/fuse"

// ownerOnly is allow_root: it answers EACCES to everybody but the mounting user and
// root. As in libfuse, what happens on a file already open (read, write, fsync,
// flush, release) is not refused: who holds the descriptor got it from somebody who
// was let in, and some of these requests come from the kernel in nobody's name.
type ownerOnly struct {
	fuse.RawFileSystem
	uid uint32
}

func (o *ownerOnly) refuses(h *fuse.InHeader) bool { return h.Uid != o.uid && h.Uid != 0 }

func (o *ownerOnly) Lookup(cancel <-chan struct{}, header *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	if o.refuses(header) {
		return fuse.EACCES
	}
	return o.RawFileSystem.Lookup(cancel, header, name, out)
}

func (o *ownerOnly) GetAttr(cancel <-chan struct{}, input *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	if o.refuses(&input.InHeader) {
		return fuse.EACCES
	}
	return o.RawFileSystem.GetAttr(cancel, input, out)
}

func (o *ownerOnly) SetAttr(cancel <-chan struct{}, input *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	if o.refuses(&input.InHeader) {
		return fuse.EACCES
	}
	return o.RawFileSystem.SetAttr(cancel, input, out)
}

func (o *ownerOnly) Mknod(cancel <-chan struct{}, input *fuse.MknodIn, name string, out *fuse.EntryOut) fuse.Status {
	if o.refuses(&input.InHeader) {
		return fuse.EACCES
	}
	return o.RawFileSystem.Mknod(cancel, input, name, out)
}

func (o *ownerOnly) Mkdir(cancel <-chan struct{}, input *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	if o.refuses(&input.InHeader) {
		return fuse.EACCES
	}
	return o.RawFileSystem.Mkdir(cancel, input, name, out)
}

func (o *ownerOnly) Unlink(cancel <-chan struct{}, header *fuse.InHeader, name string) fuse.Status {
	if o.refuses(header) {
		return fuse.EACCES
	}
	return o.RawFileSystem.Unlink(cancel, header, name)
}

func (o *ownerOnly) Rmdir(cancel <-chan struct{}, header *fuse.InHeader, name string) fuse.Status {
	if o.refuses(header) {
		return fuse.EACCES
	}
	return o.RawFileSystem.Rmdir(cancel, header, name)
}

func (o *ownerOnly) Rename(cancel <-chan struct{}, input *fuse.RenameIn, oldName string, newName string) fuse.Status {
	if o.refuses(&input.InHeader) {
		return fuse.EACCES
	}
	return o.RawFileSystem.Rename(cancel, input, oldName, newName)
}

func (o *ownerOnly) Link(cancel <-chan struct{}, input *fuse.LinkIn, name string, out *fuse.EntryOut) fuse.Status {
	if o.refuses(&input.InHeader) {
		return fuse.EACCES
	}
	return o.RawFileSystem.Link(cancel, input, name, out)
}

func (o *ownerOnly) Symlink(cancel <-chan struct{}, header *fuse.InHeader, target string, name string, out *fuse.EntryOut) fuse.Status {
	if o.refuses(header) {
		return fuse.EACCES
	}
	return o.RawFileSystem.Symlink(cancel, header, target, name, out)
}

func (o *ownerOnly) Readlink(cancel <-chan struct{}, header *fuse.InHeader) ([]byte, fuse.Status) {
	if o.refuses(header) {
		return nil, fuse.EACCES
	}
	return o.RawFileSystem.Readlink(cancel, header)
}

func (o *ownerOnly) Access(cancel <-chan struct{}, input *fuse.AccessIn) fuse.Status {
	if o.refuses(&input.InHeader) {
		return fuse.EACCES
	}
	return o.RawFileSystem.Access(cancel, input)
}

func (o *ownerOnly) GetXAttr(cancel <-chan struct{}, header *fuse.InHeader, attr string, dest []byte) (uint32, fuse.Status) {
	if o.refuses(header) {
		return 0, fuse.EACCES
	}
	return o.RawFileSystem.GetXAttr(cancel, header, attr, dest)
}

func (o *ownerOnly) ListXAttr(cancel <-chan struct{}, header *fuse.InHeader, dest []byte) (uint32, fuse.Status) {
	if o.refuses(header) {
		return 0, fuse.EACCES
	}
	return o.RawFileSystem.ListXAttr(cancel, header, dest)
}

func (o *ownerOnly) SetXAttr(cancel <-chan struct{}, input *fuse.SetXAttrIn, attr string, data []byte) fuse.Status {
	if o.refuses(&input.InHeader) {
		return fuse.EACCES
	}
	return o.RawFileSystem.SetXAttr(cancel, input, attr, data)
}

func (o *ownerOnly) RemoveXAttr(cancel <-chan struct{}, header *fuse.InHeader, attr string) fuse.Status {
	if o.refuses(header) {
		return fuse.EACCES
	}
	return o.RawFileSystem.RemoveXAttr(cancel, header, attr)
}

func (o *ownerOnly) Create(cancel <-chan struct{}, input *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	if o.refuses(&input.InHeader) {
		return fuse.EACCES
	}
	return o.RawFileSystem.Create(cancel, input, name, out)
}

func (o *ownerOnly) Tmpfile(cancel <-chan struct{}, input *fuse.CreateIn, out *fuse.CreateOut) fuse.Status {
	if o.refuses(&input.InHeader) {
		return fuse.EACCES
	}
	return o.RawFileSystem.Tmpfile(cancel, input, out)
}

func (o *ownerOnly) Open(cancel <-chan struct{}, input *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	if o.refuses(&input.InHeader) {
		return fuse.EACCES
	}
	return o.RawFileSystem.Open(cancel, input, out)
}

func (o *ownerOnly) GetLk(cancel <-chan struct{}, input *fuse.LkIn, out *fuse.LkOut) fuse.Status {
	if o.refuses(&input.InHeader) {
		return fuse.EACCES
	}
	return o.RawFileSystem.GetLk(cancel, input, out)
}

func (o *ownerOnly) SetLk(cancel <-chan struct{}, input *fuse.LkIn) fuse.Status {
	if o.refuses(&input.InHeader) {
		return fuse.EACCES
	}
	return o.RawFileSystem.SetLk(cancel, input)
}

func (o *ownerOnly) SetLkw(cancel <-chan struct{}, input *fuse.LkIn) fuse.Status {
	if o.refuses(&input.InHeader) {
		return fuse.EACCES
	}
	return o.RawFileSystem.SetLkw(cancel, input)
}

func (o *ownerOnly) CopyFileRange(cancel <-chan struct{}, input *fuse.CopyFileRangeIn) (uint32, fuse.Status) {
	if o.refuses(&input.InHeader) {
		return 0, fuse.EACCES
	}
	return o.RawFileSystem.CopyFileRange(cancel, input)
}

func (o *ownerOnly) Ioctl(cancel <-chan struct{}, input *fuse.IoctlIn, inbuf []byte, output *fuse.IoctlOut, outbuf []byte) fuse.Status {
	if o.refuses(&input.InHeader) {
		return fuse.EACCES
	}
	return o.RawFileSystem.Ioctl(cancel, input, inbuf, output, outbuf)
}

func (o *ownerOnly) Fallocate(cancel <-chan struct{}, input *fuse.FallocateIn) fuse.Status {
	if o.refuses(&input.InHeader) {
		return fuse.EACCES
	}
	return o.RawFileSystem.Fallocate(cancel, input)
}

func (o *ownerOnly) OpenDir(cancel <-chan struct{}, input *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	if o.refuses(&input.InHeader) {
		return fuse.EACCES
	}
	return o.RawFileSystem.OpenDir(cancel, input, out)
}

func (o *ownerOnly) StatFs(cancel <-chan struct{}, header *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	if o.refuses(header) {
		return fuse.EACCES
	}
	return o.RawFileSystem.StatFs(cancel, header, out)
}

func (o *ownerOnly) Statx(cancel <-chan struct{}, input *fuse.StatxIn, out *fuse.StatxOut) fuse.Status {
	if o.refuses(&input.InHeader) {
		return fuse.EACCES
	}
	return o.RawFileSystem.Statx(cancel, input, out)
}
