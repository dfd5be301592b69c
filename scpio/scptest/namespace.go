package scptest

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// A namespace is a private view of the file system for one server: files laid
// over others by bind mounts that nobody else sees and that end with it.
type namespace struct {
	possible bool
	binds    []string // option, source, target, option, source, target ...
}

// enter lets go of the FUSE mounts that are there at the time: a copy of one
// that is held here would keep it alive after it has been unmounted outside.
// (A user namespace may not; there nothing is lost.) Then it mounts its triples
// of arguments up to "--", and becomes the rest. The process keeps its id all
// along.
const enter = `while read -r _ dir type _; do
	case $type in fuse*) umount -l "$(printf %b "$dir")" 2>/dev/null ;; esac
done </proc/self/mounts
while [ "$1" != -- ]; do
	mount "$1" "$2" "$3" || exit 125
	shift 3
done
shift
exec "$@"`

func (n *namespace) bind(source, target string) {
	n.binds = append(n.binds, "--bind", source, target)
}

// rbind takes along what was bound below source before.
func (n *namespace) rbind(source, target string) {
	n.binds = append(n.binds, "--rbind", source, target)
}

// wrap returns the command line that runs args inside. An ordinary user gains
// the right to mount as the root of a user namespace, and becomes themself
// again in a second one, or the server would try, in vain, to change ids.
func (n *namespace) wrap(args ...string) []string {
	if len(n.binds) == 0 {
		return args
	}
	line := []string{"unshare", "--mount", "--propagation", "slave", "sh", "-c", enter, "sh"}
	if os.Geteuid() != 0 {
		line = append([]string{"unshare", "--map-root-user"}, line[1:]...)
		args = append([]string{
			"unshare", fmt.Sprintf("--map-user=%d", os.Getuid()), fmt.Sprintf("--map-group=%d", os.Getgid()), "--",
		}, args...)
	}
	line = append(line, n.binds...)
	return append(append(line, "--"), args...)
}

// canMount tells whether this user may have a mount namespace.
var canMount = sync.OnceValue(func() bool {
	probe := namespace{}
	probe.bind(os.DevNull, os.DevNull)
	line := probe.wrap("true")
	return exec.Command(line[0], line[1:]...).Run() == nil
})

// newNamespace changes the account's home and shell, where that can be done.
func (s *Server) newNamespace(t testing.TB, o *options) *namespace {
	t.Helper()
	n := &namespace{possible: canMount()}
	if !n.possible {
		if o.loginShell != "" {
			Missing(t, "namespaces", "a login shell can only be chosen in a mount namespace")
		}
		return n
	}
	passwd := filepath.Join(s.dir, "passwd")
	writeFile(t, passwd, []byte(s.passwd(t, o)), 0o644)
	n.bind(passwd, "/etc/passwd")
	if os.Geteuid() == 0 {
		s.bindShadow(t, n)
	}
	return n
}

// bindShadow lets an account in that the machine keeps locked, as root is in
// many installations: without PAM sshd refuses those even with a good key.
func (s *Server) bindShadow(t testing.TB, n *namespace) {
	t.Helper()
	if _, err := os.Stat("/etc/shadow"); err != nil {
		return
	}
	shadow := filepath.Join(s.dir, "shadow")
	writeFile(t, shadow, fmt.Appendf(nil, "%s:*:19000:0:99999:7:::\nsshd:!:19000::::::\n", s.User), 0o600)
	n.bind(shadow, "/etc/shadow")
}

// passwd is the machine's with this user's line changed. The line comes first
// and the old one goes, since the account may be looked up by id as well.
func (s *Server) passwd(t testing.TB, o *options) string {
	t.Helper()
	old, err := os.ReadFile("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	shell := "/bin/sh"
	lines := []string{""}
	for line := range strings.Lines(string(old)) {
		if name, _, _ := strings.Cut(line, ":"); name != s.User {
			lines = append(lines, line)
			continue
		}
		if i := strings.LastIndexByte(line, ':'); len(line) > i+2 {
			shell = strings.TrimSpace(line[i+1:])
		}
	}
	if o.busybox {
		shell = "/bin/sh"
	}
	if o.loginShell != "" {
		shell = o.loginShell
	}
	lines[0] = s.passwdLine(t, shell)
	return strings.Join(lines, "")
}

func (s *Server) passwdLine(t testing.TB, shell string) string {
	t.Helper()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s:x:%s:%s::%s:%s\n", s.User, me.Uid, me.Gid, s.Home, shell)
}
