package control

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Mount is what a mount says of itself in the places.
type Mount struct {
	Version    int       `json:"version"`
	Source     string    `json:"source"`
	Mountpoint string    `json:"mountpoint"` // absolute, without symbolic links
	PID        int       `json:"pid"`
	Since      time.Time `json:"since"`
	Dir        string    `json:"dir"` // its own of the cache: the socket is there
}

// Places are the directories in which mounts of this user say where their
// sockets are. The first is away after a logout, the other depends on the
// environment; together they hold what this user can still find.
func Places() []string {
	places := []string{filepath.Join(runtimeDir(os.Getuid()), "scpfs")}
	if dir, err := os.UserCacheDir(); err == nil {
		places = append(places, filepath.Join(dir, "scpfs", "mounts"))
	} else {
		places = append(places, "/var/cache/scpfs/mounts")
	}
	return places
}

// runtimeDir is the user's directory for sockets and the like. sudo may leave
// the variable of who called it.
func runtimeDir(uid int) string {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) && checkPlace(dir) == nil {
		return dir
	}
	if uid == 0 {
		return "/run"
	}
	return "/run/user/" + strconv.Itoa(uid)
}

// Register says in the places where a mount's socket is, until it is undone.
// It removes what dead mounts have said that are void then.
func Register(places []string, m Mount, void func(Mount) bool) (undo func(), err error) {
	m.Version = Version
	text, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	var made []string
	var failed []error
	for _, place := range places {
		dropDead(place, void)
		path := filepath.Join(place, entryName(m.Dir))
		if err := writeEntry(path, text); err != nil {
			failed = append(failed, err)
			continue
		}
		made = append(made, path)
	}
	if len(made) == 0 {
		return nil, errors.Join(failed...)
	}
	return func() {
		for _, path := range made {
			os.Remove(path)
		}
	}, nil
}

// entrySuffix ends the names of the files in a place.
const entrySuffix = ".mount"

func entryName(dir string) string {
	sum := sha256.Sum256([]byte(dir))
	return hex.EncodeToString(sum[:12]) + entrySuffix
}

// writeEntry writes a file of a place, which is for its owner alone. A place
// that another user has made is not used.
func writeEntry(path string, text []byte) error {
	place := filepath.Dir(path)
	if err := os.MkdirAll(place, 0o700); err != nil {
		return err
	}
	if err := checkPlace(place); err != nil {
		return err
	}
	tmp := path + ".new"
	if err := os.WriteFile(tmp, text, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

func checkPlace(place string) error {
	st, err := os.Lstat(place)
	if err != nil {
		return err
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !st.IsDir() || !ok || int(sys.Uid) != os.Getuid() || st.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("%s is not a directory of this user alone", place)
	}
	return nil
}

// dropDead removes what dead mounts have said.
func dropDead(place string, void func(Mount) bool) {
	for path, m := range readPlace(place) {
		if !m.Held() && void(m) {
			os.Remove(path)
		}
	}
}

// Registered lists the mounts that the places tell of, oldest first, but dead
// ones that are void.
func Registered(places []string, void func(Mount) bool) []Mount {
	found := map[string]Mount{}
	for _, place := range places {
		dropDead(place, void)
		for _, m := range readPlace(place) {
			found[m.Dir] = m
		}
	}
	all := make([]Mount, 0, len(found))
	for _, m := range found {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b Mount) int {
		return cmp.Or(a.Since.Compare(b.Since), strings.Compare(a.Dir, b.Dir))
	})
	return all
}

// readPlace reads the files of a place, by their paths. What is not as we
// write it is passed over.
func readPlace(place string) map[string]Mount {
	if checkPlace(place) != nil {
		return nil
	}
	paths, _ := filepath.Glob(filepath.Join(globQuote(place), "*"+entrySuffix)) // the pattern is good
	found := map[string]Mount{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		var m Mount
		if err == nil && json.Unmarshal(text, &m) == nil && filepath.IsAbs(m.Dir) && filepath.IsAbs(m.Mountpoint) {
			found[path] = m
		}
	}
	return found
}

var globQuoter = strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`)

func globQuote(s string) string { return globQuoter.Replace(s) }

// Held tells whether a process still has the directory of the mount: it may be
// storing what is left after it was unmounted.
func (m Mount) Held() bool {
	lock, err := os.Open(filepath.Join(m.Dir, "lock"))
	if err != nil {
		return false
	}
	defer lock.Close()
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	return errors.Is(err, syscall.EWOULDBLOCK)
}
