#!/bin/bash
# Shows scpfs at work: against a private SSH server on this machine, in a directory that
# is removed at the end. Says each step, and ends with an error if one goes wrong.
set -euo pipefail
cd "$(dirname "$0")/.."

state=$(mktemp -d "${TMPDIR:-/tmp}/scpfs-demo.XXXXXX")
mnt=$state/mnt
home=$state/home
mkdir "$mnt"
server= ready=

mounted() { grep -q " $mnt " /proc/self/mounts; }

# shellcheck disable=SC2317 # called by the trap
clean_up() {
	status=$?
	trap - EXIT
	cd /
	if mounted; then fusermount3 -uz "$mnt" || umount -l "$mnt" || true; fi
	if [[ -n $server ]]; then
		kill "$server" 2>/dev/null || true
		wait "$server" 2>/dev/null || true
	fi
	rm -rf "$state"
	if ((status)); then echo "the demo FAILED (status $status)"; else echo "the demo went well"; fi
	exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

say() { printf '\n== %s\n' "$*"; }
show() { # runs a command and shows it first
	printf '$ %s\n' "${*//$state/DIR}"
	"$@" | sed "s|$state|DIR|g"
}
same() { # expected, got
	if [[ $1 != "$2" ]]; then
		printf 'expected: %s\n     got: %s\n' "$1" "$2"
		exit 1
	fi
}
until_true() { # a command, for at most 10 seconds
	for ((i = 0; i < 100; i++)); do
		if "$@"; then return; fi
		sleep 0.1
	done
	printf 'not within 10 seconds: %s\n' "$*"
	exit 1
}

say "starting a private SSH server on 127.0.0.1 that has no SFTP"
mkdir "$home"
mkdir "$home/project"
printf 'remember the milk\n' >"$home/notes.txt"
printf 'name = demo\ncolour = red\n' >"$home/project/settings.conf"
# The server stops when the descriptor it reads from is closed, so it cannot outlive this.
mkfifo "$state/said" "$state/life"
bin/demo-server -state "$state" <"$state/life" >"$state/said" &
server=$!
exec 9>"$state/life"
if ! read -r -t 20 ready <"$state/said" || [[ $ready != ready ]]; then
	echo "the server did not start"
	exit 1
fi

say "mounting its home directory with scpfs"
show bin/scpfs -F "$state/config" -o "cache_dir=$state/cache" demo: "$mnt" 9>&-
mounted || { echo "nothing is mounted"; exit 1; }

say "listing"
show ls -l "$mnt" "$mnt/project"
same "$(ls "$home")" "$(ls "$mnt")"

say "reading"
show cat "$mnt/notes.txt"
same "$(cat "$home/notes.txt")" "$(cat "$mnt/notes.txt")"

say "editing: a line appended, a value changed in place, a new directory and file"
printf '$ echo "and the bread" >>DIR/mnt/notes.txt\n'
echo "and the bread" >>"$mnt/notes.txt"
show sed -i s/red/green/ "$mnt/project/settings.conf"
show mkdir "$mnt/new"
show cp "$mnt/notes.txt" "$mnt/new/copy.txt"

say "the same files on the remote side"
show cat "$home/notes.txt"
show cat "$home/project/settings.conf"
same $'remember the milk\nand the bread' "$(cat "$home/notes.txt")"
same $'name = demo\ncolour = green' "$(cat "$home/project/settings.conf")"
same "$(cat "$home/notes.txt")" "$(cat "$home/new/copy.txt")"

say "renaming and removing"
show mv "$mnt/new/copy.txt" "$mnt/project/moved.txt"
show rmdir "$mnt/new"
same $'moved.txt\nsettings.conf' "$(ls "$home/project")"
[[ ! -e $home/new ]] || { echo "the directory is still there"; exit 1; }

say "status"
show bin/scpfs status "$mnt"
show df -h "$mnt"

say "unmounting"
show fusermount3 -u "$mnt"
until_true eval '! mounted'
same "" "$(ls "$mnt")"
