// Package fusefs shows a [cache.Cache] to the kernel: it translates the
// requests of FUSE into calls of the cache, and errors into numbers.
//
// There is one Node for each inode number of the cache, however many names
// the file has, and a handle for each open. Nodes know no paths: go-fuse
// keeps the tree of names, and a request asks it for the one it needs.
//
// The package keeps no state of files of its own, but what a directory looked
// like last, and no locks; go-fuse and the kernel serialise changes within one
// directory. It knows nothing of SSH, nor of how the cache is laid out on the
// disk.
package fusefs
