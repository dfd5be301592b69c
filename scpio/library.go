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

// knowsGzip is what a shell prints behind its marker when the host can uncompress.
const knowsGzip = "z"

// canUnzip is a command that tells whether it can.
const canUnzip = "command -v gzip >/dev/null 2>&1&&command -v dd >/dev/null 2>&1"

// readZipped is a command that reads n bytes from gzip into the variable l, if the
// host can, and all lines up to end. dd takes bytes one at a time: anything else
// might take some of what comes behind them.
func readZipped(n int, end string) string {
	return fmt.Sprintf("l=;if %s;then l=$(dd bs=1 count=%d 2>/dev/null|gzip -dc);fi;", canUnzip, n) +
		`while IFS= read -r c&&[ "$c" != ` + end + " ];do :;done 2>/dev/null"
}

// readPlain is a command that reads lines up to end into the variable l. Each byte
// costs the shell a system call. b is a newline, the one character that a line
// cannot hold.
func readPlain(end string) string {
	return `b=$(printf '\nx');b=${b%x};l=;while IFS= read -r c;do [ "$c" != ` + end + ` ]||break;l=$l$c$b;done`
}
