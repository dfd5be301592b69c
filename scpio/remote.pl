# The helper: does what remote.sh does, without starting a program for each
# step, on hosts that have GNU's tools and a perl. It takes the place of the
# shell and starts it anew below itself; what the shell gives on comes through a
# pipe, and is answered from here. What is not done here is left to remote.sh.
#
# Arguments: the numbers of system calls, in the order of the variables. With
# "check" behind them it only tells whether they are right. The environment has
# l, remote.sh, and its settings.
$check = $ARGV[-1] eq 'check' && pop @ARGV;
($statx, $renameat2, $utimensat, $llistxattr, $lgetxattr, $lsetxattr, $lremovexattr) = map { $_ + 0 } @ARGV;
$here = -100;

# st PATH|FILE: what lstat(2) says, or fstat(2). perl's own know no nanoseconds.
sub st {
	my ($path, $at, $flags) = ($_[0], $here, 0x900);
	($path, $at, $flags) = ('', fileno $path, 0x1000) if ref $path; # AT_EMPTY_PATH
	my ($b, %s) = "\0" x 256;
	syscall($statx, $at, $path, $flags, 0x7ff, $b) == 0 or return;
	@s{qw(nlink uid gid mode ino size blocks as an cs cn ms mn major minor)} =
		unpack 'x16 L3 S x2 Q3 x8 q L x20 q L x4 q L x12 L2', $b;
	$s{type} = substr '?pc?d?b?f?l?s???', $s{mode} >> 12, 1;
	$s{dev} = $s{minor} & 0xff | ($s{major} & 0xfff) << 8 | ($s{minor} & ~0xff) << 12 | ($s{major} & ~0xfff) << 32;
	$s{$_} = sprintf '%d.%09d0', $s{$_ . 's'}, $s{$_ . 'n'} for qw(a m c);
	$s{version} = "$s{ino} $s{size} $s{m} $s{c}";
	return \%s;
}

if ($check) {
	my ($s, @l) = (st('/'), lstat '/');
	exit !($s && $s->{ino} == $l[1] && $s->{mode} == $l[2] && $s->{dev} == $l[0] && $s->{ms} == $l[9]);
}

# The shell, whose input is ours. Of the pipes, the second of which says that
# something is done, it knows by their numbers, which have one digit.
open my $input, '<&', \*STDIN or exit 1;
$^F = 99;
pipe my $pipe, my $to or exit 1;
pipe my $done, my $back or exit 1;
$l = delete $ENV{l};
$shell = fork;
defined $shell or exit 1;
unless ($shell) {
	close $pipe;
	close $back;
	@ENV{qw(l a back)} = ($l, fileno $to, fileno $done);
	exec '/bin/sh', '-c', 'eval "$l"; unset l; while IFS= read -r c; do case $c in "$k "*) eval "${c#* }";; *) exit 97;; esac; done';
	exit 1;
}
close $to;
close $done;
$^F = 2;
fcntl $back, 2, 1; # F_SETFD, FD_CLOEXEC
open STDIN, '<&', $pipe;
close $pipe;
$SIG{TERM} = sub { $ended = 1; kill TERM => $shell, $source || () };
$SIG{PIPE} = $SIG{XFSZ} = $SIG{IO} = sub { }; # SIGIO: somebody waits for a lease
binmode $_ for *STDIN, *STDOUT, $input;
$/ = "\0";
$| = 1;
$out = '';

# z STATUS TEXT: the end of an answer, which goes.
sub z {
	print "$out$ENV{m} $_[0]\0$_[1]\0";
	$out = '';
	return 1;
}

# failed [TMP]: the end of an answer after a failure. What is left of an upload goes.
sub failed {
	my $said = "$!";
	unlink @_;
	return z(1, $said);
}

# a PATH|FILE [NAME]: adds the attributes to the answer, and returns them.
sub a {
	my ($path, $name) = (@_, '');
	my $s = st($path) or return;
	my $target = $s->{type} eq 'l' ? readlink $path : '';
	$out .= sprintf("=%s %o ", $s->{type}, $s->{mode} & 07777)
		. join(' ', @$s{qw(nlink uid gid dev ino size blocks a m c)}) . " $name\0$target\0";
	return $s;
}

# f PATH|FILE...: the end of a change that went well.
sub f { a($_) or return failed() for @_; return z(0, '') }

# d PATH [NAME]: adds the attributes of the directory that a name is in, which a
# change of ours has made other ones. No file has the name that they have.
sub d { my ($path, $name) = (@_, '/.'); a(above($path), $name) }

