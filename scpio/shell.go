package scpio

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// shell is a long-lived POSIX shell on the host that runs one command of
// ours after the other. It is started as
//
//	IFS= read -r k; while IFS= read -r c; do case $c in "$k "*) eval "${c#* }";; *) exit 97;; esac; done
//
// The first line it reads is a random key, and only lines that begin with
// this key are ever executed: what is left in its input of a broken upload
// is not. read takes its input byte by byte in every POSIX shell, so bytes
// behind a command line reach the command and not the shell.
//
// A shell is used by one caller at a time. After any failure that leaves
// its streams in doubt it is broken, and closed instead of used again.
type shell struct {
	conn   Conn // that the session is on
	sess   Session
	r      *bufio.Reader
	key    string
	marker string
	watch  *watchdog // of the operation under way
	life   *life     // of all shells
	killed atomic.Bool
	// settings are what it was told, see [pool.set].
	settings string

	// above are the records of the directories in which the command sent last has
	// changed something, see d in remote.pl, and asked is when it was sent.
	above []Entry
	asked time.Time
}

// maxNoise bounds what rc files may print before our marker.
const maxNoise = 64 << 10

// token is text that nobody can guess, of characters that need no quoting.
func token() string { return "S" + rand.Text() }

// loginCommand is what the login shell is asked to run.
func loginCommand(marker string) string {
	loop := `echo;echo ` + marker + `$(` + canUnzip + `&&echo ` + knowsGzip + `);IFS= read -r k;while IFS= read -r c;do case $c in "$k "*) eval "${c#* }";; *) exit 97;; esac;done`
	return "exec env LC_ALL=C TZ=UTC0 ENV= /bin/sh -c " + quoteLogin(loop)
}

// startShell starts a shell on conn and teaches it a library. settings are
// assignments that the library needs, see remote.sh.
func startShell(ctx context.Context, conn Conn, settings string, lib library, l *life) (*shell, error) {
	s := &shell{conn: conn, key: token(), marker: token(), life: l, settings: settings}
	sess, err := conn.Start(ctx, loginCommand(s.marker))
	if err != nil {
		return nil, err
	}
	s.sess = sess
	s.r = bufio.NewReaderSize(watchedReader{s}, 128<<10)
	stop := context.AfterFunc(ctx, s.kill)
	defer stop()
	if err := s.greet(settings, lib); err != nil {
		s.kill()
		return nil, cause(ctx, err)
	}
	return s, nil
}

// greet sends the key and the library in one go, compressed, and skips everything
// that comes before the marker: what rc files print. To a host without gzip
// the library goes once more, as it is.
func (s *shell) greet(settings string, lib library) error {
	zipped, end := lib.zipped(), token()
	learn := ";m=" + s.marker + ";" + settings + `;eval "$l"`
	hello := s.key + "\n" + s.line(readZipped(len(zipped), end)+learn) + string(zipped) + "\n" + end + "\n"
	// An error of the write shows in reading too, with what the host said.
	_, _ = io.WriteString(s.sess, hello)
	zips, err := s.skipNoise()
	if err != nil || zips {
		return err
	}
	_, err = io.WriteString(s.sess, s.line(readPlain(end)+learn)+lib.plain+end+"\n")
	return err
}

// skipNoise reads up to the marker, and tells whether the host has gzip.
func (s *shell) skipNoise() (zips bool, err error) {
	var noise []byte
	for len(noise) < maxNoise {
		line, err := s.r.ReadSlice('\n')
		if said, ok := strings.CutPrefix(string(bytes.TrimRight(line, "\r\n")), s.marker); ok && err == nil {
			return said == knowsGzip, nil
		}
		noise = append(noise, line...)
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return false, s.noShell(noise, err)
		}
	}
	return false, s.noShell(noise, errors.New("it prints without end"))
}

// noShell says why there is no shell, in the host's own words where it had
// any.
func (s *shell) noShell(noise []byte, err error) error {
	said := saying(string(noise) + " " + s.sess.Stderr())
	switch {
	case said == "" && lost(err):
		return errSilent
	case said == "":
		said = err.Error()
	}
	return &NoShellError{Said: said}
}

