package cache_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/scpfs/scpfs/cache"
	"github.com/scpfs/scpfs/cache/cachetest"
)

// scenes are states in which a mount is killed. The host has f with "old".
var scenes = map[string]func(a *actor) error{
	"new": func(a *actor) error { _, err := a.create("new", "text", 0); return err },
	"new, exclusive": func(a *actor) error {
		_, err := a.create("new", "text", os.O_EXCL)
		return err
	},
	"new, with a mode": func(a *actor) error {
		h, err := a.Create(context.Background(), "new", os.O_RDWR|os.O_EXCL, 0o640)
		if err == nil {
			_, err = a.Setattr(context.Background(), "new", h.Attr().Ino, cache.Change{Mode: new(uint32(0o604))})
		}
		return err
	},
	"modified":      func(a *actor) error { _, err := a.edit("f", "new"); return err },
	"can be mapped": func(a *actor) error { _, err := a.mapped("f"); return err },
	"mapped and written": func(a *actor) error {
		fd, err := a.mapped("f")
		if err == nil {
			_, err = syscall.Pwrite(fd, []byte("new"), 0)
		}
		return err
	},
	"truncated": func(a *actor) error {
		e, err := a.Lookup(context.Background(), "f")
		if err == nil {
			_, err = a.Open(context.Background(), "f", e.Attr.Ino, os.O_WRONLY|os.O_TRUNC)
		}
		return err
	},
	"truncated, and closed once": func(a *actor) error {
		e, err := a.Lookup(context.Background(), "f")
		if err != nil {
			return err
		}
		h, err := a.Open(context.Background(), "f", e.Attr.Ino, os.O_WRONLY|os.O_TRUNC)
		if err == nil && !h.FlushLater(func() bool { return true }) {
			err = errors.New("it is not left to the next flush")
		}
		return err
	},
	"flush failed": func(a *actor) error {
		h, err := a.edit("f", "new")
		if err == nil {
			err = a.flushFails(h)
		}
		return err
	},
	"flush failed, then written": func(a *actor) error {
		h, err := a.edit("f", "new")
		if err == nil {
			err = a.flushFails(h)
		}
		if err == nil {
			_, err = h.WriteAt(context.Background(), []byte("half"), 0)
		}
		return err
	},
	"flush failed, then renamed": func(a *actor) error {
		h, err := a.edit("f", "new")
		if err == nil {
			err = a.flushFails(h)
		}
		if err == nil {
			err = a.Rename(context.Background(), "f", "g", 0)
		}
		return err
	},
	"stored, but not noted": func(a *actor) error {
		h, err := a.edit("f", "new")
		if err != nil {
			return err
		}
		a.host.On(cachetest.Hook{Method: "Store", Path: "f", After: func(error) error { ready(); return nil }})
		return h.Flush(context.Background())
	},
	"in the middle of a store": func(a *actor) error {
		h, err := a.edit("f", "new")
		if err != nil {
			return err
		}
		a.host.On(cachetest.Hook{Method: "Store", Path: "f", During: ready})
		return h.Flush(context.Background())
	},
	"written during the store": func(a *actor) error {
		h, err := a.edit("f", "new")
		if err != nil {
			return err
		}
		a.host.On(cachetest.Hook{Method: "Store", Path: "f",
			During: func() { h.WriteAt(context.Background(), []byte("half"), 0) },
			After:  func(error) error { ready(); return nil },
		})
		return h.Flush(context.Background())
	},
	"in a renamed directory": func(a *actor) error {
		if _, err := a.Mkdir(context.Background(), "d", 0o755); err != nil {
			return err
		}
		h, err := a.create("d/new", "text", 0)
		if err == nil {
			err = a.flushFails(h)
		}
		if err == nil {
			err = a.Rename(context.Background(), "d", "e", 0)
		}
		return err
	},
	"written back, moved over another, then written": func(a *actor) error {
		ctx := context.Background()
		if _, err := a.Lookup(ctx, "f"); err != nil {
			return err
		}
		a.host.On(cachetest.Hook{Method: "*", Path: "*", Before: func(context.Context) error { return syscall.ENOTCONN }})
		h, err := a.create("new", "text", 0)
		if err == nil {
			err = h.Flush(ctx)
		}
		if err == nil {
			err = a.Rename(ctx, "new", "f", 0)
		}
		if err == nil {
			_, err = h.WriteAt(ctx, []byte("half"), 2)
		}
		return err
	},
	"removed": func(a *actor) error {
		h, err := a.edit("f", "new")
		if err == nil {
			_, err = a.create("new", "text", 0)
		}
		if err == nil {
			err = a.Unlink(context.Background(), "f")
		}
		if err == nil {
			err = a.Unlink(context.Background(), "new")
		}
		_ = h
		return err
	},
	"unnamed": func(a *actor) error {
		h, err := a.Tmpfile(os.O_RDWR, 0o600)
		if err == nil {
			_, err = h.WriteAt(context.Background(), []byte("text"), 0)
		}
		return err
	},
	"clean": func(a *actor) error {
		for _, text := range []string{"1", "2", "3"} {
			h, err := a.edit("f", text)
			if err == nil {
				err = h.Flush(context.Background())
			}
			if err != nil {
				return err
			}
			h.Release()
		}
		return nil
	},
}

