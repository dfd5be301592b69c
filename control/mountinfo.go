package control

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ownMount is the mountpoint on a line of /proc/self/mountinfo, if that is an
// scpfs mount of a user; see proc_pid_mountinfo(5).
func ownMount(line string, uid int) (string, bool) {
	before, after, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " - ")
	front, back := strings.Fields(before), strings.Fields(after)
	if !ok || len(front) < 6 || len(back) < 3 || back[0] != "fuse.scpfs" {
		return "", false
	}
	if !slices.Contains(strings.Split(back[2], ","), fmt.Sprint("user_id=", uid)) {
		return "", false
	}
	return unescape(front[4]), true
}

// unescape undoes the kernel's \ooo for blank, tab, newline and backslash.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+4 <= len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