// errSilent is a *NoShellError for a session that ended without a word.
var errSilent error = &NoShellError{Said: "nothing"}

// NoShellError says that the account on the host runs no commands of ours.
type NoShellError struct {
	Said string // what the host said instead
}

func (e *NoShellError) Error() string {
	return "the account gives no POSIX shell to run commands in (it said: " + e.Said +
		"): scpfs needs a login that may run /bin/sh and scp"
}

// Unwrap makes it EACCES.
func (e *NoShellError) Unwrap() error { return syscall.EACCES }

// line is a command as the loop of the shell wants it.
func (s *shell) line(command string) string { return s.key + " " + command + "\n" }

// watchedReader resets the watchdog of the operation under way at every
// piece that comes.
type watchedReader struct{ s *shell }

func (w watchedReader) Read(p []byte) (int, error) {
	n, err := w.s.sess.Read(p)
	if n > 0 {
		w.s.watch.reset()
		w.s.life.mark()
	}
	return n, err
}

// Write sends the bytes of an upload.
func (s *shell) Write(p []byte) (int, error) {
	n, err := s.sess.Write(p)
	s.watch.reset()
	return n, err
}

// extend gives the operation under way, and the connection, more time without a
// byte, once.
func (s *shell) extend(by time.Duration) {
	s.watch.extend(by)
	s.life.expect(by)
}

// send writes a command with the bytes that follow it, if any, in one go.
func (s *shell) send(command string, payload ...[]byte) error {
	buf := append([]byte(s.line(command)), bytes.Join(payload, nil)...)
	s.above, s.asked = nil, time.Now()
	_, err := s.sess.Write(buf)
	return err
}

// kill ends the shell and the command it runs, at once for us and soon on
// the host. The shell there traps the signal and removes what a sink left.
func (s *shell) kill() {
	s.killed.Store(true)
	s.sess.Close()
}

// isBroken tells whether the shell can not be used again: killed, or ended by
// itself, as with its connection.
func (s *shell) isBroken() bool {
	select {
	case <-s.sess.Done():
		return true
	case <-s.conn.Done():
		return true
	default:
		return s.killed.Load()
	}
}

// answer is the end of an answer: the status of the command and what it
// said when it failed.
type answer struct {
	status int
	said   string
}

// raw reads an answer that is text: everything up to the marker.
func (s *shell) raw(limit int) (string, answer, error) {
	var text []byte
	for {
		part, err := s.r.ReadSlice(0)
		text = append(text, part...)
		if i := bytes.Index(text, []byte(s.marker+" ")); i >= 0 && err == nil {
			a, err := s.finish(string(text[i:]))
			return string(text[:i]), a, err
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return "", answer{}, eof(err)
		}
		if len(text) > limit {
			return "", answer{}, fmt.Errorf("an answer of more than %d bytes: %w", limit, syscall.EPROTO)
		}
	}
}

// maxAnswer bounds what a program says of its failure, in bytes: find says a line of
// each name in a directory that may not be searched.
const maxAnswer = 16 << 20

// finish parses the end of an answer whose first part, up to and with its
// NUL, has been read, and reads the second.
func (s *shell) finish(head string) (answer, error) {
	var a answer
	if _, err := fmt.Sscanf(strings.TrimPrefix(head, s.marker), " %d\x00", &a.status); err != nil {
		return a, fmt.Errorf("a malformed answer: %w", syscall.EPROTO)
	}
	if a.status == statusEnded {
		defer s.kill()
	}
	said, err := readField(s.r, maxAnswer)
	a.said = said
	return a, err
}

// readField reads up to a NUL, which is taken away.
func readField(r *bufio.Reader, limit int) (string, error) {
	var buf []byte
	for {
		part, err := r.ReadSlice(0)
		if err == nil && buf == nil {
			return string(part[:len(part)-1]), nil
		}
		buf = append(buf, part...)
		if err == nil {
			return string(buf[:len(buf)-1]), nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return "", eof(err)
		}
		if len(buf) > limit {
			return "", fmt.Errorf("a field of more than %d bytes: %w", limit, syscall.EPROTO)
		}
	}
}

// eof makes the end of the stream in the middle of an answer an error that
// cannot be taken for its end.
func eof(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
