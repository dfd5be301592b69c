package fusefs

import "sync/atomic"

// plus decides which entries of a directory are given to the kernel with their
// attributes. Each such entry makes an inode here and in the kernel, which
// stays until the kernel forgets it: too much for who only wants the names of
// a large tree. But who asks for attributes should not have to ask for each.
//
// So it goes by what was done last, for the whole mount: a look at a file in a
// directory whose names were given without attributes earns the next entries
// theirs. When these are used up some are given without again, and if nobody
// looks at one of them it stays so.
type plus struct{ credit atomic.Int64 }

// plusCredit is how many entries a look is good for: the look is then a small
// part of their cost.
const plusCredit = 4096

// spend takes one entry's worth; false says that there is none left.
func (p *plus) spend() bool {
	for {
		n := p.credit.Load()
		if n <= 0 {
			return false
		}
		if p.credit.CompareAndSwap(n, n-1) {
			return true
		}
	}
}

// looked says that somebody asked for the attributes of one file.
func (p *plus) looked() { p.credit.Store(plusCredit) }
