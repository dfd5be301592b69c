package sshdial

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"
)

// The markers of known_hosts, as the parser gives them.
const (
	markAuthority = "cert-authority"
	markRevoked   = "revoked"
)

// knownKey is a line of known_hosts.
type knownKey struct {
	marker   string
	patterns []string
	key      ssh.PublicKey
	file     string
	line     int
}

// knownHosts are the lines of several files. The database of
// x/crypto/ssh/knownhosts is not used: it gives up on a file with one
// bad line, counts authorities as host keys, and does not tell which keys it
// has for a host.
type knownHosts []knownKey

// readKnownHosts skips missing files and bad lines: a typing error must not
// lock everybody out, and a line that is left out can only refuse a host.
func readKnownHosts(files []string, log *slog.Logger) (knownHosts, error) {
	var all knownHosts
	for _, file := range files {
		text, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("known hosts: %w", err)
		}
		number := 0
		for line := range bytes.Lines(text) {
			number++
			k, err := parseKnownHost(line)
			if err != nil {
				log.Warn("ignoring a bad line of known_hosts", "file", file, "line", number, "err", err)
				continue
			}
			if k.key != nil {
				k.file, k.line = file, number
				all = append(all, k)
			}
		}
	}
	return all, nil
}

// parseKnownHost returns no key for a blank line or a comment.
func parseKnownHost(line []byte) (knownKey, error) {
	marker, patterns, key, _, _, err := ssh.ParseKnownHosts(line)
	if errors.Is(err, io.EOF) {
		if trimmed := bytes.TrimSpace(line); len(trimmed) > 0 && trimmed[0] != '#' {
			return knownKey{}, errors.New("a host without a key")
		}
		return knownKey{}, nil
	}
	if err != nil {
		return knownKey{}, err
	}
	if marker != "" && marker != markAuthority && marker != markRevoked {
		return knownKey{}, fmt.Errorf("unknown marker @%s", Sanitize(marker))
	}
	return knownKey{marker: marker, patterns: patterns, key: key}, nil
}

// knownName is how known_hosts writes an address.
func knownName(host string, port int) string {
	host = strings.ToLower(host)
	if port == 22 {
		return host
	}
	return "[" + host + "]:" + strconv.Itoa(port)
}

// bareName is the name without a port.
func bareName(name string) string {
	if host, _, err := net.SplitHostPort(name); err == nil && strings.HasPrefix(name, "[") {
		return host
	}
	return name
}

// matches tells whether the line speaks of a host. A negated pattern that
// matches decides against it wherever it stands.
func (k *knownKey) matches(name string) bool {
	found := false
	for _, pattern := range k.patterns {
		pattern, negated := strings.CutPrefix(pattern, "!")
		if !matchHost(strings.ToLower(pattern), pattern, name) {
			continue
		}
		if negated {
			return false
		}
		found = true
	}
	return found
}

// matchHost takes the pattern in both cases, as a hash is base64.
func matchHost(lower, pattern, name string) bool {
	if strings.HasPrefix(pattern, "|") {
		return matchHash(pattern, name)
	}
	return matchGlob(lower, name)
}

// matchHash checks "|1|SALT|HASH", HMAC-SHA1 of the name under the salt.
func matchHash(pattern, name string) bool {
	fields := strings.Split(pattern, "|")
	if len(fields) != 4 || fields[1] != "1" {
		return false
	}
	salt, err := base64.StdEncoding.DecodeString(fields[2])
	if err != nil {
		return false
	}
	sum, err := base64.StdEncoding.DecodeString(fields[3])
	if err != nil {
		return false
	}
	mac := hmac.New(sha1.New, salt)
	io.WriteString(mac, name)
	return hmac.Equal(mac.Sum(nil), sum)
}

// matchGlob knows * and ?. It goes back to the last * only, so that its time
// is bounded by the product of the lengths.
func matchGlob(pattern, name string) bool {
	p, n, star, mark := 0, 0, -1, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			p++
			n++
		case star >= 0:
			mark++
			p, n = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// of returns the lines about a host that carry a marker ("" for host keys).
func (all knownHosts) of(name, marker string) knownHosts {
	return slices.Collect(func(yield func(knownKey) bool) {
		for _, k := range all {
			if k.marker == marker && k.matches(name) && !yield(k) {
				return
			}
		}
	})
}

// find returns the line with a key.
func (all knownHosts) find(key ssh.PublicKey) (knownKey, bool) {
	i := slices.IndexFunc(all, func(k knownKey) bool { return sameKey(k.key, key) })
	if i < 0 {
		return knownKey{}, false
	}
	return all[i], true
}

func sameKey(a, b ssh.PublicKey) bool { return bytes.Equal(a.Marshal(), b.Marshal()) }
