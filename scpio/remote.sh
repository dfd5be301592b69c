# What every shell of ours on a host knows: one function for each thing that
# the client asks for. It is sent once, when the shell starts, and must work
# in every POSIX shell and with the tools of GNU, busybox and toybox.
#
# Set before it: m, the marker that ends an answer and that no one else can
# know, e, the listing engine: "gnu" or "stat" ("" while probing), u, how
# names are swapped (see X), w, whether dd counts bytes, h: "-L" to follow
# symbolic links, or "", and a: system calls of the helper, remote.pl, or "".
#
# An answer is a sequence of attribute records, ended by
#     m SP status NUL text NUL
# where text is what the failing program said. Functions of one letter print
# answers or parts of them; descriptor 3 is the answer's stream where 1 is
# caught.
exec 3>&1
umask 0
j='q=1; kill "$p" 2>/dev/null'
trap "$j" TERM
# An answer that nobody reads any more must not end the shell before its time.
trap : PIPE
trap '[ -z "$d" ] || k "$d" "$d+"; sweep' EXIT
d=
r=
away=
p=
q=
n='
'
f=$(printf '\001')
[ -z "$e" ] || cd /

# z STATUS TEXT: the end of an answer.
z() { printf '%s %s\0%s\0' "$m" "$1" "$2"; }

# t CMD ARG...: run a change; what it says is kept in x.
t() { x=$("$@" 2>&1 </dev/null 3>&-); }

# k TMP...: remove an upload, even if the signal that cancels it, which sshd
# sends to all our processes, comes just now.
k() {
	trap '' TERM
	rm -f "$@"
	trap "$j" TERM
}

# l DEPTH PATH...: attribute records of the paths down to a depth, of GNU's
# find or of anybody's stat. Neither follows symbolic links, unless h says so.
# b PATH...: the same of the paths alone, with the whole path as the name.
# v PATH...: a line for each file that exists: its version, then its owner.
# d PATH...: a line with the device of each.
# All are called in a subshell, which the program takes the place of.
case $e in
gnu)
	g='=%y %m %n %U %G %D %i %s %b %A@ %T@ %C@'
	l() { o=$1; shift; exec find $h "$@" -maxdepth "$o" -printf "$g %P\0%l\0"; }
	b() { exec find $h "$@" -maxdepth 0 -printf "$g %p\0%l\0"; }
	v() { exec find $h "$@" -maxdepth 0 -printf '%i %s %T@ %C@ %U:%G\n' 2>/dev/null; }
	d() { exec find $h "$@" -maxdepth 0 -printf '%D\n'; }
	;;
stat)
	QUOTING_STYLE=literal
	export QUOTING_STYLE
	g="$m=%f %h %u %g %t %T %d %i %s %b|%x|%y|%z|%n$m%N$m"
	l() {
		case $1 in
		0) shift; exec stat $h -c "$g" "$@" ;;
		*) o=$1; shift; exec find $h "$@" -maxdepth "$o" -exec stat $h -c "$g" {} + ;;
		esac
	}
	b() { exec stat $h -c "$g" "$@"; }
	v() { exec stat $h -c '%i %s %y|%z %u:%g' "$@" 2>/dev/null; }
	d() { exec stat $h -c %d "$@"; }
	;;
esac

# is VERSION EXPECT: whether a line of v is of the version that a client expects,
# which is a pattern: it has a star for a time that the client cannot tell.
is() {
	case ${1% *} in $2) return ;; esac
	return 1
}

# a PATH...: what l says, with the errors caught in x.
a() { x=$(l 0 "$@" 2>&1 >&3 </dev/null); }

# A PATH: answer with the attributes of a file.
A() { a "$1"; z $? "$x"; }

# L DEPTH PATH: answer with a directory's own attributes and its entries'.
L() { x=$(l "$1" "$2" 2>&1 >&3 </dev/null); z $? "$x"; }

