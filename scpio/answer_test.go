package scpio_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/scpfs/scpfs/scpio"
)

// found and statted are records of the two listing engines.
func found(kind, name string, size int) string {
	return fmt.Sprintf("=%s 644 1 0 0 1 2 %d 8 1.0000000010 2.0000000020 3.0000000030 %s\x00\x00", kind, size, name)
}

func statted(mode, name string, size int) string {
	path := strings.TrimSuffix("/r/"+name, "/")
	return fmt.Sprintf("%s=%s 1 0 0 0 0 1 2 %d 8|1970-01-01 00:00:01.000000001 +0000|1970-01-01 00:00:02.000000002 +0000|1970-01-01 00:00:03.000000003 +0000|%s%s%s%s\n",
		marker, mode, size, path, marker, path, marker)
}

const (
	end    = marker + " 0\x00\x00"
	stream = "T2 0 1 0\nC0644 5 a\nhello\x00"
)

// answers are whole answers of a host, one for each form there is.
var answers = []struct {
	name, engine, text string
	op                 func(context.Context, *scpio.Client) error
}{
	{"list", "gnu", found("d", "", 1) + found("f", "a", 5) + found("f", "b\nc", 5) + end, list},
	{"list", "stat", statted("41ed", "", 1) + statted("81a4", "a", 5) + statted("81a4", "b\nc", 5) + end, list},
	{"stat", "gnu", found("f", "", 5) + end, stat},
	{"stat", "stat", statted("81a4", "a", 5) + end, stat},
	{"fetch", "gnu", found("f", "", 5) + stream + found("f", "", 5) + end, fetch},
	{"fetch", "stat", statted("81a4", "a", 5) + stream + statted("81a4", "a", 5) + end, fetch},
	{"fetch many", "gnu", found("f", "/r/a", 5) + end + stream + found("f", "/r/a", 5) + end, fetchMany},
	{"store", "gnu", found("f", "", 5) + end, store},
	{"batch", "gnu", found("d", "", 1) + end + end + found("f", "", 5) + end + found("f", "", 5) + end + end + end, batch},
	{"unlink", "gnu", end, func(ctx context.Context, c *scpio.Client) error { return c.Remove(ctx, "a") }},
	{"unlink", "gnu", found("d", "/.", 1) + end, func(ctx context.Context, c *scpio.Client) error { return c.Remove(ctx, "a") }},
	{"rename", "gnu", found("f", "", 0) + found("d", "/.", 1) + found("d", "/..", 1) + end, rename},
	{"statfs", "gnu", "1 2 3 4 5 6 7\n" + end, func(ctx context.Context, c *scpio.Client) error { _, err := c.Statfs(ctx, ""); return err }},
}

func batch(ctx context.Context, c *scpio.Client) error {
	_, err := firstError(ctx, c, []scpio.Step{
		{Op: "mkdir", Path: "d", Mode: 0o755},
		storing("d/a", "hello", scpio.Attr{}),
		storing("d/b", "world", scpio.Attr{}),
		{Op: "remove", Path: "c"},
	})
	return err
}

func list(ctx context.Context, c *scpio.Client) error {
	_, _, err := c.List(ctx, "")
	return err
}

func stat(ctx context.Context, c *scpio.Client) error { _, err := c.Stat(ctx, "a"); return err }

func fetch(ctx context.Context, c *scpio.Client) error {
	_, err := c.Fetch(ctx, "a", scpio.Attr{}, func(scpio.Attr) (io.Writer, error) { return io.Discard, nil })
	return err
}

func fetchMany(ctx context.Context, c *scpio.Client) error {
	result := io.ErrNoProgress // unless done says something else
	err := c.FetchMany(ctx, []string{"a"},
		func(int, scpio.Attr) (io.Writer, error) { return io.Discard, nil },
		func(_ int, _ scpio.Attr, err error) { result = err })
	if err != nil {
		return err
	}
	return result
}

func create(ctx context.Context, c *scpio.Client) error {
	_, err := c.Create(ctx, "a", 0o644)
	return err
}

func rename(ctx context.Context, c *scpio.Client) error {
	_, err := c.Rename(ctx, "a", "b", 0)
	return err
}

func store(ctx context.Context, c *scpio.Client) error {
	_, err := c.Store(ctx, "a", scpio.Upload{Contents: strings.NewReader("hello"), Size: 5, Mode: 0o644})
	return err
}

// TestCutAnswers ends each answer behind each of its bytes: never may less
// than all of it pass for all.
func TestCutAnswers(t *testing.T) {
	for _, a := range answers {
		t.Run(a.name+" "+a.engine, func(t *testing.T) {
			for n := range len(a.text) {
				if n > 0 && strings.Contains(a.text[max(n-len(marker), 0):min(n+len(marker), len(a.text))], marker) && !strings.HasSuffix(a.text[:n], marker) {
					continue // within the marker's stand-in
				}
				c, err := newFake(t, hostAnswer(a.engine), a.text[:n])
				check(t, err)
				if a.op(t.Context(), c) == nil {
					t.Errorf("%q passed for the whole answer", a.text[:n])
				}
				c.Close()
			}
			c, err := newFake(t, hostAnswer(a.engine), a.text)
			check(t, err)
			check(t, a.op(t.Context(), c))
		})
	}
}

