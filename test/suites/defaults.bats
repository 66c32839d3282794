# make DEFAULTS=...: other defaults in the objects themselves.
load common

setup() {
	tree=$BATS_TEST_TMPDIR/tree
	mkdir "$tree"
	cp -r "$top"/{Makefile,*.c,*.h} "$tree"
}

# build [ARGUMENT...]: in a copy of the sources.
build() {
	env -u DEFAULTS make -s -C "$tree" "$@"
}

to_nobody=(socket c inet stream 0 connect c 127.0.0.1:1)

# is_refused DEFAULTS MESSAGE
is_refused() {
	run -2 --separate-stderr build DEFAULTS="$1"
	[ "${stderr_lines[0]}" = "make: DEFAULTS: $2" ]
	[ ! -e "$tree/libkeepalive.so" ]
}

@test "defaults: a value out of its range is an error that says what is allowed" {
	is_refused TCP_KEEPIDLE=32768 \
		'TCP_KEEPIDLE=32768: 0 to 32767 s are allowed'
	is_refused 'TCP_KEEPIDLE=20 TCP_KEEPCNT=nine' \
		'TCP_KEEPCNT=nine: 0 to 127 probes are allowed'
	is_refused TCP_MAXSEG=87 'TCP_MAXSEG=87: 0 or 88 to 32767 bytes are allowed'
	is_refused TCP_USER_TIMEOUT=-2 \
		'TCP_USER_TIMEOUT=-2: -1 to 2147483647 ms are allowed'
	is_refused 'TCP_KEEPCNT=3 TCP_KEEPCNT=4' \
		'TCP_KEEPCNT=4: the name stands twice'
	is_refused TCP_KEEPINTVL= 'TCP_KEEPINTVL=: 0 to 32767 s are allowed'
}

@test "defaults: an unknown name is an error that says which there are" {
	local names='NAME=VALUE are allowed, with a NAME of TCP_KEEPIDLE TCP_KEEPINTVL TCP_KEEPCNT TCP_USER_TIMEOUT TCP_MAXSEG TCP_WINDOW_CLAMP TCP_SYNCNT TCP_DEFER_ACCEPT'
	is_refused TCP_KEEPIDEL=20 "TCP_KEEPIDEL=20: $names"
	is_refused KEEPIDLE=20 "KEEPIDLE=20: $names"
	is_refused TCP_KEEPIDLE "TCP_KEEPIDLE: $names"
}

@test "defaults: every number can be chosen, by gcc and clang" {
	local compiler
	for compiler in gcc clang; do
		run -0 build CC=$compiler DEFAULTS='TCP_KEEPIDLE=0 TCP_KEEPINTVL=2
			TCP_KEEPCNT=3 TCP_USER_TIMEOUT=2147483647 TCP_MAXSEG=88
			TCP_WINDOW_CLAMP=5 TCP_SYNCNT=6 TCP_DEFER_ACCEPT=7'
		[ -z "$output" ]
		LIBKEEPALIVE_DEBUG=1 run -0 preload "$tree/libkeepalive.so" \
			"$call" print started
		[[ ${lines[0]} == *': TCP_KEEPINTVL=2 TCP_KEEPCNT=3 TCP_USER_TIMEOUT=2147483647 TCP_MAXSEG=88 TCP_WINDOW_CLAMP=5 TCP_SYNCNT=6 SO_KEEPALIVE=1' ]]
		LIBKEEPALIVE_DEBUG=1 run -0 preload \
			"$tree/libkeepalive_listen.so" "$call" print started
		[[ ${lines[0]} == *' TCP_WINDOW_CLAMP=5 TCP_DEFER_ACCEPT=7 SO_KEEPALIVE=1' ]]
		build clean
	done
}

@test "defaults: variables, 0 and the older vocabularies mean what they meant" {
	build DEFAULTS='TCP_KEEPIDLE=120 TCP_KEEPINTVL=60'
	local object=$tree/libkeepalive.so
	run -0 preload "$object" "$call" "${to_nobody[@]}" options c
	has -1 TCP_KEEPIDLE=120 TCP_KEEPINTVL=60 TCP_KEEPCNT=9 \
		TCP_USER_TIMEOUT=660000
	TCP_KEEPIDLE=20 TCP_KEEPINTVL=0 run -0 preload "$object" "$call" \
		"${to_nobody[@]}" options c
	has -1 TCP_KEEPIDLE=20 TCP_KEEPINTVL=75
	TCP_KEEPIDLE=bad run -0 --separate-stderr preload "$object" "$call" \
		"${to_nobody[@]}" options c
	has -1 TCP_KEEPIDLE=120
	KEEPCNT=5 run -0 preload "$object" "$call" "${to_nobody[@]}" options c
	has -1 TCP_KEEPIDLE=7200 TCP_KEEPINTVL=75 TCP_KEEPCNT=5 \
		TCP_USER_TIMEOUT=0
}

