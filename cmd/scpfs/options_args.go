package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/scpfs/scpfs/scpio/sshdial"
)

// parseArgs reads the command line as sshfs has it. name is what the program was
// called by: as mount.scpfs it is a helper of mount(8), which has letters of its own.
func parseArgs(name string, args []string) (config, error) {
	c := defaultConfig()
	flags := c.flagSet(strings.HasPrefix(filepath.Base(name), "mount."))
	if err := flags.Parse(args); err != nil {
		return c, plainError(err)
	}
	c.Foreground = c.Foreground || c.Debug
	if c.Help || c.Version {
		return c, nil
	}
	return c, c.setPositionals(flags.Args())
}

// plainError takes off the frame that pflag puts around an error of ours.
func plainError(err error) error {
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return invalid.Unwrap()
	}
	return fmt.Errorf("%w: scpfs -h lists the flags", err)
}

// listValue is a flag that is applied each time it is given.
type listValue func(string) error

func (l listValue) Set(s string) error { return l(s) }
func (l listValue) String() string     { return "" }
func (l listValue) Type() string       { return "string" }

func (c *config) flagSet(helper bool) *pflag.FlagSet {
	f := pflag.NewFlagSet("scpfs", pflag.ContinueOnError)
	f.SortFlags = false
	f.Usage = func() {}
	f.BoolVarP(&c.Debug, "debug", "d", false, "")
	f.BoolVarP(&c.Verbose, "verbose", "v", false, "")
	f.BoolVarP(&c.Help, "help", "h", false, "")
	f.BoolVarP(&c.Version, "version", "V", false, "")
	f.VarP(listValue(c.setPort), "port", "p", "")
	f.StringVarP(&c.SSHConfig, "config", "F", "", "")
	f.VarP(listValue(c.applyOptions), "options", "o", "")
	f.BoolP("single", "s", false, "") // one thread; also "sloppy" of mount(8)
	c.addSwitch(f, "compress", "C", c.noCompression)
	if helper {
		f.BoolVarP(&c.Fake, "fake", "f", false, "")
		f.BoolP("no-mtab", "n", false, "")
		f.StringP("namespace", "N", "", "")
		f.StringP("types", "t", "", "")
	} else {
		f.BoolVarP(&c.Foreground, "foreground", "f", false, "")
	}
	return f
}

// noCompression is -C: the SSH library cannot compress, which costs only time.
func (c *config) noCompression() {
	c.SSHOptions = append(c.SSHOptions, "Compression=yes")
	c.Notes = append(c.Notes, "-C: compression is not supported and is left off")
}

// addSwitch adds a flag without a value that does something when it is given.
func (c *config) addSwitch(f *pflag.FlagSet, name, short string, do func()) {
	f.VarP(listValue(func(string) error { do(); return nil }), name, short, "")
	f.Lookup(name).NoOptDefVal = "true"
}

func (c *config) setPositionals(args []string) error {
	switch len(args) {
	case 0:
		return errors.New("what to mount is missing: scpfs [user@]host:[dir] mountpoint")
	case 1:
		return errors.New("the mountpoint is missing: scpfs [user@]host:[dir] mountpoint")
	case 2:
	default:
		return fmt.Errorf("one argument too many: %q", args[2])
	}
	if err := c.setSource(args[0]); err != nil {
		return err
	}
	if args[1] == "" {
		return errors.New("the mountpoint is empty")
	}
	c.Mountpoint = args[1]
	if c.Mount.FsName == "" {
		c.Mount.FsName = c.Source
	}
	c.Mount.Debug = c.Debug
	return nil
}

// setSource takes [user@]host:[dir], where host may be an address in brackets.
func (c *config) setSource(s string) error {
	place, dir, ok := cutPlace(s)
	if !ok {
		return fmt.Errorf("%q has no colon: give [user@]host:[dir]", s)
	}
	c.Source, c.Host, c.Dir = s, place, dir
	if i := strings.LastIndexByte(place, '@'); i >= 0 {
		c.User, c.Host = place[:i], place[i+1:]
		if c.User == "" {
			return fmt.Errorf("%q has no user in front of the @", s)
		}
	}
	c.Host = strings.TrimSuffix(strings.TrimPrefix(c.Host, "["), "]")
	if strings.IndexByte(dir, 0) >= 0 {
		return errors.New("the remote directory has a NUL byte")
	}
	if c.Host == "" {
		return errors.New("the host is missing: give [user@]host:[dir]")
	}
	return sshdial.CheckNames(c.Host, c.User)
}

// cutPlace splits at the first colon that does not belong to a bracketed address.
func cutPlace(s string) (place, dir string, ok bool) {
	start := strings.IndexByte(s, '[')
	colon := strings.IndexByte(s, ':')
	if start < 0 || colon < start || start > 0 && s[start-1] != '@' {
		return strings.Cut(s, ":")
	}
	end := strings.Index(s[start:], "]:")
	if end < 0 {
		return "", "", false
	}
	end += start
	return s[:end+1], s[end+2:], true
}