// TestEndlessAnswers has hosts that never come to the end of what is one record, or a
// directory or two.
func TestEndlessAnswers(t *testing.T) {
	remove := func(ctx context.Context, c *scpio.Client) error { return c.Remove(ctx, "a") }
	for name, text := range map[string]string{"files": found("f", "", 5), "directories": found("d", "/.", 1)} {
		for _, op := range []func(context.Context, *scpio.Client) error{stat, create, store, rename, remove} {
			c, err := newFake(t, hostAnswer("gnu"), strings.Repeat(text, 10)+"=") // an end is not waited for
			check(t, err)
			err = op(t.Context(), c)
			if name == "directories" || err != nil {
				wantErrno(t, "endless "+name, err, syscall.EPROTO)
			}
			c.Close()
		}
	}
}

// TestOversizedRecords has names and links that no file system has.
func TestOversizedRecords(t *testing.T) {
	link := func(size int) string {
		return strings.Replace(found("l", "link", 1), "link\x00", "link\x00"+strings.Repeat("x", size), 1)
	}
	for text, want := range map[string]error{
		found("f", strings.Repeat("x", 765), 1):       nil,
		found("f", strings.Repeat("x", 1025), 1):      syscall.EPROTO,
		statted("81a4", strings.Repeat("x", 1025), 1): syscall.EPROTO,
		link(4096): nil,
		link(4097): syscall.EPROTO,
	} {
		engine := map[bool]string{true: "gnu", false: "stat"}[text[0] == '=']
		c, err := newFake(t, hostAnswer(engine), found("d", "", 1)+text+end)
		check(t, err)
		if err := list(t.Context(), c); !errors.Is(err, want) {
			t.Errorf("a record of %d bytes: got %v, want %v", len(text), err, want)
		}
		c.Close()
	}
}

// TestFetchManyOthers has hosts that tell of more files than they were asked about.
func TestFetchManyOthers(t *testing.T) {
	a, b := found("f", "/r/a", 5), found("f", "/r/b", 5)
	for _, text := range []string{a + b + end + stream + a + end, strings.Repeat(b, 5), a + end + stream + a + b + end} {
		c, err := newFake(t, hostAnswer("gnu"), text)
		check(t, err)
		wantErrno(t, "fetch many", fetchMany(t.Context(), c), syscall.EPROTO)
		c.Close()
	}
}

// FuzzRecords has hosts that answer anything at all.
func FuzzRecords(f *testing.F) {
	for _, a := range answers {
		f.Add(a.text, a.engine == "gnu")
	}
	f.Add(found("l", "..", 1)+found("f", "a/b", 1)+end, true)
	f.Add(strings.Repeat("=", 70000), true)
	f.Add(found("f", "a", 1)+marker+" 1\x00find: 'x': No such file or directory\x00", true)
	f.Fuzz(func(t *testing.T, text string, gnu bool) {
		engine := map[bool]string{true: "gnu", false: "stat"}[gnu]
		c, err := newFake(t, hostAnswer(engine), text)
		check(t, err)
		defer c.Close()
		_, all, err := c.List(t.Context(), "")
		for _, e := range all {
			if err == nil && (e.Name == "" || e.Name == "." || e.Name == ".." || strings.ContainsAny(e.Name, "/\x00")) {
				t.Errorf("a name %q was taken from %q", e.Name, text)
			}
		}
		for _, op := range []func(context.Context, *scpio.Client) error{stat, fetchMany, store, batch} {
			_ = op(t.Context(), c) // nothing but an end is asked for
		}
	})
}

// FuzzFetchAnswer checks that no answer makes a file of another size than its
// attributes say.
func FuzzFetchAnswer(f *testing.F) {
	for _, a := range answers {
		f.Add(a.text, a.engine == "gnu")
	}
	f.Add(found("f", "", 5)+"\x01scp: no\n"+end, true)
	f.Add(found("f", "", 5)+"C0644 9223372036854775807 a\n", true)
	f.Fuzz(func(t *testing.T, text string, gnu bool) {
		c, err := newFake(t, hostAnswer(map[bool]string{true: "gnu", false: "stat"}[gnu]), text)
		check(t, err)
		defer c.Close()
		var b bytes.Buffer
		begun := 0
		a, err := c.Fetch(t.Context(), "a", scpio.Attr{}, func(scpio.Attr) (io.Writer, error) { begun++; return &b, nil })
		if err == nil && begun > 0 && int64(b.Len()) != a.Size {
			t.Errorf("%d bytes of %d passed for all in %q", b.Len(), a.Size, text)
		}
		if begun > 1 {
			t.Error("begin was called twice")
		}
	})
}

// FuzzHost has hosts that say anything of themselves.
func FuzzHost(f *testing.F) {
	f.Add(hostAnswer("gnu"))
	f.Add(hostAnswer("stat"))
	f.Add("root=/\n." + end)
	f.Add("scp=1\nengine=gnu\nids=99999999999:-1\nnow=99999999999999999999\nroot=/\x1b\n\n." + end)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := newFake(t, text, "")
		if err != nil {
			return
		}
		defer c.Close()
		if !strings.HasPrefix(c.Root(), "/") || strings.Contains(c.Host().Machine, "\x1b") {
			t.Errorf("root %q, host %+v", c.Root(), c.Host())
		}
	})
}
