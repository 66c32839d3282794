# Nobody can abuse the objects, and they stop no system.
load common

hostile=$'%n%n%s%1000000d\e[2J\r\n\x7f\x80\xff"\\'
variables=(TCP_KEEPIDLE TCP_KEEPINTVL TCP_KEEPCNT TCP_USER_TIMEOUT TCP_SYNCNT
	TCP_DEFER_ACCEPT TCP_MAXSEG TCP_WINDOW_CLAMP KEEPIDLE KEEPINTVL KEEPCNT
	DD_TCP_KEEPALIVE_TIME DD_TCP_KEEPALIVE_INTVL DD_TCP_KEEPALIVE_PROBES)

# in_a_copy SCRIPT [ARGUMENT...]: runs it by bash in a copy of the whole system
# that ends with it: a mount namespace with an overlay over the root. There,
# /objects holds the objects and call, and `preload yes` and `preload no` write
# and remove /etc/ld.so.preload.
in_a_copy() {
	local room=$BATS_TEST_TMPDIR/copy
	mkdir -p "$room"
	unshare --mount --pid --fork --kill-child bash -euc '
		room=$1 client=$2 listen=$3 call=$4
		shift 4
		mount -t tmpfs -o mode=755 none "$room"
		mkdir "$room/upper" "$room/work" "$room/root"
		mount -t overlay none -o \
			"lowerdir=/,upperdir=$room/upper,workdir=$room/work" \
			"$room/root"
		mkdir "$room/root/objects"
		install "$client" "$listen" "$call" "$room/root/objects"
		mount -t proc none "$room/root/proc"
		mount --rbind /dev "$room/root/dev"
		mount -t tmpfs none "$room/root/tmp"
		mount -t tmpfs none "$room/root/run"
		exec chroot "$room/root" env -i PATH="$PATH" HOME=/root \
			/bin/bash -euc "
			preload() {
				rm -f /etc/ld.so.preload
				[ \$1 = no ] || echo /objects/libkeepalive.so \
					/objects/libkeepalive_listen.so \
					>/etc/ld.so.preload
			}
			$1" "$@"' in-a-copy "$room" "$client" "$listen" "$call" \
		"$@" 3>&- 4>&- </dev/null
}

# The calls that a set-user-ID program makes below, as somebody who wants to
# have a say in them starts it.
attack='
	attack() {
		setpriv --reuid 65534 --regid 65534 --clear-groups \
			env TCP_KEEPIDLE=77 TCP_KEEPCNT=bad DD_DEBUG=1 \
			KEEPIDLE=78 DD_EVAL_ENVIRONMENT_ONCE=0 KEEPALIVE=off \
			LIBKEEPALIVE_DEBUG=stdout \
			"$1" socket s inet stream 0 bind s 127.0.0.1:0 \
			listen s socket c inet stream 0 connect c s \
			accept a s options c options a
	}
	preload yes
'

# not_abused: $output is that of the calls alone, and the defaults hold.
not_abused() {
	# shellcheck disable=SC2154
	[ "${#lines[@]}" -eq 8 ]
	has 0 "socket = 3"
	has -2 "$defaults"
	has -1 "$defaults"
}

@test "abuse: a program without privileges reads the environment, as a check" {
	takes_root
	run -0 in_a_copy "$attack"'attack /objects/call'
	has 0 "libkeepalive"
	has -2 "$untouched"
	has -1 "$untouched"
}

@test "abuse: a set-user-ID program reads nothing of it and writes nothing" {
	takes_root
	run -0 in_a_copy "$attack"'
		chmod 4755 /objects/call
		attack /objects/call'
	not_abused
}

@test "abuse: a set-group-ID program reads nothing of it and writes nothing" {
	takes_root
	run -0 in_a_copy "$attack"'
		chmod 2755 /objects/call
		attack /objects/call'
	not_abused
}

@test "abuse: a program with file capabilities reads nothing of it and writes nothing" {
	takes_root
	run -0 in_a_copy "$attack"'
		setcap cap_net_bind_service+ep /objects/call
		attack /objects/call'
	not_abused
}