// old is what the host has before each scene.
const old = "old contents"

func killed(t *testing.T, scene string, adjust ...func(*cache.Options)) *world {
	t.Helper()
	w := closedWorld(t, adjust...)
	w.put("f", old)
	w.kill(scene)
	return w
}

// A name in the table that ends with a dash begins a longer one.
func TestRecoveryAfterKill(t *testing.T) {
	for scene, want := range map[string]map[string]string{
		"new":                        {"f": old, "new": "text"},
		"new, exclusive":             {"f": old, "new": "", "new.recovered-here-": "text"},
		"modified":                   {"f": old, "f.recovered-here-": "new contents"},
		"truncated":                  {"f": old, "f.recovered-here-": ""},
		"truncated, and closed once": {"f": ""},
		"flush failed":               {"f": "new contents"},
		"flush failed, then written": {"f": old, "f.recovered-here-": "halfcontents"},
		"flush failed, then renamed": {"g": "new contents"},
		"stored, but not noted":      {"f": "new contents"},
		"in the middle of a store":   {"f": "new contents"},
		"in a renamed directory":     {"f": old, "e/new": "text"},
		"removed":                    {},
		"written back, moved over another, then written": {"f": "text", "f.recovered-here-": "tehalf"},
		"unnamed":            {"f": old},
		"clean":              {"f": "3ld contents"},
		"can be mapped":      {"f": old},
		"mapped and written": {"f": old, "f.recovered-here-": "new contents"},
	} {
		t.Run(scene, func(t *testing.T) {
			w := killed(t, scene)
			w.open()
			w.wantHost(want)
			w.wantLogged(0)
			w.close()
			w.wantHost(want)
			if all := strings.Join(w.names(""), " "); strings.Contains(all, "conflict") {
				t.Errorf("nobody else writes, and there are %s", all)
			}
		})
	}
}

// The mode of a file that nobody has written to yet is not lost either.
func TestModeAfterKill(t *testing.T) {
	w := killed(t, "new, with a mode")
	w.open()
	w.wantHost(map[string]string{"f": old, "new": ""})
	if got := w.lstat("new").Mode & 07777; got != 0o604 {
		t.Errorf("the host has mode %o", got)
	}
	w.wantLogged(0)
}

// mapped opens a file so that it can be written to behind the cache's back.
func (a *actor) mapped(path string) (fd int, err error) {
	e, err := a.Lookup(context.Background(), path)
	if err != nil {
		return -1, err
	}
	h, err := a.Open(context.Background(), path, e.Attr.Ino, os.O_RDWR)
	if err != nil {
		return -1, err
	}
	fd, ok := h.Lend()
	if !ok {
		return -1, syscall.EBUSY
	}
	return fd, h.Watch()
}

// wantHost checks the regular files that the host has.
func (w *world) wantHost(want map[string]string) {
	w.t.Helper()
	n := 0
	for name, text := range want {
		if strings.HasSuffix(name, "-") {
			name = w.only(name)
		}
		w.wantThere(name, text)
		n++
	}
	w.make(filepath.WalkDir(w.dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			n--
		}
		return err
	}))
	if n != 0 {
		w.t.Errorf("the host has %q, want %v", w.names(""), want)
	}
}

// What was stored and then written to again while that went on is complete on
// the host, and the rest is beside it.
func TestKillAfterWriteDuringStore(t *testing.T) {
	w := killed(t, "written during the store")
	first := w.there("f")
	w.open()
	if got := w.there("f"); got != first {
		t.Errorf("the host has %q, and had %q", got, first)
	}
	w.wantThere(w.only("f.recovered-"), "halfcontents")
	w.wantLogged(0)
}

// Clean contents, and inode numbers, survive a kill.
func TestCleanContentsAfterKill(t *testing.T) {
	w := killed(t, "clean")
	w.open()
	ino := w.lookup("f").Attr.Ino
	w.fake.Reset()
	w.want("f", "3ld contents")
	w.wantCalls("reading it", "")
	w.remount()
	if got := w.lookup("f").Attr.Ino; got != ino {
		t.Errorf("inode number %d, was %d", got, ino)
	}
}

func TestForeignChangeAfterKill(t *testing.T) {
	for _, scene := range []string{"flush failed", "modified"} {
		for _, replaced := range []bool{false, true} {
			w := killed(t, scene)
			if replaced {
				w.replace("f", "foreign")
			} else {
				w.put("f", "foreign")
			}
			w.open()
			w.wantThere("f", "foreign")
			kind := map[string]string{"flush failed": "f.conflict-", "modified": "f.recovered-"}[scene]
			w.wantThere(w.only(kind), "new contents")
			w.wantLogged(0)
		}
	}
}

func TestRemovalAfterKill(t *testing.T) {
	w := killed(t, "flush failed")
	w.make(os.Remove(w.path("f")))
	w.open()
	w.wantThere(w.only("f.conflict-"), "new contents")
	w.wantLogged(0)
}

