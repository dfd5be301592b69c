package sshdial_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/scpfs/scpfs/scpio/sshdial"
	"golang.org/x/sys/unix"
)

// TestMain lets the test binary be the program at the other end of a terminal.
func TestMain(m *testing.M) {
	if question := os.Getenv("SSHDIAL_TEST_ASK"); question != "" {
		askOnTerminal(question)
		return
	}
	os.Exit(m.Run())
}

func askOnTerminal(question string) {
	ctx := context.Background()
	if os.Getenv("SSHDIAL_TEST_HURRY") != "" {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
	}
	answer, err := sshdial.DefaultPrompter().Prompt(ctx, question, os.Getenv("SSHDIAL_TEST_ECHO") != "")
	fmt.Printf("RESULT %q %v\n", answer, err)
}

// terminal makes a pair of terminal ends.
func terminal(t *testing.T) (outer, inner *os.File) {
	t.Helper()
	outer, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { outer.Close() })
	raw, err := outer.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var number int
	raw.Control(func(fd uintptr) {
		if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err == nil {
			number, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	inner, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { inner.Close() })
	return outer, inner
}

// converse runs the question on a terminal, types an answer when it appears,
// and returns all that the terminal showed.
func converse(t *testing.T, typed string, env ...string) string {
	t.Helper()
	outer, inner := terminal(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), append(env, "SSHDIAL_TEST_ASK=First line\nYour answer: ")...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = inner, inner, inner
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	inner.Close()
	outer.SetReadDeadline(time.Now().Add(20 * time.Second))
	var shown strings.Builder
	r := bufio.NewReader(outer)
	for c, err := r.ReadByte(); err == nil; c, err = r.ReadByte() {
		shown.WriteByte(c)
		if typed != "" && strings.HasSuffix(shown.String(), "Your answer: ") {
			outer.WriteString(typed)
			typed = ""
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, shown.String())
	}
	return shown.String()
}

func TestTerminal(t *testing.T) {
	shown := converse(t, "secreX\x7ft\r")
	if !strings.Contains(shown, `RESULT "secret" <nil>`) {
		t.Errorf("shown %q", shown)
	}
	if before, _, _ := strings.Cut(shown, "RESULT"); strings.Contains(before, "secre") {
		t.Errorf("the answer was shown: %q", shown)
	}
	if !strings.HasPrefix(shown, "First line\r\nYour answer: ") {
		t.Errorf("shown %q", shown)
	}
}

func TestTerminalEcho(t *testing.T) {
	shown := converse(t, "yes\r", "SSHDIAL_TEST_ECHO=1")
	if before, after, _ := strings.Cut(shown, "RESULT"); !strings.Contains(before, "yes") || !strings.Contains(after, `"yes" <nil>`) {
		t.Errorf("shown %q", shown)
	}
}

func TestTerminalInterrupt(t *testing.T) {
	for _, key := range []string{"\x03", "\x04"} {
		if shown := converse(t, key); !strings.Contains(shown, `"" interrupted at the prompt`) {
			t.Errorf("shown %q", shown)
		}
	}
}

func TestTerminalCancel(t *testing.T) {
	if shown := converse(t, "", "SSHDIAL_TEST_HURRY=1"); !strings.Contains(shown, "deadline exceeded") {
		t.Errorf("shown %q", shown)
	}
}
