package main

import "testing"

func TestNearest(t *testing.T) {
	tests := []struct{ word, want string }{
		{"allow_ohter", "allow_other"},
		{"allowother", "allow_other"},
		{"idenityfile", "IdentityFile"},
		{"gui", "gid"},
		{"completely_different", ""},
		{"", ""},
	}
	for _, tt := range tests {
		got, ok := nearest(tt.word, knownWords())
		if got != tt.want || ok != (tt.want != "") {
			t.Errorf("%q: got %q, %v; want %q", tt.word, got, ok, tt.want)
		}
	}
}

func TestDistance(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"a", "", 1}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"kitten", "sitting", 3},
	}
	for _, tt := range tests {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("%q %q: got %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
