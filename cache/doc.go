// Package cache keeps a directory of a host on the local disk: attributes and
// listings in memory, contents in files. It turns opens and reads into
// downloads and closes into uploads, and knows nothing of how the host is
// reached ([Remote]) nor of who asks ([Cache] has a method for each system
// call).
//
// # What is believed, and for how long
//
// Names and attributes are learned by listings: one tells of all names of a
// directory, and of those that do not exist. They are believed for
// [Timeouts]. A change of our own is known at once, and an answer of the host
// that is older than it is not kept. So within one mount the order of things
// is that of a local file system; changes made by others on the host are seen
// after the timeout, and contents when a file is opened (close-to-open, as
// with NFS).
//
// A version of a file is its inode, size, mtime and ctime. Contents are kept
// for a version, and used as long as the host has that version; those that
// were fetched in the very tick of the host's clock in which they were written
// are not trusted for long.
//
// # Reading
//
// A small file is fetched whole when it is opened (smallFile). A large one comes
// as it is read (content), in ranges of bytes that are kept, and in front of
// who reads in sequence. Reading directories one after the other, or small
// files, sets off a listing of the subtree (walks) and a stream of the others
// (ahead), within [AheadLimits]. Contents are complete before they are written
// to.
//
// A file that is open and grows on the host is extended in place (growth).
// Somebody who watches the host can tell what has changed there ([Cache.Heard]):
// each name is asked for once, and those who remember answers are told of what is
// not as it was ([Notice]).
//
// # Changes
//
// A regular file that is open, or that has changes the host does not have, is
// a [File], one for each inode. Writes go to the local contents. Before the
// first one a record is written to the log that says so. Flush and Fsync store
// the file and return when the host has it; a store takes the place of the
// version that ours derives from, and of no other. Creating a file costs
// nothing before its first flush, unless it is exclusive. Every other change
// of names and attributes is made on the host at once.
//
// A store that is refused, or whose host is away, leaves the file dirty: the
// error goes to who flushes, the contents stay here, and it is tried again by
// the next flush, every few seconds once nobody has the file open, at the
// unmount, and by the next mount. One that finds another version on the host
// than expected is a conflict, for which there is a [Policy]. If the answer to
// a store was lost, what the host has is recognised as ours.
//
// What a program had flushed when the mount died is stored under its name by
// the next mount. What was being written over an older version is not
// complete, perhaps: it is stored beside it as NAME.recovered-HOST-TIME. A
// damaged record is named in the log messages and set aside. The contents that it
// was about have a mark of their own, and are kept and named at each mount.
//
// # On the disk
//
//	DIR/0/lock         held by flock(2) while a mount uses DIR/0
//	DIR/0/index        which contents are which version; inode numbers
//	DIR/0/objects/*    contents, under random names
//	DIR/0/changes      records of what is unsent, one a line
//	DIR/0/changes.damaged  those that could not be read
//	DIR/1/...          of a second mount of the same directory at the same time
//
// Everything has mode 0700 or 0600. Names of the host are never local ones.
// Clean contents of closed files are evicted, the least recently used first,
// to stay within a budget and to leave room on the disk. What a crash of the
// machine may have damaged is not used after it: the index says in which boot
// it was written, and whether it was closed in good order.
//
// # Inode numbers
//
// A store gives a file another inode on the host. Here it keeps its number,
// across stores, renames and mounts, and no two files have the same one at a
// time, even if the host uses numbers again.
//
// # Locks
//
// Two may be held while the host is asked, and waiting for them ends with the
// caller's context: the names, shared by what uses a path for several round
// trips and exclusive for the rename of a directory; and then that of a file,
// for who fetches or stores it or changes its names. The mutexes are never
// held over the network; their order is on [Cache].
//
// # What it does not do
//
// It does not write to contents that are not complete, and of those that were
// written to it sends everything behind the first change. It does not lock files
// against others on the host. It does not see that a file on the host was
// written to without any of its version changing. A file whose only name that
// is known here is removed while it is open, and that has other names on the
// host, is stored before; what is written to it after that goes nowhere.
package cache
