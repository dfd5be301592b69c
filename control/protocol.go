package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Version is the number of the protocol.
const Version = 1

// MaxRequest is the most that a request may have, in bytes: two paths of the
// longest kind, escaped.
const MaxRequest = 64 << 10

// maxAnswer bounds what is read of an answer.
const maxAnswer = 64 << 20

// Commands of a [Request].
const (
	CommandStatus    = "status"
	CommandConflicts = "conflicts"
	CommandResolve   = "resolve"
)

// What a resolve keeps.
const (
	KeepLocal  = "local"
	KeepRemote = "remote"
	KeepBoth   = "both"
)

// Request is what a mount is asked.
type Request struct {
	Version int    `json:"version"`
	Command string `json:"command"`
	Path    Name   `json:"path,omitempty"` // of resolve: below the mountpoint
	Keep    string `json:"keep,omitempty"` // of resolve
}

// Answer is what it says.
type Answer struct {
	Version   int        `json:"version"`
	Error     string     `json:"error,omitempty"`
	Status    *Status    `json:"status,omitempty"`
	Conflicts []Conflict `json:"conflicts,omitempty"`
	Saved     string     `json:"saved,omitempty"` // of resolve: where contents are that the host will not get
}

// Status is how a mount is.
type Status struct {
	Source     string     `json:"source"`
	Mountpoint string     `json:"mountpoint"`
	PID        int        `json:"pid"`
	Since      time.Time  `json:"since"`
	Connection Connection `json:"connection"`
	Cache      CacheUse   `json:"cache"`
	Unsent     []Unsent   `json:"unsent"`
	Conflicts  []Conflict `json:"conflicts"`
	Ahead      AheadUse   `json:"ahead"`
	Memory     uint64     `json:"memory"` // bytes in use, without garbage
}

// Connection is that to the host.
type Connection struct {
	State string    `json:"state"` // "connected", "connecting", "lost" or "offline"
	Since time.Time `json:"since"`
	Error string    `json:"error,omitempty"` // the last, when it is not connected
}

// CacheUse is what contents take on the local disk.
type CacheUse struct {
	Dir     string `json:"dir"`
	Files   int    `json:"files"`
	Bytes   int64  `json:"bytes"`
	Size    int64  `json:"size"`     // budget in bytes; 0: none
	MinFree int64  `json:"min_free"` // bytes of the disk left free
}

// Unsent is a change that the host does not have.
type Unsent struct {
	Path   Name      `json:"path"`
	Change string    `json:"change,omitempty"` // mkdir, symlink, setattr, remove; "": the contents of a file
	Size   int64     `json:"size"`
	Since  time.Time `json:"since"`
	Error  string    `json:"error,omitempty"` // of the last try to store it
	Local  string    `json:"local"`           // the file that has the contents
	Open   bool      `json:"open"`            // a program has it open
}

// Conflict is a file that was changed on both sides.
type Conflict struct {
	Kind string    `json:"kind"`           // "conflict", "recovered", or "stuck": ours is here, unsent
	Path Name      `json:"path"`           // the host's
	Copy Name      `json:"copy,omitempty"` // ours beside it
	Time time.Time `json:"time"`
}

// AheadUse counts what was fetched ahead of those who read, in bytes.
type AheadUse struct {
	Fetched int64 `json:"fetched"`
	Read    int64 `json:"read"`
}

// ParseRequest reads a request. What it returns is safe to act on: the command
// is known, and a path is one that a mount can have.
func ParseRequest(line []byte) (Request, error) {
	var r Request
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return Request{}, errors.New("the request is not one line of JSON with known fields")
	}
	if d.More() {
		return Request{}, errors.New("there is something behind the request")
	}
	if r.Version != Version {
		return Request{}, fmt.Errorf("this mount speaks version %d of the protocol, not %d", Version, r.Version)
	}
	return r, r.check()
}

func (r Request) check() error {
	switch r.Command {
	case CommandStatus, CommandConflicts:
		if r.Path != "" || r.Keep != "" {
			return fmt.Errorf("%s takes no path", r.Command)
		}
		return nil
	case CommandResolve:
	default:
		return fmt.Errorf("unknown command %q", r.Command)
	}
	if !validPath(string(r.Path)) {
		return errors.New("the path is not one below the mountpoint")
	}
	switch r.Keep {
	case KeepLocal, KeepRemote, KeepBoth:
		return nil
	}
	return fmt.Errorf("cannot keep %q: local, remote or both", r.Keep)
}

// validPath tells whether a path is relative, without empty, "." or ".."
// components.
func validPath(p string) bool {
	if len(p) > 4096 || strings.ContainsRune(p, 0) {
		return false
	}
	for c := range strings.SplitSeq(p, "/") {
		if c == "" || c == "." || c == ".." {
			return false
		}
	}
	return true
}
