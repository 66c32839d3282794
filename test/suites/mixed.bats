# A system with programs of several kinds, and what its loaders do with an
# object of another kind. I386, I386_TIME64, ARMHF, ARMHF_TIME64, MUSL and AARCH64
# are copies of the tree that are built for these: test/tools/matrix has them, and
# runs this. I386_EMULATOR is a command that runs programs of I386, or is empty
# where the kernel runs them.
# Each test is a subshell (SC2030, SC2031).
# shellcheck disable=SC2030,SC2031
# bats file_tags=matrix
load common

setup() {
	takes_tools
	local tree
	for tree in "$I386" "$I386_TIME64" "$ARMHF" "$ARMHF_TIME64" "$MUSL" \
		"$AARCH64"; do
		[ -e "$tree/libkeepalive.so" ]
	done
	read -ra on_i386 <<<"$I386_EMULATOR"
}

# preload_i386 OBJECT COMMAND...: as preload, for a program of I386.
preload_i386() {
	if [ "$I386_EMULATOR" ]; then
		"${on_i386[@]}" -E LD_PRELOAD="$1" "${@:2}"
	else
		preload "$@"
	fi
}

client_to=(socket l inet stream 0 bind l 127.0.0.1:0 listen l
	socket c inet stream 0 connect c l)

# warns CLASS COMMAND...: it runs, after the loader's warning of an object of
# this class, without keepalive.
warns() {
	local class=$1
	shift
	run -0 "$@" "${client_to[@]}" options c
	has 0 "ERROR: ld.so: object '" 'libkeepalive.so' \
		" cannot be preloaded (wrong ELF class: $class): ignored."
	[ "${#lines[@]}" -eq 7 ]
	has -1 "$untouched"
}

@test "mixed: a program warns of an object of the other word size, and runs" {
	warns ELFCLASS32 preload "$I386/libkeepalive.so" "$call"
	warns ELFCLASS64 preload_i386 "$client" "$I386/test/build/call"
	warns ELFCLASS64 preload_i386 "$MUSL/libkeepalive.so" \
		"$I386/test/build/call"
	warns ELFCLASS64 whole_system "$client" "${on_i386[@]}" \
		"$I386/test/build/call"
}

@test "mixed: by \$LIB in /etc/ld.so.preload each finds the object of its kind" {
	local system=(whole_system "$BATS_TEST_TMPDIR/\$LIB/libkeepalive.so")
	install -D -t "$BATS_TEST_TMPDIR/lib/x86_64-linux-gnu" "$client"
	install -D -t "$BATS_TEST_TMPDIR/lib32" "$I386/libkeepalive.so"
	run -0 "${system[@]}" "$call" "${client_to[@]}" options c
	[ "${#lines[@]}" -eq 6 ]
	has -1 "$defaults"
	run -0 "${system[@]}" "${on_i386[@]}" "$I386/test/build/call" \
		"${client_to[@]}" options c
	[ "${#lines[@]}" -eq 6 ]
	has -1 "$defaults"
}

@test "mixed: no glibc program starts under an object that musl built" {
	local loader
	for loader in preload whole_system; do
		run -127 $loader "$MUSL/libkeepalive.so" "$call" print started
		[[ $output == *'error while loading shared libraries: '*libc.so* ]]
		[[ $output != *started* ]]
	done
}

@test "mixed: a musl program gets keepalive from objects that glibc built" {
	run -0 preload "$both" "$MUSL/test/build/call" "${client_to[@]}" \
		accept a l options a options c
	[ "${#lines[@]}" -eq 8 ]
	has -2 "$defaults"
	has -1 "$defaults"
}

@test "mixed: a musl program passes over what it cannot load without a word" {
	local object
	: >"$BATS_TEST_TMPDIR/empty.so"
	for object in "$I386/libkeepalive.so" "$BATS_TEST_TMPDIR/empty.so" \
		"$BATS_TEST_TMPDIR/missing.so"; do
		run -0 preload "$object" "$MUSL/test/build/call" \
			"${client_to[@]}" options c
		[ "${#lines[@]}" -eq 6 ]
		has -1 "$untouched"
	done
}

