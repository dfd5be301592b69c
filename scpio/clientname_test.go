package scpio_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/scpfs/scpfs/scpio"
)

// nasty are names that something on the way could take for something else.
func nasty() []string {
	names := []string{
		"-rf", "--help", "-", " ", " leading", "trailing ", "trailing\n", "\n", "new\nline", "\n\n\n",
		"'", `"`, `'"'"'`, `\`, `\\n`, "$n", "${n}", "$(touch evil)", "`touch evil`", "a;b", "a&b", "a|b", "*", "?", "[a-z]", "{a,b}",
		"~", "~root", "#", "!", "!!", "a -> b", "' -> '", "x\n=f 644 1 0 0 1 1 1 1 1 1 1 evil", "=", "C0644 5 x", "\x01no\nC0644 0 y",
		"\xff\xfe", "\xc3", "é", "日本語", "\u202e", "\x1b[31m", "\r", "a\tb", "S", "SAAAA 0", strings.Repeat("x", 255), strings.Repeat("\n", 255), strings.Repeat("'", 255),
		"host:file", "...", ".scpfs-x", "%s", "a%00b",
	}
	for c := 1; c < 256; c++ {
		if c != '/' {
			names = append(names, "b"+string([]byte{byte(c)})+"e")
		}
	}
	all := ""
	for c := 1; c < 256; c++ {
		if c != '/' {
			all += string([]byte{byte(c)})
		}
	}
	return append(names, all)
}

// testNames takes each name through all operations.
func testNames(t *testing.T, r *remote) {
	names := nasty()
	for _, name := range names {
		r.write(t, name, name)
	}
	listed := map[string]bool{}
	for _, e := range r.wantListed(t) {
		listed[e.Name] = true
	}
	got := r.fetchMany(t, names)
	for i, name := range names {
		if !listed[name] {
			t.Errorf("%q is not listed", name)
		}
		if got.errs[i] != nil || got.contents[i].String() != name {
			t.Errorf("fetch %q: got %q, %v", name, got.contents[i], got.errs[i])
		}
	}
	for i, name := range names {
		if i%32 == 0 || i < 45 { // each takes a dozen processes on the host
			r.testName(t, name)
		}
	}
	if _, err := os.Stat(r.path("evil")); err == nil {
		t.Error("a name was executed")
	}
}

func (r *remote) testName(t *testing.T, name string) {
	t.Helper()
	ctx := t.Context()
	a, err := r.store(ctx, name, "new", r.stat(t, name))
	if err != nil || r.read(t, name) != "new" || !same(a, r.attrOf(t, name)) {
		t.Fatalf("store %q: %+v, %v", name, a, err)
	}
	if got, _, err := r.fetch(ctx, name, scpio.Attr{}); err != nil || got != "new" {
		t.Errorf("fetch %q: %q, %v", name, got, err)
	}
	if _, err := r.Setattr(ctx, name, scpio.Change{Mode: new(uint32(0o600))}); err != nil {
		t.Errorf("chmod %q: %v", name, err)
	}
	check(t, r.Remove(ctx, name))
	if _, err := r.Stat(ctx, name); err == nil {
		t.Errorf("%q is still there", name)
	}
	if _, err := r.Mkdir(ctx, name, 0o755); err != nil {
		t.Fatalf("mkdir %q: %v", name, err)
	}
	below := name + "/" + name
	if _, err := r.Symlink(ctx, name, below); err != nil {
		t.Errorf("symlink %q: %v", below, err)
	}
	_, all, err := r.List(ctx, name)
	if err != nil || len(all) != 1 || all[0].Name != name || all[0].Target != name {
		t.Errorf("list %q: %+v, %v", name, all, err)
	}
	if _, err := r.Rename(ctx, below, name+"/x", 0); err != nil {
		t.Errorf("rename %q: %v", below, err)
	}
	check(t, r.Remove(ctx, name+"/x"))
	check(t, r.Rmdir(ctx, name))
}

func testPathTooLong(t *testing.T, r *remote) {
	long := strings.Repeat("n", 256)
	deep := filepath.Join(strings.Split(strings.Repeat("d ", 2100), " ")...)
	huge := strings.Repeat("d/", 200<<10)
	for i, path := range []string{long, deep, huge} {
		what := fmt.Sprint("path ", i)
		_, err := r.Stat(t.Context(), path)
		wantErrno(t, "stat "+what, err, syscall.ENAMETOOLONG)
		_, _, err = r.List(t.Context(), path)
		wantErrno(t, "list "+what, err, syscall.ENAMETOOLONG)
		_, _, err = r.fetch(t.Context(), path, scpio.Attr{})
		wantErrno(t, "fetch "+what, err, syscall.ENAMETOOLONG)
		_, err = r.store(t.Context(), path, "x", scpio.Attr{})
		wantErrno(t, "store "+what, err, syscall.ENAMETOOLONG)
		_, err = r.Create(t.Context(), path, 0o644)
		wantErrno(t, "create "+what, err, syscall.ENAMETOOLONG)
		_, err = r.Mkdir(t.Context(), path, 0o755)
		wantErrno(t, "mkdir "+what, err, syscall.ENAMETOOLONG)
		wantErrno(t, "unlink "+what, r.Remove(t.Context(), path), syscall.ENAMETOOLONG)
		_, err = r.Symlink(t.Context(), path+path+path, "link")
		if i > 0 {
			wantErrno(t, "link to "+what, err, syscall.ENAMETOOLONG)
		}
		r.write(t, "file", "")
		_, err = r.Rename(t.Context(), "file", path, 0)
		wantErrno(t, "rename to "+what, err, syscall.ENAMETOOLONG)
		_, err = r.Rename(t.Context(), path, "file", 0)
		wantErrno(t, "rename of "+what, err, syscall.ENAMETOOLONG)
	}
}
