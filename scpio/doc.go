// Package scpio reaches the files of a host over SSH where the host has
// nothing but a POSIX shell, the usual tools, and scp.
//
// # The client
//
// A [Client] works on one directory of a host: it lists, fetches, stores and
// changes files, each in one round trip, and knows neither local files nor
// how to log in: [New] is given a function that dials, which may make a
// [Conn] with [NewConn] of any authenticated [ssh.Client]. It is called again
// by itself when the connection has been lost.
//
// Attributes are those of lstat(2) with nanoseconds, names are any bytes, and
// errors are an *[Error] around a [syscall.Errno], read from what the host's
// tools say under LC_ALL=C. A file is known by its version: inode, size, mtime
// and ctime. [Client.Fetch] sends nothing of a version that the caller has,
// and [Client.Store] replaces a file only while it is the version that the
// caller expects.
//
// # What is said to the host
//
// The login shell, of whatever kind, becomes /bin/sh, which reads commands in
// a loop, one a line, until its input ends. Several such shells live on one
// connection, as many as are in use at a time and as the host allows. What
// start-up files print is skipped up to a random marker.
//
// A shell first learns a library of functions, remote.sh, of which a command
// calls one or two: "A PATH" answers with the attributes of a file, "F PATH
// VERSION" fetches one. Only lines that begin with a random key are executed,
// so that bytes of an upload that went wrong never are. An answer ends with
// the marker, a status and what the failing tool said; an answer without its
// end is a failure, however much has come.
//
// Attributes come from find -printf where that is GNU's and from stat -c
// elsewhere, as in busybox. Contents come and go by the SCP protocol, from an
// scp that the shell runs: as a source its acks come from /dev/zero, so that
// any number of files takes one round trip; as a sink it is ended by an E
// record, so that the same command can put the upload in its place.
//
// An upload is complete, under a temporary name, before it replaces anything,
// by rename(2). Where that would lose other hard links, an owner or extended
// attributes, or cannot be, it is copied over the old contents on the host
// itself; should the host fail during that copy, the old contents are lost there.
//
// A [Client.Batch] is many changes, whose answers are not waited for one by one.
//
// # Watching
//
// [Client.Watch] tells of changes on the host, by inotifywait or inotifyd
// there, or by a loop that looks. It has a session of its own, beside the
// shells, and opens it again when it is lost.
//
// # Ends
//
// No exchange goes on for longer than [Options.Timeout] without a byte coming
// or going. When it does, or its context ends, its shell is ended, on the host
// too, with what it ran and the upload it had begun; another shell takes its
// place when it is needed. Of an operation that changes something and was
// interrupted nobody can say whether it has happened.
//
// # Locks
//
// The client itself has no mutable state but its pool of shells, with one
// mutex that is never held across the network. A shell belongs to one
// operation at a time and has no lock.
//
// # The protocol
//
// [Reader], [Writer], [Send], [Receive] and [ServerCommand] are the SCP
// protocol itself, in both roles, for any stream.
//
// # What it does not do
//
// It caches nothing, keeps access control lists and extended attributes of a
// file that it replaces only where the host has perl, or getfattr and GNU's cp,
// and takes no locks on the host: on one without perl there is a moment between
// the comparison of a version and the rename in which another program may change
// the file. A host without perl, and without a mv that
// knows --exchange and --no-copy, cannot swap names, and copies where a
// rename crosses two mounts of one file system.
package scpio
