package scpio

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"strings"
	"sync"
)

//go:embed remote.sh
var remoteScript string

//go:embed remote.pl
var remoteHelper string

// mainLibrary is remote.sh, with remote.pl in the variable y.
var mainLibrary = newLibrary("y='" + strings.ReplaceAll(bare(remoteHelper), "'", `'\''`) + "'\n" + bare(remoteScript))

// library is what a shell is taught when it starts.
type library struct {
	plain  string
	zipped func() []byte // by gzip: a third of the bytes
}

func newLibrary(script string) library {
	return library{plain: script, zipped: sync.OnceValue(func() []byte { return zip(script) })}
}

// zip compresses by gzip. Nothing fails in writing to memory.
func zip(text string) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.Bytes()
}

// bare is a script without its comments and indentation.
func bare(script string) string {
	var b strings.Builder
	for line := range strings.Lines(script) {
		line = strings.TrimLeft(line, "\t")
		if line != "\n" && !strings.HasPrefix(line, "#") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// knowsGzip is what a shell prints behind its marker when the host has gzip.
const knowsGzip = "z"

// askGzip is the command that prints it.
const askGzip = "command -v gzip >/dev/null 2>&1&&echo " + knowsGzip

// readZipped is a command that reads n bytes from gzip into the variable l, or
// reads past them where there is none. dd takes them one at a time: anything
// else might take some of what comes behind them.
func readZipped(n int) string {
	return fmt.Sprintf("l=$(dd bs=1 count=%d 2>/dev/null|if %s >/dev/null;then gzip -dc;else cat >/dev/null;fi)", n, askGzip)
}

// readPlain is a command that reads lines up to end into the variable l. Each byte
// costs the shell a system call. b is a newline, the one character that a line
// cannot hold.
func readPlain(end string) string {
	return `b=$(printf '\nx');b=${b%x};l=;while IFS= read -r c;do [ "$c" != ` + end + ` ]||break;l=$l$c$b;done`
}
