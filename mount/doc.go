// Package mount puts a go-fuse file system on a directory and takes it away
// again. It knows nothing of what is mounted: that comes as an
// [fs.InodeEmbedder].
//
// # Two ways to mount
//
// Root calls mount(2). Everybody else, and root where the kernel refuses him
// (a container without CAP_SYS_ADMIN), asks fusermount3, which is setuid, opens
// /dev/fuse, mounts, and sends the descriptor back over a socket. Both are done
// here instead of in go-fuse, which is given the finished descriptor: go-fuse
// lets fusermount3 complain on our standard error and its children inherit
// /dev/fuse, and passes most mount flags to the kernel as words the kernel does
// not know.
//
// # Life of a mount
//
// [Check] tells what is wrong with a directory before anything is connected.
// [Mount] returns when the mount answers. [Server.Unmount] asks the kernel, and
// names the processes that are in the way when it refuses. A mount also ends when
// somebody else unmounts it: [Server.Done] is closed in either case, and no dead
// mount ("transport endpoint is not connected") stays behind while the process
// is alive.
//
// # Background
//
// A Go program cannot fork, so [Background] starts the program again and waits
// until that copy, which finds itself with [InBackground], says [Child.Ready] or
// [Child.Fail]. The copy keeps the terminal until then, so that it can ask for
// a password.
package mount
