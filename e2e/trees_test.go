package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/scpfs/scpfs/scpio/scptest"
)

// sampleTree makes a tree with what archives have to carry: modes, times to
// the nanosecond, links, empty and odd things.
const sampleTree = `
mkdir -p src/a/b/c src/empty src/"with blank"
echo hello >src/hello; printf x >src/a/x; : >src/nothing
head -c 300000 /dev/urandom >src/a/b/data
echo 'echo run' >src/run; chmod 755 src/run
chmod 600 src/a/x; chmod 444 src/nothing; chmod 2755 src/a; chmod 1777 src/empty
ln src/hello src/a/hardlink; ln -s ../hello src/a/link; ln -s /no/where src/dangling
mkfifo src/fifo
i=0; while [ $i -lt 40 ]; do echo $i >src/a/b/c/file$i; i=$((i+1)); done
touch -d '2001-02-03 04:05:06.123456789' src/hello src/a/b
touch -d '1965-01-01 00:00:00.5' src/a/b/data
touch -h -d '2010-10-10 10:10:10.111111111' src/a/link
touch -d '2020-12-12 12:12:12.999999999' src/a src
`

// wantSameTree compares trees as rsync sees them: types, contents, modes,
// owners, times, links, and nothing more on either side.
func wantSameTree(t testing.TB, a, b string) {
	t.Helper()
	if diff := run(t, "/", "rsync", "-anciHD", "--delete", a+"/", b+"/"); diff != "" {
		t.Errorf("%s and %s differ:\n%s", a, b, diff)
	}
	here, there := strings.Split(nanos(t, a), "\n"), strings.Split(nanos(t, b), "\n")
	for i := range min(len(here), len(there)) {
		if here[i] != there[i] {
			t.Errorf("times differ: %s in %s, %s in %s", here[i], a, there[i], b)
		}
	}
}

// nanos lists times in full, which rsync compares in seconds.
func nanos(t testing.TB, dir string) string {
	t.Helper()
	return shell(t, dir, `find . -printf '%p %T@\n' | sort`)
}

// TestCopying brings a tree into the mount and out of it by the programs that
// people use.
func TestCopying(t *testing.T) {
	scptest.Need(t, "rsync", "tar", "cp")
	m := mountAt(t, scptest.Start(t), mountOptions{})
	local := newDir(t, "")
	shell(t, local, sampleTree)
	src := filepath.Join(local, "src")
	for _, tt := range []struct{ name, in, out string }{
		{"tar", `mkdir "$2"; tar cf - --format=posix -C "$1" . | tar xpf - -C "$2"`, ""},
		{"rsync", `rsync -aH "$1/" "$2/"`, ""},
		{"cp", `cp -a "$1" "$2"`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			there, back := m.path(tt.name), filepath.Join(newDir(t, ""), "back")
			run(t, "/", "sh", "-euc", tt.in, "sh", src, there)
			wantSameTree(t, src, there)
			wantSameTree(t, src, m.there(tt.name))
			run(t, "/", "sh", "-euc", tt.in, "sh", there, back)
			wantSameTree(t, src, back)
		})
	}
	run(t, m.Point, "rsync", "-aH", "--delete", "--inplace", "rsync/", "again/")
	wantSameTree(t, src, m.there("again"))
	m.Unmount()
	m.Mount()
	wantSameTree(t, src, m.path("tar"))
	run(t, m.Point, "rm", "-rf", "tar", "cp")
	if got := run(t, m.Remote, "ls"); got != "again\nrsync\n" {
		t.Errorf("left after rm -rf: %q", got)
	}
}

// TestSearching: what is on the host is found by grep and find.
func TestSearching(t *testing.T) {
	m := mountAt(t, scptest.Start(t), mountOptions{})
	shell(t, m.Remote, sampleTree+"rm src/fifo\n")
	for _, script := range []string{
		"cd src && grep -rc hello . | sort",
		"cd src && grep -rl file . | sort",
		"find src -printf '%p %y %s %m %n %l %T@\n' | sort",
		"find src -newer src/hello -type f | sort",
		"cd src && du -lab --apparent-size . | sort -k2",
		"ls -lR --time-style=full-iso src | grep -v ^total",
	} {
		// grep fails where it finds nothing in one file
		script += " || true"
		if got, want := shell(t, m.Point, script), shell(t, m.Remote, script); got != want {
			t.Errorf("%s:\nhere %s\non the host %s", script, got, want)
		}
	}
}

// TestBuildGo builds a module inside the mount, and runs the result from there.
func TestBuildGo(t *testing.T) {
	m := mountAt(t, scptest.Start(t), mountOptions{})
	mkdir(t, m.path("lib"))
	writeFile(t, m.path("go.mod"), "module example.com/hello\n\ngo 1.26\n")
	writeFile(t, m.path("lib/lib.go"), "package lib\n\nconst Text = \"built in a mount\"\n")
	writeFile(t, m.path("main.go"), "package main\n\nimport \"example.com/hello/lib\"\n\nfunc main() { println(lib.Text) }\n")
	run(t, m.Point, "go", "build", "-o", "bin/hello", ".")
	for _, at := range []string{m.Point, m.Remote} {
		if got := run(t, at, "bin/hello"); got != "built in a mount\n" {
			t.Errorf("%s: got %q", at, got)
		}
	}
	if got := run(t, m.Point, "go", "vet", "./..."); got != "" {
		t.Error(got)
	}
}

// TestBuildC builds by make, which goes by times: a second run has nothing to
// do, one after a change has.
func TestBuildC(t *testing.T) {
	scptest.Need(t, "gcc", "make")
	m := mountAt(t, scptest.Start(t), mountOptions{})
	writeFile(t, m.path("Makefile"), "all: prog\nprog: main.o text.o\n\tcc -o prog main.o text.o\n%.o: %.c text.h\n\tcc -c $<\n")
	writeFile(t, m.path("text.h"), "const char *text(void);\n")
	writeFile(t, m.path("text.c"), "#include \"text.h\"\nconst char *text(void) { return \"one\"; }\n")
	writeFile(t, m.path("main.c"), "#include <stdio.h>\n#include \"text.h\"\nint main(void) { puts(text()); }\n")
	run(t, m.Point, "make")
	if said := run(t, m.Point, "make"); !strings.Contains(said, "Nothing to be done") {
		t.Errorf("the second make: %s", said)
	}
	if got := run(t, m.Remote, "./prog"); got != "one\n" {
		t.Errorf("got %q", got)
	}
	writeFile(t, m.path("text.c"), "#include \"text.h\"\nconst char *text(void) { return \"two\"; }\n")
	if said := run(t, m.Point, "make"); strings.Contains(said, "main.c") || !strings.Contains(said, "text.c") {
		t.Errorf("make after a change: %s", said)
	}
	if got := run(t, m.Point, "./prog"); got != "two\n" {
		t.Errorf("got %q", got)
	}
	if err := os.Remove(m.path("prog")); err != nil {
		t.Error(err)
	}
}