// While the host cannot take them the changes stay, over any number of
// mounts, and are seen in each.
func TestRecoveryThatFails(t *testing.T) {
	w := killed(t, "flush failed")
	for range 3 {
		w.fake = cachetest.NewDir(w.dir)
		w.host = cachetest.NewFaulty(w.fake)
		w.host.Fail("Store", syscall.ENOSPC)
		c, err := cache.Open(context.Background(), w.host, w.o)
		w.make(err)
		w.Cache = c
		w.want("f", "new contents")
		w.wantThere("f", old)
		w.close()
		w.wantLogged(1)
	}
	w.open()
	w.wantThere("f", "new contents")
	w.wantLogged(0)
}

// A damaged record is named, and what it was about is kept.
func TestDamagedRecord(t *testing.T) {
	for name, damage := range map[string]func(b []byte) []byte{
		"empty":     func(b []byte) []byte { return nil },
		"truncated": func(b []byte) []byte { return b[:len(b)/2] },
		"one byte":  func(b []byte) []byte { b[20] ^= 1; return b },
		"garbage":   func(b []byte) []byte { return []byte(strings.Repeat("\x00\xff", 100000)) },
		"lines":     func(b []byte) []byte { return []byte(strings.Repeat("\x00\xff\n", 1000)) },
		"root":      func(b []byte) []byte { return []byte(checked(`{"Object":"x","Path":""}`)) },
		"above":     func(b []byte) []byte { return []byte(checked(`{"Object":"x","Path":"Li4vZg=="}`)) },
	} {
		t.Run(name, func(t *testing.T) {
			w := killed(t, "modified")
			object, log := w.logged()[0], filepath.Join(w.o.Dir, "0", "changes")
			w.make(os.WriteFile(log, damage(lastLine(t, log)), 0o600))
			for range 2 {
				w.open()
				if !strings.Contains(w.said.String(), object) {
					t.Error("it is not named")
				}
				w.save("g", "works")
				w.close()
			}
			w.wantHost(map[string]string{"f": old, "g": "works"})
			w.wantLogged(0)
			kept, err := os.ReadFile(filepath.Join(w.o.Dir, "0", "objects", object))
			if string(kept) != "new contents" || err != nil {
				t.Errorf("its contents are %q, %v", kept, err)
			}
		})
	}
}

// lastLine is the last line of a file.
func lastLine(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil || !bytes.HasSuffix(b, []byte("\n")) {
		t.Fatalf("%s has %q, %v", name, b, err)
	}
	return b[bytes.LastIndexByte(b[:len(b)-1], '\n')+1:]
}

// A record that was not written to its end was promised to nobody: those before
// it count.
func TestRecordThatWasNotWrittenToItsEnd(t *testing.T) {
	w := killed(t, "flush failed")
	log, err := os.OpenFile(filepath.Join(w.o.Dir, "0", "changes"), os.O_WRONLY|os.O_APPEND, 0)
	w.make(err)
	_, err = log.WriteString(`1234abcd {"Object":"`)
	w.make(err)
	w.make(log.Close())
	w.open()
	w.wantThere("f", "new contents")
	w.wantLogged(0)
	if strings.Contains(w.said.String(), "damaged") {
		t.Errorf("said: %s", w.said)
	}
}

// The contents of a record are gone: there is nothing to send.
func TestRecordWithoutContents(t *testing.T) {
	w := killed(t, "flush failed")
	for _, o := range w.objects() {
		w.make(os.Remove(o))
	}
	w.open()
	w.wantThere("f", old)
	w.wantLogged(0)
	if !strings.Contains(w.said.String(), "path=f") {
		t.Error("it is not named")
	}
}

// Several mounts of one directory were killed: the next one sends what all of
// them had.
func TestTwoMountsWereKilled(t *testing.T) {
	w := closedWorld(t)
	w.put("f", old)
	kill1, kill2 := w.start("flush failed"), w.start("new")
	kill1()
	kill2()
	w.wantLogged(2)
	w.open()
	w.wantHost(map[string]string{"f": "new contents", "new": "text"})
	w.wantLogged(0)
	if n := len(w.objects()); n != 2 {
		t.Errorf("%d objects, want 2: %q", n, w.objects())
	}
}

// Two mounts had unsent versions of one file: both are kept.
func TestTwoMountsWithOneFileWereKilled(t *testing.T) {
	w := closedWorld(t)
	w.put("f", old)
	kill1, kill2 := w.start("flush failed"), w.start("flush failed, then written")
	kill1()
	kill2()
	w.open()
	w.wantHost(map[string]string{"f": "new contents", "f.recovered-here-": "halfcontents"})
	w.wantLogged(0)
}

// A mount that lives keeps what it has.
func TestUnsentChangesOfLivingMount(t *testing.T) {
	w := closedWorld(t)
	w.put("f", old)
	kill := w.start("flush failed")
	w.open()
	w.wantThere("f", old)
	w.wantLogged(1)
	kill()
	w.remount()
	w.wantThere("f", "new contents")
	w.wantLogged(0)
}