@test "defaults: debug's first line and the package note tell them" {
	build DEFAULTS='TCP_KEEPINTVL=60 TCP_KEEPIDLE=0120'
	LIBKEEPALIVE_DEBUG=1 run -0 preload "$tree/libkeepalive.so" "$call" \
		print started
	[[ ${lines[0]} == "libkeepalive.so "*" with TCP_KEEPIDLE=120 TCP_KEEPINTVL=60: on, "* ]]
	run -0 readelf -nW "$tree/libkeepalive.so"
	[[ $output == *'"defaults":"TCP_KEEPIDLE=120 TCP_KEEPINTVL=60"}'* ]]
}

# Each with its greatest value, as the errors tell names and ranges.
@test "defaults: debug's longest line has room for all of them" {
	local all=() name room object text
	run -2 --separate-stderr build DEFAULTS=NONE=0
	for name in ${stderr_lines[0]#* with a NAME of }; do
		run -2 --separate-stderr build DEFAULTS="$name=x"
		[[ ${stderr_lines[0]} =~ ' to '([0-9]+)' ' ]]
		all+=("$name=${BASH_REMATCH[1]}")
	done
	[ "${#all[@]}" -ge 8 ]
	build DEFAULTS="${all[*]}"
	room=$(sed -n 's/^\tchar line\[\([0-9]*\) + sizeof(BUILD) +$/\1/p' \
		"$top/common.h")
	for object in libkeepalive.so libkeepalive_listen.so; do
		run -0 env "${all[@]}" KEEPIDLE=1 DD_TCP_KEEPALIVE_TIME=1 \
			DD_EVAL_ENVIRONMENT_ONCE=0 KEEPALIVE=force \
			LIBKEEPALIVE_DEBUG=1 LD_PRELOAD="$tree/$object" \
			"$call" print started
		has 0 "by force, read at every call" "${all[0]}" SO_KEEPALIVE=1
		# The version and the settings have room of their own.
		text=${lines[0]%%" 1.0.0 "*}${lines[0]#*": on"}
		text=${text%%": TCP_KEEPIDLE="*}
		echo "${#text} of $room: $text"
		[ $((${#text} + 30)) -lt "$room" ]
	done
}

@test "defaults: they stay until make has other ones, or none" {
	build DEFAULTS=TCP_KEEPIDLE=120
	cp -p "$tree/libkeepalive.so" "$tree/chosen"
	build DEFAULTS=TCP_KEEPIDLE=120
	build
	[ ! "$tree/libkeepalive.so" -nt "$tree/chosen" ]
	build DEFAULTS=TCP_KEEPIDLE=121
	run -1 cmp -s "$tree/libkeepalive.so" "$tree/chosen"
	build DEFAULTS=
	cp "$tree/libkeepalive.so" "$tree/none"
	build clean
	build
	cmp "$tree/libkeepalive.so" "$tree/none"
}

# The compiler's command, by hand and without the file.
@test "defaults: without them an object is the same, byte for byte" {
	local command
	command=$(env -u DEFAULTS make -n --no-print-directory -C "$tree" \
		V=1 libkeepalive.so |
		tr -d '\\\n' | sed 's/.*\(cc -Wall\)/\1/')
	[[ $command == *@test/build/defaults* ]]
	build
	(cd "$tree" && mv libkeepalive.so by-make &&
		eval "${command/@test\/build\/defaults/}")
	cmp "$tree/by-make" "$tree/libkeepalive.so"
}

@test "defaults: hold for a set-user-ID program under /etc/ld.so.preload" {
	takes_root
	chmod 755 "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR" "$tree"
	build DEFAULTS='TCP_KEEPIDLE=120 TCP_KEEPINTVL=60'
	install -m 4755 "$call" "$BATS_TEST_TMPDIR/set-user-id"
	TCP_KEEPIDLE=20 run -0 whole_system "$tree/libkeepalive.so" \
		setpriv --reuid 65534 --regid 65534 --clear-groups \
		"$BATS_TEST_TMPDIR/set-user-id" "${to_nobody[@]}" options c
	has -1 SO_KEEPALIVE=1 TCP_KEEPIDLE=120 TCP_KEEPINTVL=60 \
		TCP_USER_TIMEOUT=660000
}
