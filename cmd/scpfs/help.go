package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

const usageLine = "scpfs [user@]host:[dir] mountpoint [options]"

// commandFlags is the part of the help on what is not behind -o.
var commandFlags = []struct{ usage, help string }{
	{"-o OPT[,OPT...]", "options, see below; a comma in a value is written \\,"},
	{"-p PORT", "port of the SSH server"},
	{"-F FILE", "SSH client configuration instead of ~/.ssh/config"},
	{"-f", "stay in the foreground"},
	{"-d, --debug", "log every request; implies -f"},
	{"-v, --verbose", "log what happens"},
	{"-s", "accepted: one thread, as of sshfs"},
	{"-C", "accepted: Compression=yes"},
	{"-h, --help", "this text"},
	{"-V, --version", "the version"},
}

// writeHelp is scpfs -h.
func writeHelp(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "usage: %s\n\n", usageLine)
	b.WriteString("Mounts a directory of a remote host that has SSH and scp.\n")
	b.WriteString("An empty dir is the home directory there. Unmount with: fusermount3 -u mountpoint\n\n")
	for _, f := range commandFlags {
		fmt.Fprintf(&b, "  %-24s %s\n", f.usage, f.help)
	}
	b.WriteString("\nAsks a running mount:\n")
	for _, c := range commands() {
		fmt.Fprintf(&b, "  scpfs %s\n%27s%s\n", c.usage, "", c.help)
	}
	for _, group := range optionTable {
		fmt.Fprintf(&b, "\n%s (-o):\n", group.title)
		for _, o := range group.options {
			fmt.Fprintf(&b, "  %-24s %s\n", o.usage(), o.help)
		}
	}
	fmt.Fprintf(&b, "\nFlags of mount(8) (-o):\n%s", wrap(flagWords, "  "))
	fmt.Fprintf(&b, "\nAccepted without effect (-o):\n%s", wrap(accepted(), "  "))
	_, err := io.WriteString(w, b.String())
	return err
}

func accepted() []string {
	words := append(slices.Clone(acceptedWords), "x-*")
	for _, name := range acceptedValues {
		words = append(words, name+"=")
	}
	return words
}

// wrap fills lines of at most 80 characters.
func wrap(words []string, indent string) string {
	var b strings.Builder
	line := indent
	for i, w := range words {
		if i < len(words)-1 {
			w += ","
		}
		if len(line)+len(w) > 79 {
			b.WriteString(strings.TrimRight(line, " ") + "\n")
			line = indent
		}
		line += w + " "
	}
	b.WriteString(strings.TrimRight(line, " ") + "\n")
	return b.String()
}

// writeOptionsPage is docs/options.md.
func writeOptionsPage(w io.Writer) error {
	var b strings.Builder
	b.WriteString("# Options\n\n<!-- Written by cmd/scpfs from its table of options: make docs. -->\n\n")
	fmt.Fprintf(&b, "    %s\n\n", usageLine)
	b.WriteString("| flag | meaning |\n|---|---|\n")
	for _, f := range commandFlags {
		row(&b, f.usage, f.help)
	}
	b.WriteString("\n## Commands\n\nA word without a colon as the first argument asks mounts that run.\n\n| command | what it does |\n|---|---|\n")
	for _, c := range commands() {
		row(&b, "scpfs "+c.usage, c.help)
	}
	for _, group := range optionTable {
		fmt.Fprintf(&b, "\n## -o: %s\n\n| option | meaning |\n|---|---|\n", group.title)
		for _, o := range group.options {
			row(&b, o.usage(), o.help)
		}
	}
	writeOtherWords(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func writeOtherWords(b *strings.Builder) {
	b.WriteString("\n## -o: Other spellings\n\n| option | is |\n|---|---|\n")
	for _, name := range sortedKeys(aliases) {
		row(b, options[name].usage(), "`"+aliases[name]+"`")
	}
	fmt.Fprintf(b, "\n## -o: Flags of mount(8)\n\n%s", wrap(flagWords, ""))
	fmt.Fprintf(b, "\n## -o: Accepted without effect\n\n%s", wrap(accepted(), ""))
	b.WriteString("\n## -o: Not supported\n\nThese would change what is done, so they are errors.\n\n| option | instead |\n|---|---|\n")
	for _, o := range unsupported {
		row(b, o.usage(), o.help)
	}
}

func row(b *strings.Builder, usage, help string) {
	fmt.Fprintf(b, "| `%s` | %s |\n", strings.ReplaceAll(usage, "|", `\|`), strings.ReplaceAll(help, "|", `\|`))
}
