package scpio

import (
	"errors"
	"fmt"
	"strings"
)

// ServerCommand is an scp command line of the far end of a connection: scp -f
// (a source) or scp -t (a sink).
type ServerCommand struct {
	Source    bool     // -f, else -t
	Recursive bool     // -r
	Preserve  bool     // -p
	TargetDir bool     // -d: the target must be a directory
	Paths     []string // one for a sink, or it refuses to work
}

// ParseServerArgs parses the arguments of scp, without its own name, as an SSH
// client gives them. Options end at the first argument that is none.
func ParseServerArgs(args []string) (ServerCommand, error) {
	var p argParser
	for len(args) > 0 && strings.HasPrefix(args[0], "-") && args[0] != "-" {
		arg := args[0]
		args = args[1:]
		if arg == "--" {
			break
		}
		if err := p.group(arg[1:]); err != nil {
			return ServerCommand{}, err
		}
	}
	p.cmd.Paths = args
	return p.result()
}

type argParser struct {
	cmd      ServerCommand
	from, to bool
}

func (p *argParser) group(letters string) error {
	for i := range len(letters) {
		if err := p.option(letters[i]); err != nil {
			return err
		}
	}
	return nil
}

func (p *argParser) option(letter byte) error {
	switch letter {
	case 'f':
		p.from = true
	case 't':
		p.to = true
	case 'r':
		p.cmd.Recursive = true
	case 'p':
		p.cmd.Preserve = true
	case 'd':
		p.cmd.TargetDir = true
	case 'v', 'q': // what they change is on standard error, where nothing is said
	default:
		return fmt.Errorf("option -%s is not one of scp's at the far end, which are -f -t -p -r -d -v -q",
			Printable(string(rune(letter)), maxSaid))
	}
	return nil
}

func (p *argParser) result() (ServerCommand, error) {
	switch {
	case p.from == p.to:
		return ServerCommand{}, errors.New("scp at the far end needs either -f (send) or -t (receive)")
	case len(p.cmd.Paths) == 0:
		return ServerCommand{}, errors.New("scp needs a path")
	}
	p.cmd.Source = p.from
	return p.cmd, nil
}
