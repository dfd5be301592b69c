// Package fsops makes up operations on files, does them below a directory,
// and tells how they ended in words that can be compared: the same operations
// on a file system under test and on a plain directory must give the same
// words.
//
// A [Generator] draws operations from a seed; an [Executor] does them and
// holds what a process holds: open files, mappings, locks; [Snapshot] describes
// a whole tree; [Shrink] makes a failing sequence short.
package fsops
