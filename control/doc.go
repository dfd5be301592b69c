// Package control lets people ask a running mount: what it has not sent yet,
// what is in conflict, how the connection is. The mount listens on a Unix
// socket in its own directory of the cache ([Listen]); who asks finds it by the
// mountpoint ([Find]), without touching that: a dead mount would not answer.
//
// # Who may ask
//
// The socket has mode 0600 in a directory of mode 0700. Besides, the kernel
// says whose process the other end is (SO_PEERCRED): only the owner of the
// mount and root get an answer. What a process sends before that is known is
// not read.
//
// # The protocol
//
// A connection is for one question: a line of JSON, a [Request] of at most
// [MaxRequest] bytes, and a line back, an [Answer]. Both have a number of the
// protocol; another one than [Version] is refused with words. Each side gives
// the other a time to speak, so neither hangs on the other. Names of files are
// bytes, see [Name].
//
// # The places
//
// A mount says where its socket is in a small file, in each of a few
// directories ([Places]): what a user's environment says differs between a
// login, sudo and the start of the machine. A file whose socket nobody listens
// to is what a mount left that was killed. It stays until the next mount of the
// same directory, so that it can be told.
//
// # What it does not do
//
// It knows nothing of what is asked for: that comes from a [Handler].
package control