# above PATH: the directory of a name.
sub above { return $_[0] =~ /^(.*\/)/s ? "$1." : '.' }

# g PATH: the end of a change of a name that went well.
sub g { a($_[0]) or return failed(); d($_[0]); return z(0, '') }

# rename2 FROM TO FLAGS: renameat2(2).
sub rename2 { my ($from, $to, $flags) = @_; return syscall($renameat2, $here, $from, $here, $to, $flags) == 0 }

# touch PATH ATIME MTIME: sets those times that are not empty.
sub touch {
	my ($path, @times) = @_;
	my @stamps = map { stamp($_) } @times;
	return @stamps == 4 && utimens($path, @stamps);
}

# utimens PATH|FILE ATIME NS MTIME NS: utimensat(2), without following a link, or
# futimens(3).
sub utimens {
	my ($path, @stamps) = @_;
	my $b = pack 'q4', @stamps;
	return syscall($utimensat, fileno $path, 0, $b, 0) == 0 if ref $path;
	return syscall($utimensat, $here, $path, $b, 0x100) == 0;
}

# stamp TIME: seconds and nanoseconds of a date in UTC; "" is UTIME_OMIT.
sub stamp {
	return (0, 0x3ffffffe) if $_[0] eq '';
	my ($y, $mon, $d, $h, $min, $s, $frac) = $_[0] =~ /^(\d+)-(\d+)-(\d+) (\d+):(\d+):(\d+)(?:\.(\d+))?$/ or return;
	($y, $mon) = ($y - 1, $mon + 12) if $mon < 3;
	my $days = 365 * $y + int($y / 4) - int($y / 100) + int($y / 400) + int((153 * $mon - 457) / 5) + $d - 719469;
	return ($days * 86400 + $h * 3600 + $min * 60 + $s, substr(($frac || 0) . '0' x 9, 0, 9) + 0);
}

# attributes PATH: the extended attributes of a file. ACLs are such.
sub attributes {
	my ($path) = @_;
	my ($names, $value, %all) = ("\0" x 65536, "\0" x 65536);
	my $n = syscall $llistxattr, $path, $names, length $names;
	return $! == 95 ? {} : undef if $n < 0; # EOPNOTSUPP
	for my $name (split /\0/, substr $names, 0, $n) {
		$n = syscall $lgetxattr, $path, $name, $value, length $value;
		return if $n < 0;
		$all{$name} = substr $value, 0, $n;
	}
	return \%all;
}

# keep TMP TARGET MODE: gives an upload the extended attributes of its target, and
# no others. Whether it could.
sub keep {
	my ($tmp, $target, $mode) = @_;
	my ($new, $old) = (attributes($tmp), attributes($target));
	return 0 if !$new || !$old;
	return 1 if !%$new && !%$old;
	for my $name (keys %$old) {
		next if defined $new->{$name} && $new->{$name} eq $old->{$name};
		my $copy = $name; # the key itself is read-only
		syscall($lsetxattr, $tmp, $copy, $old->{$name}, length $old->{$name}, 0) == 0 or return 0;
	}
	for my $name (keys %$new) {
		next if defined $old->{$name};
		my $copy = $name;
		syscall($lremovexattr, $tmp, $copy) == 0 or return 0;
	}
	return chmod oct $mode, $tmp;
}

# source PATH...: the source, to its end. As in remote.sh.
sub source {
	$source = fork;
	defined $source or return 1;
	unless ($source) {
		$SIG{$_} = 'DEFAULT' for qw(TERM PIPE);
		exit 1 if $ended;
		open STDIN, '<', '/dev/zero';
		open STDERR, '>', '/dev/null';
		exec 'scp', '-p', '-f', @_;
		exit 1;
	}
	my $pid = $source;
	1 while waitpid($pid, 0) != $pid && $! == 4; # EINTR
	$source = 0;
	return $? ? 1 : 0;
}

# piece FROM TO SIZE: copies so many bytes, and tells whether it has them all.
sub piece {
	my ($from, $to, $left) = @_;
	while ($left > 0 && !$ended) {
		my $n = sysread $from, my $bytes, $left < 1 << 18 ? $left : 1 << 18;
		next if !defined $n && $! == 4; # EINTR
		return unless $n;
		for (my $done = 0; $done < $n; ) {
			my $m = syswrite $to, $bytes, $n - $done, $done;
			next if !defined $m && $! == 4;
			return unless $m;
			$done += $m;
		}
		$left -= $n;
	}
	return $left == 0;
}