# f STATUS PATH...: end a change: after success with the attributes of the
# files it touched, else with what was said.
f() {
	[ "$1" = 0 ] || { z "$1" "$x"; return; }
	shift
	[ $# = 0 ] || { a "$@"; z $? "$x"; return; }
	z 0
}

# R PATH: whether it is a regular file. Fetching anything else could follow
# a link, or wait for ever for the writer of a FIFO.
R() {
	[ -n "$h" ] || [ ! -L "$1" ] || { z 1 'Too many levels of symbolic links'; return 1; }
	[ ! -d "$1" ] || { z 1 'Is a directory'; return 1; }
	[ -f "$1" ] || [ ! -e "$1" ] || { z 1 'not a regular file'; return 1; }
}

# s PATH...: the source. Its acks come from the device. In the background,
# as only "wait" can be interrupted by the signal that cancels a transfer.
s() {
	scp -p -f "$@" </dev/zero 2>/dev/null 3>&- &
	p=$!
	[ -z "$q" ] || kill "$p"
	wait "$p"
	s=$?
	p=
}

# F PATH HAVE: fetch: the attributes, the source's stream, the attributes
# again. Nothing is sent of a file that is still the version HAVE.
F() {
	R "$1" || return
	[ "$2" = - ] || {
		o=$(v "$1")
		is "$o" "$2" && { f 0 "$1"; return; }
	}
	a "$1" || { z 1 "$x"; return; }
	s "$1"
	a "$1"
	z $s "$x"
}

# B PATH...: fetch many in one stream: all attributes, the source's stream
# with a refusal in the place of what it cannot send, all attributes again.
# In the place of what is no regular file the source is given a name that
# does not exist: it could follow a link, or wait for the writer of a FIFO.
B() {
	x=$(b "$@" 2>&1 >&3 </dev/null)
	z 0
	for o; do
		shift
		[ -f "$o" ] && { [ -n "$h" ] || [ ! -L "$o" ]; } || o=/$m
		set -- "$@" "$o"
	done
	s "$@"
	x=$(b "$@" 2>&1 >&3 </dev/null)
	z 0
}

# Z PATH HAVE OFFSET SIZE: fetch a part: a newline and the bytes, if the file is
# the version HAVE, before and after. Else there may be too few of them: as many
# zeros as were asked for come behind, so that the client has enough to count.
Z() {
	R "$1" || return
	o=$(v "$1")
	is "$o" "$2" || { z 9; return; }
	[ -r "$1" ] || { z 1 'Permission denied'; return; }
	echo
	i "$1" "$3" "$4" </dev/null 2>/dev/null 3>&- &
	p=$!
	[ -z "$q" ] || kill "$p"
	wait "$p"
	s=$?
	p=
	o=$(v "$1")
	if ! is "$o" "$2"; then s=9; elif [ $s = 0 ]; then z 0; return; fi
	head -c "$4" /dev/zero
	z $s 'Input/output error'
}

# i PATH OFFSET SIZE: the bytes of a part, by a dd that can count bytes, or
# by tail.
i() {
	if [ -n "$w" ]; then
		dd if="$1" bs=65536 skip="$2" count="$3" iflag=skip_bytes,count_bytes,fullblock
	else
		{ tail -c +$(($2 + 1)) "$1"; cat /dev/zero; } | head -c "$3"
	fi
}

# grown PATH OFFSET MOST: what a file has from an offset on: how many bytes, MOST
# of them, the bytes, and the attributes after that. Zeros come for what is
# cut off meanwhile.
grown() {
	R "$1" || return
	o=$(v "$1")
	o=${o#* }
	o=${o%% *}
	o=$((${o:-0} - $2))
	[ $o -gt 0 ] || o=0
	[ $o -lt "$3" ] || o=$3
	echo
	echo $o
	[ $o = 0 ] || { i "$1" "$2" "$o"; cat /dev/zero; } </dev/null 2>/dev/null 3>&- | head -c "$o"
	A "$1"
}

# S TMP SIZE: the sink. Unless it took all of a file the shell ends, with
# status 8: bytes of the upload may be left in its input. Where nobody waits for
# its replies, which would be a packet each, only the first refusal is told,
# without the 1 in front of it. Then SIZE is that of the whole stream, else empty.
S() {
	aside "$1"
	if [ -n "$2" ]; then
		take "$2"
	else
		x=
		scp -p -t "$o" 2>/dev/null 3>&-
	fi
	s=$?
	# Input that ends before the first record is no failure to scp.
	[ $s != 0 ] || [ ! -f "$o" ] || return
	k "$o"
	x=${x#*"$f"}
	z 8 "${x%%"$n"*}"
	exit 1
}

# take SIZE: the quiet sink of a file, o. What it refuses is in x.
take() { { x=$(scp -p -t "$o" 3>&-); } 2>/dev/null; }

# aside TMP: where an upload goes, o. That is TMP; or, where we may not make
# files, a fresh directory elsewhere, from where it is copied: then it is away.
aside() {
	o=$1
	away=
	[ -d "${1%/*}" ] && [ ! -w "${1%/*}" ] || return 0
	r=${TMPDIR:-/tmp}/${1##*/}+
	fresh || { r=; return 0; }
	o=$r/0
	away=$o
}

# near: whether an upload is beside its target; else it is refused.
near() {
	[ -n "$away" ] || return 0
	away=
	sweep
	z 1 'Permission denied'
	return 1
}

# O TMP TARGET EXPECT KEEP: begin an upload in pieces with the first KEEP bytes
# of the target, if that is the version EXPECT ("-": whatever it is). What
# there is of it goes when the shell ends before o: so the client has only to
# let go of this shell, however it comes to that.
O() {
	near || return
	d=$1
	[ "$3" = - ] || {
		o=$(v "$2")
		is "$o" "$3" || { k "$1+"; C "$1" "$2"; return 1; }
	}
	t j "$@" && return
	k "$1" "$1+"
	z 1 "$x"
	return 1
}
j() {
	umask 077
	touch "$1" && { [ "$4" = 0 ] || { cp "$2" "$1" && truncate -s "$4" "$1"; }; }
}

# u TMP OFFSET SIZE: a piece of an upload, straight into its place. dd reads
# no byte more than it is told. It gets the file by its descriptor, as it would
# make one that has just been removed. If it fails, some of the piece is left in
# the input: the shell ends.
u() {
	x=$(exec 2>&1 3>&-; h "$2" "$3" 4<"$1") && { z 0; return; }
	z 1 "${x%%"$n"*}"
	exit 1
}
h() { dd of=/proc/self/fd/4 bs=65536 seek="$1" count="$2" iflag=count_bytes,fullblock oflag=seek_bytes conv=notrunc; }

# o TMP SIZE MODE: the end of an upload in pieces, which has SIZE bytes so far:
# the sink has put the rest into TMP+, which also has the times, and the mode, which
# may be one that does not let us read it.
o() {
	d=
	o=$(v "$1")
	o=${o#* }
	x='the upload was changed by somebody else'
	[ "${o%% *}" = "$2" ] && t e "$1" && t touch -r "$1+" "$1" && t chmod "$3" "$1" && t rm -f "$1+" && return
	k "$1" "$1+"
	z 1 "$x"
	return 1
}
e() {
	[ -r "$1+" ] || chmod u+r "$1+"
	cat "$1+" >>"$1"
}

# rest TMP KEEP TARGET EXPECT MODE TIME HOW: all of an upload that begins with the
# KEEP bytes of the target, and whose rest is TMP+ and not large. The helper, where
# there is one, appends it to the target itself, if nobody can see a part of it.
rest() {
	O "$1" "$3" "$4" "$2" && o "$1" "$2" "$5" || return
	o=$1
	shift 2
	put "$o" "$@"
}

# many DIR LAST SIZE: the sink of a stream of files, which are called 0 to LAST in
# a fresh directory, r from then on. As there is no -r, whatever passes for a
# record in their contents, should one be refused, stays in there; and then the
# shell ends. A DIR that cannot be made ends nothing: the stream goes to another
# place, from where each file is copied (away) if it is only that we may not make
# one there, and else answered with status 7.
many() {
	r=$1
	away=
	fresh || {
		i=$x
		[ ! -d "${1%/*}" ] || [ -w "${1%/*}" ] || away=many
		r=${TMPDIR:-/tmp}/${1##*/}
		fresh || { r=; z 8 "$i"; exit 1; }
	}
	if fill "$2" "$3"; then
		[ "$r" != "$1" ] && [ -z "$away" ] || { z 0; return; }
		sweep
		z 7 "$i"
		return
	fi
	sweep
	x=${x#*"$f"}
	z 8 "${x%%"$n"*}"
	exit 1
}

# fill LAST SIZE: the quiet sink of the files 0 to LAST. Input that ends between two
# records is no failure to scp.
fill() { { x=$(scp -p -d -t "$r" 3>&-); } 2>/dev/null && [ -f "$r/$1" ]; }

# one NAME TARGET EXPECT ...: put a file of the stream in its place, see K.
one() {
	[ -n "$r" ] || { z 7; return; }
	o=$r/$1
	shift
	if [ -n "$away" ]; then K "$o" "$1" "$2" "$3" "$4" over; else K "$o" "$@"; fi
}

# put TMP TARGET EXPECT ...: put an upload in its place, see K, from where it is.
put() {
	[ -n "$away" ] || { K "$@"; return; }
	K "$away" "$2" "$3" "$4" "$5" over
	away=
	sweep
}

# fresh: make the directory r, for nobody but us.
fresh() { t private; }
private() {
	umask 077
	mkdir "$r"
}

# sweep: remove the directory r, if there is one, and what is left in it.
sweep() {
	[ -n "$r" ] || return 0
	trap '' TERM
	rm -rf "$r"
	trap "$j" TERM
	r=
}

# discard PATH...: remove what uploads have left.
discard() {
	t rm -rf "$@" "${TMPDIR:-/tmp}/${1##*/}" "${TMPDIR:-/tmp}/${2##*/}"
	f $?
}

# settle: wait until all that was given to the helper is done.
settle() { :; }

# K TMP TARGET EXPECT MODE TIME HOW: put a complete upload in its place, if
# the target is still the version EXPECT ("-": if there is none). HOW is
# "over" to write through the target's inode, which keeps its other names.
K() {
	[ -z "$5" ] || t touch -c -m -d "$5" "$1"
	if [ "$3" = - ]; then
		p "$1" "$4" && t E "$1" "$2"
	else
		o=$(v "$2" "$1")
		i=${o%%"$n"*}
		o=${o##*"$n"}
		is "$i" "$3" || { C "$1" "$2"; return; }
		[ -z "$h" ] || [ ! -L "$2" ] || set -- "$1" "$2" "$3" "$4" "$5" over
		if [ "$6" != over ] &&
			{ [ "${i##* }" = "${o##* }" ] || { t chown "${i##* }" "$1" && t chmod "$4" "$1"; }; } &&
			keep "$1" "$2" "$4" && P "$@"
		then :; else W "$@"; fi
	fi
	s=$?
	[ $s != 9 ] || { C "$1" "$2"; return; }
	[ $s != 6 ] || {
		i=$x
		a "$2"
		z 6 "all of it is in $o$n$i"
		return
	}
	[ $s = 0 ] || k "$1"
	f $s "$2"
}

# C TMP TARGET: the end of a store that met a foreign change: status 9 and
# what is there now. Our upload goes.
C() {
	k "$1"
	a "$2"
	z 9
}

# p TMP MODE: the bits of a mode that the sink leaves out.
p() { case $2 in 0[1-7]*) t chmod "$2" "$1" ;; esac; }

# P TMP TARGET ...: the rename. mv would move into a directory.
P() { p "$1" "$4" && t mv -f -T "$1" "$2"; }

# keep TMP TARGET MODE: give an upload what its target has and no one sends:
# extended attributes, and ACLs, which are such. It fails where it cannot.
keep() {
	has "$2" || return 0
	t cp --attributes-only --preserve=mode,xattr "$2" "$1" && t chmod "$3" "$1"
}

# has FILE: whether it has any, as far as this host has a tool that knows.
if command -v getfattr >/dev/null 2>&1; then
	has() { [ -n "$(getfattr -h -m - -- "$1" 2>/dev/null)" ]; }
elif command -v getfacl >/dev/null 2>&1; then
	has() { case $(ls -ld "$1" 2>/dev/null) in ??????????+*) ;; *) return 1 ;; esac; }
else
	has() { return 1; }
fi

# W TMP TARGET EXPECT MODE TIME: copy over the target, whole and on the host
# itself. Being cancelled does not stop it, as half of it is worth nothing. If
# the disk is full, and the target is not the version any more, its status is 6
# and the upload stays, as o: it is all there is here of the new contents.
W() {
	t w "$1" "$2" "$3" || {
		o=$(v "$2")
		is "$o" "$3" && return 1
		o=$1
		case $1 in
		*+/*)
			o=${1%+/*}
			mv -f -T "$1" "$o"
			;;
		esac
		return 6
	}
	t touch -r "$1" "$2"
	t chmod "$4" "$2"
	k "$1"
}

# w TMP TARGET EXPECT: the copy. Where dd can, what the file grows by comes first:
# if there is no room for that, the rest is as it was.
w() {
	trap '' TERM
	[ -r "$1" ] || chmod u+r "$1"
	[ -n "$w" ] || { cp "$1" "$2"; return; }
	s=$(v "$1")
	s=${s#* }
	s=${s%% *}
	i=${3#* }
	i=${i%% *}
	[ "$s" -le "$i" ] ||
		dd if="$1" of="$2" bs=65536 skip="$i" seek="$i" iflag=skip_bytes oflag=seek_bytes conv=notrunc ||
		{ truncate -s "$i" "$2"; return 1; }
	dd if="$1" of="$2" bs=65536 conv=notrunc && truncate -s "$s" "$2"
}

# E TMP TARGET: the rename of a file that must not exist yet; 9 when it does.
E() {
	if [ -e "$2" ] || [ -L "$2" ]; then return 9; fi
	if [ "$e" = gnu ]; then
		mv -n -T "$1" "$2" && [ ! -e "$1" ] && return
		if [ -e "$2" ] || [ -L "$2" ]; then return 9; fi
		return 1
	fi
	ln "$1" "$2" && { rm -f "$1"; return; }
	if [ -e "$2" ] || [ -L "$2" ]; then return 9; fi
	mv -n -T "$1" "$2"
}

# N PATH UMASK MODE: create an empty file that did not exist.
N() {
	if [ -e "$1" ] || [ -L "$1" ]; then z 1 'File exists'; return; fi
	x=$(exec 2>&1; umask "$2"; set -C; : >"$1")
	s=$?
	# Shells have words of their own for these.
	if [ $s != 0 ]; then
		if [ -e "$1" ] || [ -L "$1" ]; then
			x='File exists'
		elif [ ! -d "${1%/*}/" ]; then
			a "$1"
		fi
	fi
	[ $s != 0 ] || [ -z "$3" ] || { t chmod "$3" "$1"; s=$?; }
	f $s "$1"
}

# D PATH UMASK MODE: make a directory. The umask, unlike mkdir -m, leaves
# the set-group-ID bit that it inherits alone.
D() {
	x=$(umask "$2"; mkdir "$1" 2>&1)
	s=$?
	[ $s != 0 ] || [ -z "$3" ] || { t chmod "$3" "$1"; s=$?; }
	f $s "$1"
}

# M FROM TO HOW: rename(2). HOW is "" (replace), "new" (the target must not
# exist) or "swap". mv copies where rename(2) says EXDEV: refused here when
# the directories, FROMDIR and TODIR, are of two file systems.
M() {
	if [ -n "$4" ]; then
		o=$(d "$4" "$5" 2>/dev/null)
		[ "${o%%"$n"*}" = "${o#*"$n"}" ] || { z 1 'Invalid cross-device link'; return; }
	fi
	if [ ! -e "$1" ] && [ ! -L "$1" ]; then
		a "$1"
		z 1 "$x"
		return
	fi
	case $3 in
	new) Q "$1" "$2" "$4" ;;
	swap) X "$1" "$2" ;;
	*) V "$1" "$2" "$4" ;;
	esac
	s=$?
	if [ "$3" = swap ]; then f $s "$2" "$1"; else f $s "$2"; fi
}

# q PATH WANT: whether a file is what a change is based on: its version begins
# with WANT. "-" says that there must be none, "/" that it is a directory, "" that it
# may be anything.
q() {
	case $2 in
	'') return ;;
	/) [ -d "$1" ] && { [ -n "$h" ] || [ ! -L "$1" ]; }; return ;;
	-) [ ! -e "$1" ] && [ ! -L "$1" ]; return ;;
	esac
	o=$(v "$1")
	case $o in $2*) return ;; esac
	return 1
}

# r PATH WANT, m FROM TO WANTFROM WANTTO FROMDIR TODIR: remove and rename what is
# still expected, or else nothing, with status 9.
r() {
	q "$1" "$2" || { z 9; return; }
	remove rm "$1"
}
m() {
	q "$1" "$3" && q "$2" "$4" || { z 9; return; }
	M "$1" "$2" '' "$5" "$6"
}

# V FROM TO FAR: replace. Between directories (FAR is not empty) mv would copy
# where a mount point of the same file system lies between. What rename(2) finds in
# the names themselves is found before mv can see it differently: two names of one
# file stay as they are, a directory goes nowhere below itself, and a link may
# replace its target.
V() {
	[ "$1" != "$2" ] || return 0
	if [ -d "$1" ] && [ ! -L "$1" ]; then
		case $2 in "$1"/*) x='Invalid argument'; return 1 ;; esac
	fi
	if [ -d "$2" ] && [ ! -L "$2" ]; then
		case $1 in "$2"/*) x='Directory not empty'; return 1 ;; esac
	fi
	if [ ! -L "$2" ] && [ "$1" -ef "$2" ]; then
		[ -L "$1" ] || return 0
		[ ! -d "$2" ] || { x='Is a directory'; return 1; }
		t rm -f "$2" || return
	fi
	if [ -L "$1" ] && [ -L "$2" ] && [ "$(v "$1")" = "$(v "$2")" ]; then return 0; fi
	# busybox would go there, or not know what to make of it
	if [ "$e" != gnu ] && [ -L "$2" ] && { [ -d "$2" ] || [ ! -e "$2" ]; }; then
		[ ! -d "$1" ] || [ -L "$1" ] || { x='Not a directory'; return 1; }
		t rm -f "$2" || return
	fi
	case ${3:+$u} in
	mv) t mv -f -T --no-copy "$1" "$2" ;;
	[1-9]*) t perl -e 'rename($ARGV[0],$ARGV[1]) or do { print "$!\n"; exit 1 }' "$1" "$2" ;;
	*) t mv -f -T "$1" "$2" ;;
	esac
}

# Q FROM TO FAR: rename, but not over anything.
Q() {
	if [ -e "$2" ] || [ -L "$2" ]; then x='File exists'; return 1; fi
	case ${3:+$u} in [1-9]*) g "$1" "$2" 1; return ;; esac
	if [ "$e" != gnu ] && [ -d "$1" ] && [ ! -L "$1" ]; then
		t mkdir "$2" && { t mv -f -T "$1" "$2" || { rmdir "$2"; return 1; }; }
		return
	fi
	if [ "$e" != gnu ] && [ ! -L "$1" ]; then
		t ln "$1" "$2" && t rm -f "$1"
		return
	fi
	t mv -n -T "$1" "$2"
	s=$?
	if [ ! -e "$1" ] && [ ! -L "$1" ]; then return 0; fi
	if [ $s = 0 ] || [ -e "$2" ] || [ -L "$2" ]; then x='File exists'; fi
	return 1
}

# g FROM TO FLAGS: renameat2(2), whose number is u.
g() { t perl -e 'syscall($ARGV[0]+0,-100,$ARGV[1],-100,$ARGV[2],$ARGV[3]+0)==0 or do { print "$!\n"; exit 1 }' "$u" "$@"; }

# X FROM TO: swap two names at once, with mv where it can and else with the
# system call.
X() {
	case $u in
	mv) t mv --exchange -T "$1" "$2" ;;
	[1-9]*) g "$1" "$2" 2 ;;
	*) x='Invalid argument'; return 1 ;;
	esac
}

# H FROM TO: a hard link, Y TEXT PATH: a symbolic one. ln would link into a
# directory, or a link to one.
H() {
	if [ -e "$2" ] || [ -L "$2" ]; then z 1 'File exists'; return; fi
	t ln -T "$1" "$2"
	f $? "$2"
}
Y() {
	if [ -e "$2" ] || [ -L "$2" ]; then z 1 'File exists'; return; fi
	t ln -s -T -- "$1" "$2"
	f $? "$2"
}

# remove PROGRAM PATH: rm or rmdir.
remove() {
	t "$@"
	f $?
}

# setattr PATH OWNER MODE ATIME MTIME: those that are not empty, in the order in
# which they undo each other least: the owner (which clears set-ID bits), the
# mode, the times.
setattr() {
	o=-h
	[ -z "$h" ] || o=
	case $4,$5 in
	,) ;;
	,*) set -- "$@" -m "$5" ;;
	"$5,$4") set -- "$@" -c "$5" ;;
	*) set -- "$@" -a "$4" ;;
	esac
	{ [ -z "$2" ] || t chown $o "$2" "$1"; } &&
		{ [ -z "$3" ] || c "$3" "$1"; } &&
		{ [ -z "$4$5" ] || t touch -c $o $6 -d "$7" "$1"; } &&
		{ [ "$6" != -a ] || [ -z "$5" ] || t touch -c $o -m -d "$5" "$1"; }
	f $? "$1"
}

# c MODE PATH: chmod that does not follow a link, unless h says so.
c() {
	[ -n "$h" ] || [ ! -L "$2" ] || { x='Operation not supported'; return 1; }
	t chmod "$1" "$2"
}

# T PATH EXPECT SIZE: truncate or extend a file that is still the version.
T() {
	o=$(v "$1")
	is "$o" "$2" || { a "$1"; z 9; return; }
	t truncate -s "$3" "$1"
	f $? "$1"
}

# J FROM EXPECT TMP MODE: an upload whose contents are those of another file here,
# if that is the version EXPECT before and after.
J() {
	o=$(v "$1")
	is "$o" "$2" || { z 9; return 1; }
	t y "$1" "$3" && t chmod "$4" "$3" || { k "$3"; z 1 "$x"; return 1; }
	o=$(v "$1")
	is "$o" "$2" || { k "$3"; z 9; return 1; }
}
y() {
	umask 077
	cp "$1" "$2"
}

# U PATH FLAG...: whether test(1) says that the account may use a file; why
# it may not write to one is told by opening it.
U() {
	o=$1
	shift
	for i; do
		test "-$i" "$o" && continue
		if [ ! -e "$o" ]; then A "$o"; return; fi
		x=
		[ "$i" != w ] || [ ! -f "$o" ] || x=$( (: >>"$o") 2>&1 3>&-)
		z 1 "${x:-Permission denied}"
		return
	done
	z 0
}

# G PATH: answer with statvfs: fragment size, blocks, free, available,
# files, free files, longest name.
G() { x=$(stat -f -c '%S %b %f %a %c %d %l' "$1" 2>&1 >&3 </dev/null); z $? "$x"; }

# renameat2 MACHINE: the number of the system call, if perl can make it: it is called
# with a name that does not exist. A kernel of 64 bits may have a perl of 32, which
# has other numbers, the second ones.
renameat2() {
	case $1 in
	'Linux x86_64') o='316 353' ;;
	'Linux aarch64') o='276 382' ;;
	'Linux riscv64') o=276 ;;
	'Linux ppc64le') o=357 ;;
	'Linux s390x') o=347 ;;
	'Linux arm'*) o='0 382' ;;
	'Linux i'[3-6]86) o='0 353' ;;
	*) return ;;
	esac
	perl -e '$n = $ARGV[length(pack "p", "") < 8] || exit; $f = "./.scpfs-no-such-file";
		syscall($n + 0, -100, $f, -100, $f, 1) < 0 && $! == 2 and print $n' $o
}

# I PATH: who and what the host is, and the directory PATH by its real name.
I() {
	cd "$1" 2>/dev/null || { t ls -d "$1/."; [ $? != 0 ] || x='Permission denied'; z 1 "$x"; return; }
	o=
	x=$(find / -maxdepth 0 -printf '%y %i %T@ %C@\n' 2>/dev/null) && case $x in "d "[0-9]*" "*.??????????" "*.??????????) o=gnu ;; esac
	[ -n "$o" ] || { x=$(stat -c '%f %i %y %z' / 2>/dev/null) && case $x in 4[0-9a-f][0-9a-f][0-9a-f]" "[0-9]*" "[0-9]*-*-*" "*:*:*.?????????*) o=stat ;; esac; }
	echo "engine=$o"
	echo "ids=$(id -u):$(id -g):$(id -G)"
	command -v scp >/dev/null 2>&1 && echo scp=1
	x=$(uname -sm)
	echo "machine=$x"
	command -v perl >/dev/null 2>&1 && echo perl=1
	if mv --help 2>&1 | grep -e '--exchange' >/dev/null; then
		echo exchange=mv
	else
		echo "exchange=$(renameat2 "$x" 2>/dev/null)"
	fi
	touch -c -d '2001-02-03 04:05:06.5' ./.scpfs-no-such-file 2>/dev/null && echo touch=ns
	[ "$(printf abcd | dd bs=65536 skip=1 count=2 iflag=skip_bytes,count_bytes,fullblock 2>/dev/null)" = bc ] && echo dd=bytes
	[ "$(printf abcdef | { h 1 5 4</dev/null 2>/dev/null; cat; })" = f ] && echo pieces=1
	echo "now=$(date +%s.%N)"
	printf 'root=%s' "$(pwd -P; echo .)"
	z 0
}

# give NAME ARG...: leave a command to the helper, whose shell this is. It
# answers by itself. What is left of its input when this shell ends it does.
#
# It has all answers go through the helper, in the order of the commands, as the
# next command may come before the last one is answered.
give() { printf '%s\0' $# "$@" >&"$a" || exit 1; }
case $a in
?)
	z() { give z "$@"; }
	settle() { give settle; IFS= read -r x <&"$back" || exit 1; }
	fresh() { give fresh "$r"; IFS= read -r x <&"$back" || exit 1; [ -z "$x" ]; }
	take() { give take "$o" "$1"; IFS= read -r x <&"$back" || { k "$o"; exit 1; }; [ -z "$x" ]; }
	fill() { give fill "$r" "$@"; IFS= read -r x <&"$back" || exit 1; [ -z "$x" ]; }
	sweep() { [ -z "$r" ] || give sweep "$r"; r=; }
	rest() { near && give rest "$@"; }
	for o in A L F B Z N D K M H Y T r m remove setattr; do eval "$o() { give $o \"\$@\"; }"; done
	f() {
		[ "$1" = 0 ] || { z "$1" "$x"; return; }
		shift
		if [ $# = 0 ]; then z 0; else give A "$@"; fi
	}
	;;
?*)
	if perl -e "$y" $a check >/dev/null 2>&1 </dev/null 3>&-; then
		export m e u w h k l
		exec perl -e "$y" $a 3>&-
	fi
	;;
esac