# compare: runs each line of standard input as a command of its own, without
# /etc/ld.so.preload and with it; prints those that can tell.
compare='
	compare() {
		mkdir -p /tmp/no /tmp/yes
		local commands how count=0 spoke=0
		mapfile -t commands
		for command in "${commands[@]}"; do
			for how in no yes; do
				preload $how
				set +e
				bash -c "$command" >/tmp/$how/out \
					2>/tmp/$how/err </dev/null
				echo $? >/tmp/$how/status
				set -e
			done
			preload no
			diff -r /tmp/no /tmp/yes || echo "differs: $command"
			[ ! -s /tmp/no/out ] || spoke=$((spoke + 1))
			count=$((count + 1))
		done
		echo "$count compared, $spoke spoke"
	}
'

@test "whole system: every program of the essential packages starts as before" {
	takes_root
	run -0 in_a_copy "$compare"'
		dpkg -L coreutils findutils grep sed tar gzip diffutils dpkg apt \
			util-linux bash dash perl-base login passwd \
			bsdutils hostname debianutils |
			grep -E "^(/usr)?/s?bin/" |
			grep -vE "/(vigr|vipw|sulogin|agetty|getty|login)$" |
			while read -r path; do
				[ ! -f "$path" ] || echo "$path --version"
			done | compare'
	[[ ${lines[-1]} =~ ^([0-9]+)" compared, "([0-9]+)" spoke"$ ]]
	[ "${#lines[@]}" -eq 1 ]
	[ "${BASH_REMATCH[1]}" -ge 200 ]
	[ "${BASH_REMATCH[2]}" -ge 150 ]
}

@test "whole system: what people and packages do runs as before" {
	takes_root
	run -0 in_a_copy "$compare"'compare <<-"END"
		apt-get --version
		apt-get check
		apt-cache policy bash
		apt-config dump
		dpkg -l
		dpkg --audit
		dpkg --verify bash
		dpkg-query -W
		update-alternatives --get-selections
		bash -c "echo \$BASH_VERSION; ulimit -a; exit 7"
		bash -lc "type ls; cd /usr; pwd"
		perl -V:version
		perl -MSocket -MPOSIX -e "socket S, AF_INET, SOCK_STREAM, 0; print fileno S; print uname, getuid"
		/usr/bin/python3 -c "import sys, socket, ssl, ctypes; print(sys.version, sorted(sys.modules))"
		/usr/bin/python3 -c "import subprocess; print(subprocess.run([\"id\"], capture_output=True))"
		su -c "id; env" nobody -s /bin/sh
		su nosuchuser
		passwd -S root
		useradd --create-home somebody && su somebody -c "id; umask" && userdel -r somebody
		getent passwd root daemon
		getent hosts localhost
		systemd-analyze --version
		systemd-analyze verify default.target
		systemd-analyze
		systemctl --version
		systemd-tmpfiles --dry-run --create
		findmnt --noheadings --output FSTYPE /
		ls -lR /usr/lib/apt /usr/share/perl5
		find /usr/share/doc -name "*.gz" -type f
		tar -C /usr -c share/perl5 | sha256sum
		git --version
		gcc -dumpmachine
		echo "int main(void) { return 42; }" | gcc -xc - -o /tmp/made && /tmp/made
		ip -brief address show dev lo
		nc -h
		setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs id
		sh -c "exec no-such-program"
	END'
	[[ $output =~ ^"37 compared, "([0-9]+)" spoke"$ ]]
	[ "${BASH_REMATCH[1]}" -ge 25 ]
}

# ---- objects that cannot be loaded ----

# with_object COMMAND PROGRAM: what the program does where the command was used
# on /objects/libkeepalive.so, before /etc/ld.so.preload named it.
with_object() {
	run in_a_copy "object=/objects/libkeepalive.so
		$1
		echo /objects/libkeepalive.so >/etc/ld.so.preload
		exec $2"
}

@test "broken object: missing, empty, not an object, of another word size" {
	takes_root
	local break
	for break in 'rm $object' ': >$object' 'echo text >$object' \
		'printf "\1" | dd of=$object bs=1 seek=4 conv=notrunc' \
		'truncate -s 63 $object'; do
		with_object "$break 2>/dev/null" '/bin/echo runs'
		echo "$break: $output"
		[ "$status" -eq 0 ]
		has -1 runs
		[[ $output == *"object '/objects/libkeepalive.so' from /etc/ld.so.preload cannot be preloaded"*ignored* ]]
	done
}

