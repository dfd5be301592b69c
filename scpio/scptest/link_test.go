package scptest_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/scpfs/scpfs/scpio/scptest"
)

// echo is a server that sends back each byte.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.Copy(c, c)
			}()
		}
	}()
	return l.Addr().String()
}

func dial(t *testing.T, k *scptest.Link) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", k.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

// ask sends text and waits for all of it to come back.
func ask(t *testing.T, c net.Conn, text string) {
	t.Helper()
	io.WriteString(c, text)
	got := make([]byte, len(text))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != text {
		t.Fatalf("got %q, %v, want %q", got, err, text)
	}
}

func TestLinkDelays(t *testing.T) {
	const rtt = 40 * time.Millisecond
	c := dial(t, scptest.NewLink(t, echo(t), scptest.LinkOptions{RTT: rtt}))
	ask(t, c, "connect")
	start := time.Now()
	ask(t, c, "hello")
	if took := time.Since(start); took < rtt {
		t.Errorf("took %v, want at least %v", took, rtt)
	}
}

func TestLinkBandwidth(t *testing.T) {
	c := dial(t, scptest.NewLink(t, echo(t), scptest.LinkOptions{Bandwidth: 100 << 10}))
	start := time.Now()
	ask(t, c, string(bytes.Repeat([]byte("x"), 10<<10)))
	if took := time.Since(start); took < 100*time.Millisecond {
		t.Errorf("10 KiB at 100 KiB/s took %v", took)
	}
}

func TestLinkCountsRoundTrips(t *testing.T) {
	k := scptest.NewLink(t, echo(t), scptest.LinkOptions{RTT: 20 * time.Millisecond})
	c := dial(t, k)
	for want := 1; want <= 3; want++ {
		ask(t, c, "one after the other")
		if got := k.RoundTrips(); got != want {
			t.Errorf("got %d round trips, want %d", got, want)
		}
	}
	k.Reset()
	io.WriteString(c, "several ")
	io.WriteString(c, "at ")
	ask(t, dial(t, k), "another connection")
	got := make([]byte, len("several at "))
	if _, err := io.ReadFull(c, got); err != nil {
		t.Fatal(err)
	}
	if got := k.RoundTrips(); got != 1 {
		t.Errorf("got %d round trips after Reset, want 1", got)
	}
}

func TestLinkCountsBytes(t *testing.T) {
	k := scptest.NewLink(t, echo(t), scptest.LinkOptions{})
	ask(t, dial(t, k), "12345")
	if k.BytesUp() != 5 || k.BytesDown() != 5 {
		t.Errorf("got %d up, %d down, want 5 each", k.BytesUp(), k.BytesDown())
	}
}

func TestLinkCutAfter(t *testing.T) {
	for _, d := range []scptest.Direction{scptest.Up, scptest.Down} {
		k := scptest.NewLink(t, echo(t), scptest.LinkOptions{})
		c := dial(t, k)
		ask(t, c, "before")
		k.CutAfter(4, d)
		io.WriteString(c, "0123456789")
		got, _ := io.ReadAll(c)
		if len(got) > 4 || d == scptest.Down && string(got) != "0123" {
			t.Errorf("direction %d: got %q", d, got)
		}
		ask(t, dial(t, k), "a new connection is fine")
	}
}

func TestLinkStall(t *testing.T) {
	k := scptest.NewLink(t, echo(t), scptest.LinkOptions{})
	c := dial(t, k)
	ask(t, c, "before")
	k.Stall()
	io.WriteString(c, "during")
	expectSilence(t, c)
	k.Resume()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	got := make([]byte, len("during"))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "during" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestLinkBlackhole(t *testing.T) {
	k := scptest.NewLink(t, echo(t), scptest.LinkOptions{})
	old := dial(t, k)
	ask(t, old, "before")
	k.Blackhole(true)
	swallowed := dial(t, k)
	io.WriteString(swallowed, "hello?")
	expectSilence(t, swallowed)
	ask(t, old, "old ones live on")
	k.Blackhole(false)
	ask(t, dial(t, k), "and new ones too")
}

func expectSilence(t *testing.T, c net.Conn) {
	t.Helper()
	c.SetDeadline(time.Now().Add(50 * time.Millisecond))
	n, err := c.Read(make([]byte, 1))
	if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %d bytes, %v, want none", n, err)
	}
}

func TestLinkHalfClose(t *testing.T) {
	c := dial(t, scptest.NewLink(t, echo(t), scptest.LinkOptions{RTT: 5 * time.Millisecond}))
	io.WriteString(c, "all of this")
	c.(*net.TCPConn).CloseWrite()
	if got, err := io.ReadAll(c); err != nil || string(got) != "all of this" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestServerViaLink(t *testing.T) {
	s := scptest.Start(t)
	k := scptest.NewLink(t, s.Addr, scptest.LinkOptions{RTT: 10 * time.Millisecond})
	client := s.Via(t, k).Dial(t)
	// The least of some: right after the login the server tells its other
	// host keys, and what happens to be said after that is an answer to it.
	least := 1 << 30
	for range 5 {
		k.Reset()
		if got := outputOf(t, client, "echo hello", len("hello\n")); got != "hello\n" {
			t.Errorf("got %q", got)
		}
		least = min(least, k.RoundTrips())
	}
	if least != 2 {
		t.Errorf("a session with a command took %d round trips, want 2", least)
	}
}

// outputOf is the first n bytes of what a command prints whose input does not
// end: the end would be one more message, and what a slow command says after it
// an answer to that.
func outputOf(t *testing.T, client *ssh.Client, command string, n int) string {
	t.Helper()
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	if _, err := session.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := session.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := session.Start(command); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, n)
	if _, err := io.ReadFull(out, got); err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return string(got)
}
