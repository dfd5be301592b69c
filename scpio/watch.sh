# What the shell of a watch knows. It answers nothing, but prints what happens,
# until its input ends; then it ends what it has started.
#
# Set before it: m, the marker of our own words, which no one else can know, and e,
# the listing engine: "gnu" or "stat".
#
# It prints pairs of fields that end with a NUL: a directory and a name in it, ""
# for any, or the marker and words; and, with inotifyd, lines. What inotifywait
# says to people comes between the pairs.
exec 2>/dev/null
p=
trap 'for o in $p; do kill "$o"; done' EXIT
trap 'exit 1' TERM INT HUP
trap : PIPE

# y WORDS: say something to the client. The newline is for who reads lines.
y() { printf '%s\0%s\0\n' "$m" "$*"; }

# t ENGINE...: the first of these that the host has.
t() {
	for o; do
		case $o in
		inotifywait) inotifywait --help 2>&1 | grep -e --no-newline && break ;;
		inotifyd) command -v inotifyd && break ;;
		*) break ;;
		esac >/dev/null
	done
	y engine "$o"
}

# k PID: end a watch.
k() {
	kill "$1"
	o=
	for i in $p; do [ "$i" = "$1" ] || o="$o $i"; done
	p=$o
}

# c PID: say whether a watch is still there.
c() { if kill -0 "$1"; then y alive; else y dead; fi; }

# s ENGINE DIR...: start a watch of the directories that can be read.
s() {
	u=$1
	shift
	for i; do
		shift
		[ -d "$i" ] && [ -r "$i" ] && [ -x "$i" ] && set -- "$@" "$i"
	done
	if [ $# = 0 ]; then y start 0; y ready; return; fi
	$u "$@"
}
g() {
	p="$p $!"
	y start "$!"
}

inotifywait_() {
	inotifywait -m --format '%w%0%f%0' --no-newline -e modify,attrib,close_write,move,create,delete,delete_self,move_self -- "$@" 2>&1 </dev/null &
	g
}

inotifyd_() {
	for i; do
		shift
		set -- "$@" "$i:cewmyndDMxou"
	done
	inotifyd - "$@" </dev/null &
	g
	sleep 1 # it does not say when it has begun
	y ready
}

# poll_ DIR...: look about every second; more rarely where that takes seconds itself.
poll_() {
	if [ "$e" = gnu ]; then b "$@" </dev/null & else d "$@" </dev/null & fi
	g
}

# j SECONDS: wait ten times as long as looking took, and so long that a change is
# told within a second.
j() {
	j=$(($1 * 10))
	[ $j -lt 300 ] || j=300
	while [ $j -gt 0 ] && sleep 1; do j=$((j - 1)); done
	sleep .7 || sleep 1
}

# b DIR...: of GNU's find, what has got a time of status change since the last
# look; the kernel's clock for these lags behind by a tick.
b() {
	y ready
	o=$(($(date +%s%N) - 3000000000))
	while :; do
		i=$(($(date +%s%N) - 50000000))
		v=${o%?????????}
		find "$@" -maxdepth 1 -newerct "@$v.${o#"$v"}" -printf '%H\0%P\0'
		o=$i
		j $((($(date +%s%N) - i) / 1000000000))
	done
}

# d DIR...: with anybody's stat, sums of all versions; where these are others, of
# each directory.
x() { find "$@" -maxdepth 1 -exec stat -c '%f %i %s %u %g|%y|%z|%n' {} + | md5sum; }
d() {
	l=
	while :; do
		i=$(($(date +%s) + 1)) # it may have been about to end
		o=$(x "$@")
		[ "$o" = "$l" ] || a "$@"
		[ -n "$l" ] || y ready
		l=$o
		j $(($(date +%s) - i))
	done
}
a() {
	c=0
	for r; do
		c=$((c + 1))
		v=$(x "$r")
		eval "q=\$v$c; v$c=\$v"
		[ "$q" = "$v" ] || [ -z "$q" ] || printf '%s\0\0' "$r"
	done
}
