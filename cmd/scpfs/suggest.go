package main

import (
	"maps"
	"slices"
	"strings"
)

// nearest is the word that s is most likely a misspelling of: the one with the smallest
// edit distance, unless that is so large that it would be a guess.
func nearest(s string, words []string) (string, bool) {
	best, least := "", len(s)/3+2
	for _, w := range words {
		if d := distance(strings.ToLower(s), strings.ToLower(w)); d < least {
			best, least = w, d
		}
	}
	return best, best != ""
}

// distance counts the insertions, deletions, replacements and swaps of neighbours
// that make b of a (optimal string alignment).
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return max(len(a), len(b)) // no option is that long
	}
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost(a[i-1], b[j-1]))
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

func cost(x, y byte) int {
	if x == y {
		return 0
	}
	return 1
}

// knownWords are all that -o takes, in a fixed order.
func knownWords() []string {
	return append(sortedKeys(options), slices.Sorted(maps.Values(sshKeywords))...)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
