package cache

import (
	"context"
	"crypto/rand"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
)

// An upload has a name of its own on the host until it is complete. The host
// removes one that fails, but cannot when it is the host itself, or the
// connection, that fails. So these names are kept with the file, and in its
// record of the log before they are used: whoever stores the file next, in
// this mount or another, removes what is left under them.

// tempPrefix begins the names of uploads.
const tempPrefix = ".scpfs-"

// tempNames makes names of uploads that no other mount makes, and knows them
// again: those of this mount are not shown in its listings.
type tempNames struct {
	prefix string
	count  atomic.Uint64
}

func newTempNames() *tempNames {
	return &tempNames{prefix: tempPrefix + strings.ToLower(rand.Text()[:13]) + "-"}
}

func (t *tempNames) next() string          { return t.prefix + strconv.FormatUint(t.count.Add(1), 36) }
func (t *tempNames) made(name string) bool { return strings.HasPrefix(name, t.prefix) }

// maxTemps bounds the names kept of uploads that failed.
const maxTemps = 8

// newTempLocked makes up the name of an upload.
func (f *File) newTempLocked() string {
	dir, _ := split(f.pathLocked())
	temp := join(dir, f.c.temps.next())
	f.temps = append(f.temps[max(0, len(f.temps)+1-maxTemps):], temp)
	return temp
}

// tempGone says that the host has nothing under the name of an upload.
func (f *File) tempGone(temp string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.temps = slices.DeleteFunc(f.temps, func(t string) bool { return t == temp })
}

// dropTemps removes what uploads that failed may have left.
func (f *File) dropTemps(ctx context.Context) error {
	f.mu.RLock()
	temps := slices.Clone(f.temps)
	f.mu.RUnlock()
	for _, t := range temps {
		if err := f.c.remote.Discard(ctx, t); err != nil {
			f.c.log.Debug("the rest of an upload cannot be removed yet", "path", t, "err", err)
			return err
		}
		f.tempGone(t)
	}
	return nil
}

// abandonTemps is dropTemps for a file that is not stored any more: what the
// host cannot be told now waits in the log.
func (f *File) abandonTemps(ctx context.Context) {
	if err := f.dropTemps(ctx); !away(err) {
		return
	}
	temps := f.takeTemps()
	if len(temps) == 0 {
		return
	}
	if err := f.c.postpone(&change{kind: removing, path: temps[0], doubt: doubt{temps: temps}}); err != nil {
		f.c.log.Warn("the rest of an upload may stay on the host", "path", temps[0], "err", err)
	}
}

// takeTemps are the names of uploads that failed, of which somebody else takes
// care from now on.
func (f *File) takeTemps() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	temps := f.temps
	f.temps = nil
	return temps
}

// moveTemps takes in that a directory was renamed.
func (f *File) moveTemps(place func(string) (string, bool)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, t := range f.temps {
		if q, ok := place(t); ok {
			f.temps[i] = q
		}
	}
}

// validTemp tells whether a path can be that of an upload.
func validTemp(p string) bool {
	_, name := split(p)
	return validPath(p) && strings.HasPrefix(name, tempPrefix)
}
