// Package cachetest has what tests of package cache need: [Dir], a
// [cache.Remote] over a local directory, [Faulty], which fails, delays and
// accompanies the calls of another Remote, and [Run], what every Remote has to
// do, whether it is a fake or the real one over SSH.
//
// Dir does by system calls what the real Remote does by commands on a host, so
// its semantics are those of a kernel and not of somebody's idea of one. It
// has no latency and makes no connection.
package cachetest