# small PATH STATE: the source, as "scp -f" is one, of a small file. Whether it is sent:
# else nothing is.
sub small {
	my ($path, $s) = @_;
	my $bytes = '';
	return if $s->{size} > 1 << 18;
	sysopen my $file, $path, 04000 or return; # O_NONBLOCK: it may be a FIFO by now
	return unless -f $file;
	binmode $file;
	while (length $bytes < $s->{size}) {
		sysread $file, $bytes, $s->{size} - length $bytes, length $bytes or return;
	}
	printf "C%04o %d x\n", $s->{mode} & 07777, length $bytes;
	print $bytes, "\0";
	return 1;
}

# stream SIZE: so many bytes of the shell's input, or fewer if it ends.
sub stream {
	my ($size) = @_;
	my $bytes = '';
	while (length $bytes < $size && !$ended) {
		my $n = sysread $input, $bytes, $size - length $bytes, length $bytes;
		next if !defined $n && $! == 4; # EINTR
		last unless $n;
	}
	return \$bytes;
}

# take STREAM PATH: the sink, as "scp -p -t" is one, of the next file of a stream,
# whose sender does not wait for replies. Whether it has it all; else nothing is
# left, and the error is why.
sub take {
	my ($stream, $path) = @_;
	$! = 0; # a stream that ends is no error of the system
	return if $ended || $$stream !~ /\GT(\d+) (\d+) (\d+) (\d+)\nC([0-7]{4}) (\d+) [^\n]+\n/gc;
	my ($ms, $mu, $as, $au, $mode, $size, $at) = ($1, $2, $3, $4, $5, $6, pos $$stream);
	return if substr($$stream, $at + $size, 1) ne "\0";
	pos($$stream) = $at + $size + 1;
	my $file;
	my $new = sub { sysopen $file, $path, 0301, oct($mode) & 0777 }; # O_WRONLY|O_CREAT|O_EXCL
	$new->() or $! == 17 && unlink($path) && $new->() or return;
	binmode $file;
	return 1 if spill($stream, $at, $size, $file) && close($file) && utimens($path, $as, $au * 1000, $ms, $mu * 1000);
	my $why = $!;
	unlink $path;
	$! = $why;
	return;
}

# spill STREAM AT SIZE FILE: writes a part of a stream to a file.
sub spill {
	my ($stream, $at, $size, $file) = @_;
	while ($size > 0) {
		my $n = syswrite $file, $$stream, $size, $at;
		next if !defined $n && $! == 4; # EINTR
		return unless $n;
		($at, $size) = ($at + $n, $size - $n);
	}
	return 1;
}

# taken STREAM OK: tells the shell whether all of a stream was taken, or why not.
sub taken {
	my ($stream, $ok) = @_;
	my $why = $ok || $ended || $! == 0 ? 'the upload ended early' : "$!";
	$ok &&= !$ended && $$stream =~ /\GE\n\z/;
	return syswrite($back, ($ok ? '' : $why) . "\n") && $ok;
}

# conflict TMP TARGET: the end of a store that met a foreign change.
sub conflict {
	unlink $_[0];
	a($_[1]);
	return z(9, '');
}

# is FILE EXPECT: whether a file is the version expected, as in remote.sh.
sub is {
	my ($s, $expect) = @_;
	my $pattern = join '.*', map { quotemeta } split /\*/, $expect, -1;
	return $s && $s->{version} =~ /^$pattern\z/;
}

# still PATH WANT: whether a file is what a change is based on, as q in remote.sh.
sub still {
	my ($path, $want) = @_;
	return 1 if $want eq '';
	my $s = st($path);
	return !$s if $want eq '-';
	return $s && $s->{type} eq 'd' if $want eq '/';
	return is($s, "$want*");
}

# same FILE FILE: whether it is one file, with the same contents.
sub same {
	my ($one, $other) = @_;
	return !grep { $one->{$_} ne $other->{$_} } qw(ino size m);
}

# put TMP TARGET NEW OLD: has an upload and the file that it replaces swap their
# names, and looks at what was replaced: if that is not what was compared it
# was changed in between, and gets its name back. Who replaced ours meanwhile, or
# wrote to it, keeps his under a name beside it.
sub put {
	my ($tmp, $target, $new, $old) = @_;
	unless (rename2($tmp, $target, 2)) {
		return conflict($tmp, $target) if $! == 2; # ENOENT
		return $! == 22 && rename($tmp, $target) ? g($target) : failed($tmp); # EINVAL: this file system cannot
	}
	my $was = st($tmp);
	if ($was && same($was, $old)) {
		unlink $tmp;
		return g($target);
	}
	rename2($tmp, $target, 2) or rename2($tmp, $target, 1);
	$was = st($tmp);
	rename2($tmp, "$target.conflict-" . ($tmp =~ /([^\/-]*)\z/)[0], 1) if $was && !same($was, $new);
	return conflict($tmp, $target);
}

