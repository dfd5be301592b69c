PREFIX ?= /usr/local
DESTDIR ?=
KILLS ?= 2000
CUTS ?= 2000
LANES ?= 4
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

.PHONY: build test torture torture-ops torture-size scale bench bench-short demo docs lint fuzz-short install uninstall clean

build:
	go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/scpfs ./cmd/scpfs

# All tests, with what they need installed. See docs/development.md.
test:
	@scripts/setup test
	@scripts/test

# Compares with sshfs, rclone and scp, and writes docs/benchmark. It says first how long
# that may take. ARGS="-help" tells what can be chosen.
bench: build
	@scripts/setup bench
	@go build -o bin/bench ./bench
	@bin/bench $(ARGS)

# Holds scpfs to the limits of round trips and bytes in bench/limits.go. Under a minute.
bench-short: build
	@scripts/setup bench-short
	@go build -o bin/bench ./bench
	@bin/bench -short

# Kills of scpfs, cuts of its connection, stalls and restarts of the server while
# programs save, and edits of two mounts and the host at the same time. Hours where
# the machine is slow. SCPFS_SEED=N repeats one seed.
torture:
	SCPFS_TEST_REQUIRE=all SCPFS_LONG=1 SCPFS_TORTURE_KILLS=$(KILLS) SCPFS_TORTURE_CUTS=$(CUTS) SCPFS_TORTURE_LANES=$(LANES) \
		go test -v -count=1 -timeout 0 -parallel $(LANES) -run '^(TestTorture|TestForeignEdits)$$' ./e2e

# Over 100,000 random operations compared with a plain directory.
# About a quarter of an hour. SCPFS_SEED=N repeats one seed.
torture-ops:
	SCPFS_TEST_REQUIRE=all SCPFS_LONG=1 go test -v -count=1 -timeout 0 -run TestRandomOperations ./e2e

# A file of 5 GiB with a hole through a mount: minutes, and 10 GiB of disk.
torture-size:
	SCPFS_TEST_REQUIRE=all SCPFS_LONG=1 go test -v -count=1 -timeout 30m -run '^TestSparse$$' ./e2e

# Time and memory for each entry of trees of up to a million files, for the table in
# docs/design.md. Minutes, and 4 GiB of memory, as the trees are made there.
scale:
	TMPDIR=/dev/shm SCPFS_TEST_REQUIRE=all SCPFS_LONG=1 go test -v -count=1 -timeout 30m -run '^(TestScale|TestLargeDirectory)$$' ./e2e

# Mounts a private SSH server of this machine and uses the mount.
demo: build
	@scripts/setup demo
	@go build -o bin/demo-server ./demo/server
	@demo/demo.sh

# What is written from the source.
docs:
	go test ./cmd/scpfs -run '^TestOptionsPage$$' -update

lint:
	@scripts/lint

fuzz-short:
	@scripts/fuzz 10

# mount(8) and fstab look for the helper in /sbin.
install: build
	install -D -m 0755 bin/scpfs $(DESTDIR)$(PREFIX)/bin/scpfs
	install -d $(DESTDIR)/sbin
	ln -sf $(PREFIX)/bin/scpfs $(DESTDIR)/sbin/mount.scpfs
	ln -sf $(PREFIX)/bin/scpfs $(DESTDIR)/sbin/mount.fuse.scpfs

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/scpfs $(DESTDIR)/sbin/mount.scpfs $(DESTDIR)/sbin/mount.fuse.scpfs

clean:
	rm -rf bin