@test "mixed: a musl program ends under another processor's object" {
	run -127 preload "$AARCH64/libkeepalive.so" "$MUSL/test/build/call" \
		print started
	[[ $output == *'unsupported relocation type'* ]]
	[[ $output != *started* ]]
}

@test "mixed: a glibc program warns of another processor's object, and runs" {
	run -0 preload "$AARCH64/libkeepalive.so" "$call" print started
	has 0 'cannot be preloaded (cannot open shared object file): ignored.'
	has 1 started
}

@test "mixed: musl does not read /etc/ld.so.preload" {
	run -0 whole_system "$both" "$MUSL/test/build/call" \
		"${client_to[@]}" options c
	[ "${#lines[@]}" -eq 6 ]
	has -1 "$untouched"
}

# musl has no /etc/ld.so.preload, and no LD_PRELOAD in secure-execution mode: the
# program is linked with the object.
@test "mixed: a musl program in secure-execution mode reads nothing of the environment" {
	local program=$BATS_TEST_TMPDIR/program bestow
	local as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	takes_root
	chmod 755 "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR"
	install -m 755 "$MUSL/libkeepalive.so" "$BATS_TEST_TMPDIR"
	musl-gcc -w -D_GNU_SOURCE -o "$program" "$MUSL/test/helpers/call.c" \
		-Wl,--no-as-needed "$BATS_TEST_TMPDIR/libkeepalive.so"
	export TCP_KEEPIDLE=20
	run -0 "${as[@]}" "$program" "${client_to[@]}" get c TCP_KEEPIDLE
	has -1 TCP_KEEPIDLE=20
	for bestow in 'chmod 4755' 'chmod 2755' 'setcap cap_net_raw+ep'; do
		chmod 755 "$program"
		$bestow "$program"
		run -0 "${as[@]}" "$program" "${client_to[@]}" get c TCP_KEEPIDLE
		has -1 TCP_KEEPIDLE=15
	done
}

# both_times EMULATOR TREE TREE64: programs and objects with 32-bit and with
# 64-bit time, in all pairs: what a program sets afterwards is seen.
both_times() {
	local emulator=$1 objects program
	shift
	run -0 nm -D --undefined-only "$1/test/build/call"
	[[ $output == *' setsockopt@'* ]]
	run -0 nm -D --undefined-only "$2/test/build/call"
	[[ $output == *' __setsockopt64@'* ]]
	for objects; do
		for program; do
			changed_under A=1 "TCP_KEEPIDLE=300 TCP_USER_TIMEOUT=435000"
			changed_under KEEPALIVE=force \
				"TCP_KEEPIDLE=15 TCP_USER_TIMEOUT=150000"
		done
	done
}

# changed_under VARIABLE=VALUE OPTIONS: after the program has set its idle time.
changed_under() {
	local with=(env "$1" "LD_PRELOAD=$objects/libkeepalive.so")
	# shellcheck disable=SC2206 # a command and its arguments
	[ -z "$emulator" ] ||
		with=($emulator -E "$1" -E "${with[2]}")
	run -0 "${with[@]}" "$program/test/build/call" "${client_to[@]}" \
		set c TCP_KEEPIDLE 300 get c TCP_KEEPIDLE get c TCP_USER_TIMEOUT
	[ "${lines[-2]} ${lines[-1]}" = "$2" ]
}

@test "mixed: i386 programs with 32-bit and with 64-bit time" {
	both_times "$I386_EMULATOR" "$I386" "$I386_TIME64"
}

@test "mixed: armhf programs with 32-bit and with 64-bit time" {
	both_times "qemu-arm -L /usr/arm-linux-gnueabihf" "$ARMHF" "$ARMHF_TIME64"
}