# lengthen FILE BYTES MODE TIMES OLD: appends to a file that was as OLD, and gives it
# a mode and its times. If that fails it is as it was, as far as that goes.
sub lengthen {
	my ($file, $bytes, $mode, $times, $old) = @_;
	my $n = syswrite $file, $bytes;
	return 1 if defined $n && $n == length $bytes && chmod($mode, $file) && utimens($file, @$times);
	my $why = $!;
	shorten($file, $old);
	$! = $why;
	return;
}

# shorten FILE OLD: makes a file what it was before lengthen.
sub shorten {
	my ($file, $old) = @_;
	truncate $file, $old->{size};
	chmod $old->{mode} & 07777, $file;
	utimens($file, @$old{qw(as an ms mn)});
}

# moved FROM TO: rename(2), to its end.
sub moved {
	my ($from, $to) = @_;
	rename($from, $to) && a($to) or return failed();
	d($to);
	d($from, '/..') if above($from) ne above($to);
	return z(0, '');
}

# removed PATH OK: the end of a removal.
sub removed {
	my ($path, $ok) = @_;
	$ok or return failed();
	d($path);
	return z(0, '');
}

# The functions of remote.sh that are done here, by their names there. One
# that returns nothing has changed nothing: then the shell does it.
%do = (
	A => \&f,
	L => sub {
		my ($depth, $path) = @_;
		return if $depth != 1;
		my $s = a($path) or return failed();
		return z(0, '') if $s->{type} ne 'd';
		opendir my $dir, $path or return;
		while ($! = 0, defined(my $name = readdir $dir)) {
			return if length $out > 1 << 14; # find is faster then
			$name =~ /^\.\.?\z/ || a("$path/$name", $name) || $! == 2 or return; # ENOENT: just removed
		}
		return $! ? () : z(0, ''); # what the matter is find says
	},
	F => sub {
		my ($path, $have) = @_;
		my $s = a($path) or return failed();
		return if $s->{type} ne 'f';
		return z(0, '') if is($s, $have);
		print $out;
		$out = '';
		my $status = small($path, $s) ? 0 : source($path);
		a($path);
		return z($status, '');
	},
	Z => sub {
		my ($path, $have, $offset, $size) = @_;
		my $s = st($path) or return;
		return if $s->{type} ne 'f';
		return z(9, '') unless is($s, $have);
		open my $file, '<:raw', $path or return;
		sysseek $file, $offset, 0 or return;
		print "\n";
		my $ok = piece($file, \*STDOUT, $size);
		$s = st($path);
		my $changed = !is($s, $have);
		return z(0, '') if $ok && !$changed;
		for (my $left = $size; $left > 0 && !$ended; $left -= 1 << 16) {
			print "\0" x ($left < 1 << 16 ? $left : 1 << 16);
		}
		return z($changed ? 9 : 1, 'Input/output error');
	},
	B => sub {
		my @regular = map { my $s = a($_, $_); $s && $s->{type} eq 'f' ? $_ : "/$ENV{m}" } @_;
		z(0, '');
		source(@regular);
		a($_, $_) for @_;
		return z(0, '');
	},
	N => sub {
		my ($path, $umask, $mode) = @_;
		return if $mode ne '';
		umask oct $umask;
		my $ok = sysopen my $file, $path, 0301, 0666;
		umask 0;
		return $ok ? g($path) : failed();
	},
	D => sub {
		my ($path, $umask, $mode) = @_;
		return if $mode ne '';
		umask oct $umask;
		my $ok = mkdir $path, 0777;
		umask 0;
		return $ok ? g($path) : failed();
	},
	K => sub {
		my ($tmp, $target, $expect, $mode, $time, $how) = @_;
		return if $how ne '' || $mode =~ /^0[1-7]/;
		touch($tmp, '', $time) if $time ne '';
		if ($expect eq '-') {
			return g($target) if rename2($tmp, $target, 1);
			return conflict($tmp, $target) if $! == 17; # EEXIST
			return;
		}
		my ($new, $old) = (st($tmp), st($target));
		return conflict($tmp, $target) unless is($old, $expect);
		return if !$new || $new->{uid} != $old->{uid} || $new->{gid} != $old->{gid};
		if (!keep($tmp, $target, $mode)) {
			left('K', $tmp, $target, $expect, $mode, $time, 'over');
			return 1;
		}
		return put($tmp, $target, $new, $old);
	},
	rest => sub {
		my ($tmp, $keep, $target, $expect, $mode, $time) = @_;
		my $old = st($target);
		return unless is($old, $expect) && $old->{type} eq 'f' && $old->{size} == $keep;
		touch("$tmp+", '', $time) if $time ne '';
		my $new = st("$tmp+") or return;
		sysopen my $rest, "$tmp+", 0 or return;
		sysread $rest, my $bytes, $new->{size};
		return if length $bytes != $new->{size};
		sysopen my $file, $target, 06001 or return; # O_WRONLY|O_APPEND|O_NONBLOCK
		# A write lease (F_SETLEASE, F_WRLCK): nobody else has the file open, and
		# who opens it now waits.
		fcntl $file, 1024, 1 or return;
		$old = st($file);
		return unless is($old, $expect);
		if (!lengthen($file, $bytes, oct $mode, [@$new{qw(as an ms mn)}], $old)) {
			my $why = "$!";
			unlink "$tmp+";
			a($target);
			return z(6, $why);
		}
		my $is = st($target);
		unless ($is && $is->{ino} == $old->{ino} && $is->{dev} == $old->{dev}) {
			shorten($file, $old);
			return conflict("$tmp+", $target);
		}
		unlink "$tmp+";
		return f($file); # which may have another name by now
	},
	M => sub {
		my ($from, $to, $how) = @_;
		if ($how eq '') { return moved($from, $to) }
		rename2($from, $to, $how eq 'new' ? 1 : 2) or return;
		return f($to, $how eq 'new' ? () : $from);
	},
	H => sub { return link($_[0], $_[1]) ? g($_[1]) : failed() },
	Y => sub { return symlink($_[0], $_[1]) ? g($_[1]) : failed() },
	T => sub {
		my ($path, $expect, $size) = @_;
		my $s = st($path);
		if (!is($s, $expect)) { a($path); return z(9, '') }
		return if $s->{type} ne 'f';
		return truncate($path, $size) ? f($path) : failed();
	},
	z => \&z,
	settle => sub { return syswrite $back, "\n" },
	fresh => sub {
		syswrite $back, mkdir($_[0], 0700) ? "\n" : "$!\n";
	},
	take => sub {
		my ($path, $size) = @_;
		my $stream = stream($size);
		taken($stream, take($stream, $path)) or unlink $path;
		return 1;
	},
	fill => sub {
		my ($dir, $last, $size) = @_;
		my ($stream, $i) = (stream($size), 0);
		$i++ while $i <= $last && take($stream, "$dir/$i");
		taken($stream, $i > $last);
		return 1;
	},
	sweep => sub {
		my ($path) = @_;
		opendir my $dir, $path or return 1;
		unlink map { "$path/$_" } readdir $dir;
		rmdir $path;
		return 1;
	},
	r => sub {
		my ($path, $want) = @_;
		still($path, $want) or return z(9, '');
		return removed($path, unlink $path);
	},
	m => sub {
		my ($from, $to, $old, $over) = @_;
		still($from, $old) && still($to, $over) or return z(9, '');
		return moved($from, $to);
	},
	remove => sub { return removed($_[1], $_[0] eq 'rm' ? unlink $_[1] : rmdir $_[1]) },
	setattr => sub {
		my ($path, $owner, $mode, $atime, $mtime) = @_;
		return if $owner ne '' || -l $path;
		$mode eq '' || chmod(oct $mode, $path) or return failed();
		"$atime$mtime" eq '' || touch($path, $atime, $mtime) or return failed();
		return f($path);
	},
);

# left ARG...: has the shell do it.
sub left {
	local @ENV{qw(l a)} = ($l, '');
	$out = '';
	system '/bin/sh', '-c', 'exec </dev/null; eval "$l"; unset l; "$@"', 'sh', @_;
}

while (defined(my $n = <STDIN>)) {
	chomp $n;
	my @arg;
	while (@arg < $n) {
		my $arg = <STDIN>;
		defined $arg && chomp $arg or exit 1;
		push @arg, $arg;
	}
	my $name = shift @arg;
	$do{$name}->(@arg) or left($name, @arg);
}
