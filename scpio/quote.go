package scpio

import "strings"

// quoteLogin quotes s as one word for a login shell of any kind: sh, bash,
// dash, ash, zsh, mksh, fish, and csh where s has no newline. A backslash
// before every byte outside a safe set is the one form they all share:
// '...' fails in csh and fish, "..." in csh and fish too. Bytes of 0x80 and
// above stand for themselves, they may be parts of a character.
func quoteLogin(s string) string {
	if s == "" {
		return "''"
	}
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\n':
			b.WriteString("'\n'")
		case c >= 0x80 || safeByte(c):
			b.WriteByte(c)
		default:
			b.WriteByte('\\')
			b.WriteByte(c)
		}
	}
	return b.String()
}

// quote quotes s as one word for the POSIX shell that runs our commands.
// The commands are read line by line, so a newline is written as ${n}, a
// variable that the shell sets when it starts (see remote.sh).
func quote(s string) string {
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 || !safeByte(byte(r)) }) < 0 {
		return s
	}
	s = strings.ReplaceAll(s, "'", `'\''`)
	return "'" + strings.ReplaceAll(s, "\n", `'"$n"'`) + "'"
}

func safeByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("_./+:,@%-", c) >= 0
}