@test "broken object: unreadable for the user" {
	takes_root
	with_object 'chmod 600 $object' \
		'setpriv --reuid 65534 --regid 65534 --clear-groups \
			/bin/echo runs'
	[ "$status" -eq 0 ]
	has -1 runs
	has 0 "cannot be preloaded" "ignored"
}

@test "broken object: its companion is missing" {
	takes_root
	run -0 in_a_copy 'preload yes; rm /objects/libkeepalive_listen.so
		/objects/call socket c inet stream 0 connect c 127.0.0.1:1 \
			options c'
	has 0 "libkeepalive_listen.so" "ignored"
	has -1 "$defaults"
}

@test "broken object: cut short, it ends programs; a running shell gets out" {
	takes_root
	run -0 in_a_copy 'head -c 4096 /objects/libkeepalive.so >/objects/cut.so
		echo /objects/cut.so >/etc/ld.so.preload
		! /bin/echo runs
		: >/etc/ld.so.preload
		/bin/echo runs again'
	has -1 "runs again"
	[ "$(grep -c '^runs' <<<"$output")" -eq 1 ]
}

# ---- what they write ----

@test "output: bad values are shown without format, control characters or end" {
	local variable object arguments=() trace=$BATS_TEST_TMPDIR/trace
	local long
	long=$hostile$(head -c 100000 /dev/zero | tr '\0' x)
	for variable in "${variables[@]}"; do
		arguments+=("$variable=$long")
	done
	for object in "$client" "$listen"; do
		run -0 --separate-stderr env "${arguments[@]}" \
			LIBKEEPALIVE_DEBUG="$hostile" LD_PRELOAD="$object" \
			/bin/true
		# The object's name, 7 or 8 variables of its own and 6 older.
		[ "${#stderr_lines[@]}" -ge 14 ]
		# shellcheck disable=SC2154
		[ "$(grep -cF '="%n%n%s%1000000d\x1b[2J\x0d\x0a' \
			<<<"$stderr")" -ge 13 ]
		[ "$(grep -c ' on, ' <<<"$stderr")" -eq 1 ]
		run -1 env LC_ALL=C grep -vE '^[ -~]{20,400}$' <<<"$stderr"
	done
	env "${arguments[@]}" strace -qq -s 1000 -e trace=write,writev \
		-e signal=none -o "$trace" -E LD_PRELOAD="$client" /bin/true \
		2>"$BATS_TEST_TMPDIR/lines"
	# One write to standard error for a line, and nothing else.
	[ "$(wc -l <"$trace")" -eq "$(wc -l <"$BATS_TEST_TMPDIR/lines")" ]
	run -1 grep -vE '^write\(2, "libkeepalive.*\\n", [0-9]+\) += [0-9]+$' \
		"$trace"
}

@test "output: words of a hostile KEEPALIVE and DD_ switches mean nothing" {
	run -0 env KEEPALIVE="$hostile" DD_USE_KEEPALIVE="$hostile" \
		DD_DEBUG="$hostile" DD_EVAL_ENVIRONMENT_ONCE="$hostile" \
		LD_PRELOAD="$both" "$call" \
		socket c inet stream 0 connect c 127.0.0.1:1 options c
	[ "${#lines[@]}" -eq 3 ]
	has -1 "$defaults"
}

@test "output: a debug line goes only where descriptor 2 was at start" {
	# Closed, then a data file; a data file; and a connection.
	local file=$BATS_TEST_TMPDIR/file
	LIBKEEPALIVE_DEBUG=1 run -0 preload "$both" "$call" close 2 \
		open f "$file" write f data socket c inet stream 0 \
		connect c 127.0.0.1:1
	[ "$(cat "$file")" = data ]
	LIBKEEPALIVE_DEBUG=1 run -0 preload "$both" "$call" \
		socket s inet stream 0 bind s 127.0.0.1:0 listen s \
		socket c inet stream 0 connect c s accept a s dup2 d c 2 \
		socket e inet stream 0 connect e 127.0.0.1:1 set e SO_KEEPALIVE 1 \
		write c data read a
	has -1 "read = 4 data"
	# Put back, it is the file of the start, and has lines again.
	LIBKEEPALIVE_DEBUG=1 run -0 preload "$both" "$call" dup e 2 \
		dup2 x 0 2 socket c inet stream 0 dup2 y e 2 print back \
		socket d inet stream 0 </dev/null
	has -3 back
	[ "$(grep -c '^libkeepalive.so: socket' <<<"$output")" -eq 1 ]
}
