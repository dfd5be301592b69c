package fsops

import "slices"

// Shrink leaves out operations of a sequence that fails for as long as it
// still fails: halves, then quarters, and so on down to single ones. fails
// runs a sequence; enough tells when to stop trying.
func Shrink(ops []Op, fails func([]Op) bool, enough func() bool) []Op {
	for size := len(ops) / 2; size > 0; size /= 2 {
		for at := 0; at < len(ops) && !enough(); {
			shorter := slices.Concat(ops[:at], ops[min(at+size, len(ops)):])
			if fails(shorter) {
				ops = shorter
			} else {
				at += size
			}
		}
	}
	return ops
}
