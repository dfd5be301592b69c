package scpio

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Host is what a host can do, found out by the shape of what its tools
// print.
type Host struct {
	Engine   string        // of listings: "gnu" (find -printf) or "stat" (stat -c)
	UID, GID uint32        // of the account
	Groups   []uint32      // of the account
	Machine  string        // as uname -sm prints it
	NanoTime bool          // touch takes fractions of a second
	Exchange string        // how two names are swapped: "mv", a system call's number, or ""
	dd       string        // "bytes" where dd can count in them
	helper   string        // the numbers of the system calls that remote.pl makes, or ""
	pieces   bool          // dd can put a piece of a stream in its place
	Skew     time.Duration // the host's clock minus ours, at the least
}

// ErrNoScp says that the host has no scp.
var ErrNoScp = errors.New("the host has no scp program: install OpenSSH's client there (dropbear has one too), or put it on the PATH of non-interactive logins")

// ErrNoTools says that no listing engine works on the host.
var ErrNoTools = errors.New("the host has neither GNU find nor a stat that knows -c: install coreutils or busybox there")

// startLimit is the least that the first connection may take: a person may
// have chosen a short time limit for a link that is up.
const startLimit = 30 * time.Second

// identify asks the host who it is, and tells every shell from then on.
func (c *Client) identify(ctx context.Context, root string) error {
	ctx, _, cancel := watchedFor(ctx, max(c.timeout, startLimit))
	defer cancel()
	c.pool.set("e=;u=;w=;h=;a=", nil)
	dir := rootDir(root)
	began := time.Now()
	return c.repeat(ctx, c.perform, "open", dir, func(sh *shell) error {
		if err := sh.send("I " + quote(dir)); err != nil {
			return err
		}
		text, a, err := sh.raw(64 << 10)
		if err = cmp.Or(err, hostError(a)); err != nil {
			return err
		}
		host, root, err := parseHost(text, began)
		if err != nil {
			return err
		}
		settings := "e=" + host.Engine + ";u=" + host.Exchange + ";w=" + host.dd
		if c.follow {
			settings += ";h=-L;a="
		} else {
			settings += ";h=;a=" + quote(host.helper)
		}
		c.pool.set(settings, sh)
		if err := sh.send(settings + `;eval "$l"`); err != nil {
			return err
		}
		c.met.Store(&identity{host, root})
		return nil
	})
}

// rootDir is the directory as the host's shell is asked to enter it.
func rootDir(dir string) string {
	switch {
	case dir == "" || dir == "~":
		return "."
	case strings.HasPrefix(dir, "~/"):
		dir = strings.TrimLeft(dir[2:], "/")
	}
	if strings.HasPrefix(dir, "/") {
		return dir
	}
	return "./" + dir
}

func parseHost(text string, began time.Time) (Host, string, error) {
	facts, path, ok := strings.Cut(text, "root=")
	path = strings.TrimSuffix(path, "\n.")
	if !ok || !strings.HasPrefix(path, "/") {
		return Host{}, "", fmt.Errorf("the host did not say where it is: %w", syscall.EPROTO)
	}
	fact := map[string]string{}
	for line := range strings.Lines(facts) {
		k, v, _ := strings.Cut(strings.TrimRight(line, "\n"), "=")
		fact[k] = v
	}
	if fact["scp"] == "" {
		return Host{}, "", ErrNoScp
	}
	h := Host{Engine: fact["engine"], Machine: saying(fact["machine"]), NanoTime: fact["touch"] == "ns"}
	if h.Engine != "gnu" && h.Engine != "stat" {
		return Host{}, "", ErrNoTools
	}
	ids := strings.SplitN(fact["ids"]+"::", ":", 4)
	h.UID, h.GID = parseID(ids[0]), parseID(ids[1])
	for _, g := range strings.Fields(ids[2]) {
		h.Groups = append(h.Groups, parseID(g))
	}
	h.Exchange, h.dd, h.pieces = exchangeBy(fact["exchange"]), fact["dd"], fact["pieces"] != ""
	if h.Engine == "gnu" && fact["perl"] != "" {
		h.helper = helperCalls[fact["machine"]]
	}
	h.Skew = skew(fact["now"], began)
	return h, path, nil
}

// skew is the host's clock minus ours, at the least: when it said now, in
// seconds and, where its date knows them, nanoseconds, we were somewhere
// between began and this moment.
func skew(now string, began time.Time) time.Duration {
	sec, frac, _ := strings.Cut(now, ".")
	s, err := strconv.ParseInt(sec, 10, 64)
	if err != nil {
		return -24 * time.Hour
	}
	ns, err := strconv.ParseInt(frac, 10, 64)
	if err != nil || len(frac) != 9 {
		ns = 0
	}
	return time.Unix(s, ns).Sub(began) - time.Since(began)
}

func parseID(s string) uint32 {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return ^uint32(0)
	}
	return uint32(n)
}

// helperCalls are the numbers of the system calls that remote.pl makes, in its
// order, on the machines where it may be used. Each shell tries the first before
// it does.
var helperCalls = map[string]string{
	"Linux x86_64":  "332 316 280 195 192 189 198",
	"Linux aarch64": "291 276 88 12 9 6 15",
	"Linux riscv64": "291 276 88 12 9 6 15",
}

// exchangeBy checks what is to stand in a command.
func exchangeBy(said string) string {
	if _, err := strconv.ParseUint(said, 10, 16); err != nil && said != "mv" {
		return ""
	}
	return said
}

// Clock gives a time, in nanoseconds since 1970 by the host's clock, that is
// certainly past there: a file whose mtime is not older may have been
// written since without getting another mtime.
func (c *Client) Clock() int64 {
	const step = 20 * time.Millisecond // of the kernel's clock for times of files
	return time.Now().Add(c.Host().Skew - step).UnixNano()
}
