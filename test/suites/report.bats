# Bad values: one line each on standard error, and the value is not set.
load common

# said NAME VALUE [OBJECT]: what the object, else the client's, says of it.
said() {
	env "$1=$2" LD_PRELOAD="${3:-$client}" "$call" clearenv 2>&1
}

@test "bad value: each form that is no decimal number is reported and not set" {
	local value
	for value in text 15s +15 -15 --1 -0 ' 15' '15 ' '1 5' 1.5 15.0 1e1 0x10 \
		99999999999999999999 -99999999999999999999 \
		4294967311 18446744073709551631 $'15\n'; do
		TCP_KEEPIDLE=$value run -0 --separate-stderr preload "$client" \
			"$call" socket c inet stream 0 connect c 127.0.0.1:1 \
			get c TCP_KEEPIDLE
		[ "${lines[-1]}" = TCP_KEEPIDLE=15 ]
		[[ $stderr == 'libkeepalive.so: TCP_KEEPIDLE="'*'" is ignored: 0 to 32767 s are allowed' ]]
	done
}

@test "bad value: each setting is good to the ends of its range, and no further" {
	local name min max unit object allowed value
	while read -r name min max unit object; do
		object=$objects/${object:-libkeepalive.so}
		allowed="$min to $max $unit are allowed"
		[ "$min" -ne 88 ] || allowed="0 or $allowed"
		for value in 0 "$min" "$max"; do
			[ -z "$(said "$name" "$value" "$object")" ]
		done
		for value in $((min - 1)) $((max + 1)); do
			[ "$(said "$name" "$value" "$object")" = \
				"${object##*/}: $name=\"$value\" is ignored: $allowed" ]
		done
	done <<-END
		TCP_KEEPIDLE 0 32767 s
		KEEPIDLE 0 32767 s
		DD_TCP_KEEPALIVE_TIME 0 32767 s
		TCP_KEEPINTVL 0 32767 s
		KEEPINTVL 0 32767 s
		DD_TCP_KEEPALIVE_INTVL 0 32767 s
		TCP_KEEPCNT 0 127 probes
		KEEPCNT 0 127 probes
		DD_TCP_KEEPALIVE_PROBES 0 127 probes
		TCP_USER_TIMEOUT -1 2147483647 ms
		TCP_SYNCNT 0 127 retransmits
		TCP_DEFER_ACCEPT 0 2147483647 s libkeepalive_listen.so
		TCP_MAXSEG 88 32767 bytes
		TCP_WINDOW_CLAMP 0 2147483647 bytes
	END
}

@test "bad value: counts as not set, so that the next column's value holds" {
	TCP_KEEPIDLE=x KEEPIDLE=75 run -0 --separate-stderr preload "$client" \
		"$call" socket c inet stream 0 options c
	has 1 SO_KEEPALIVE=1 TCP_KEEPIDLE=75 TCP_KEEPINTVL=75 TCP_USER_TIMEOUT=0
}

@test "bad value: does not bring an older library's behaviour" {
	local name
	for name in KEEPIDLE KEEPCNT KEEPINTVL DD_TCP_KEEPALIVE_TIME \
		DD_TCP_KEEPALIVE_INTVL DD_TCP_KEEPALIVE_PROBES; do
		run -0 --separate-stderr env "$name=x" LD_PRELOAD="$client" \
			"$call" socket c inet stream 0 options c \
			connect c 127.0.0.1:1 options c
		has 1 "$untouched"
		has 3 "$defaults"
	done
}

@test "bad value: each object reports on the settings that it uses, once" {
	TCP_KEEPIDLE=x TCP_SYNCNT=y TCP_DEFER_ACCEPT=z run -0 preload "$both" \
		"$call" print ready socket s inet stream 0 listen s
	[ "$(grep -c 'libkeepalive.so: TCP_KEEPIDLE="x"' <<<"$output")" = 1 ]
	[ "$(grep -c 'libkeepalive_listen.so: TCP_KEEPIDLE="x"' <<<"$output")" = 1 ]
	[ "$(grep -c 'libkeepalive.so: TCP_SYNCNT="y"' <<<"$output")" = 1 ]
	[ "$(grep -c 'libkeepalive_listen.so: TCP_DEFER_ACCEPT="z"' <<<"$output")" = 1 ]
	[ "$(grep -c ignored <<<"$output")" = 4 ]
}

@test "bad value: off is silent, in both its names" {
	[ -z "$(KEEPALIVE=off said TCP_KEEPIDLE x)" ]
	[ -z "$(DD_USE_KEEPALIVE=0 said TCP_KEEPIDLE x)" ]
}

@test "bad value: an empty value is none" {
	local name
	for name in TCP_KEEPIDLE KEEPIDLE DD_TCP_KEEPALIVE_TIME KEEPALIVE \
		LIBKEEPALIVE_DEBUG DD_DEBUG; do
		run -0 env "$name=" LD_PRELOAD="$client" "$call" \
			socket c inet stream 0 connect c 127.0.0.1:1 options c
		[ "${#lines[@]}" = 3 ]
		has 2 "$defaults"
	done
}

# bats test_tags=as-built
@test "bad value: 100,000 characters are cut short" {
	local value zeros
	zeros=$(printf '%0100000d' 0)
	value=$(tr 0 9 <<<"$zeros")
	[ "$(said TCP_KEEPIDLE "$value")" = \
		'libkeepalive.so: TCP_KEEPIDLE="99999999999999999999999999999999..." is ignored: 0 to 32767 s are allowed' ]
	[ "$(said TCP_KEEPIDLE "${value:0:32}")" = \
		'libkeepalive.so: TCP_KEEPIDLE="99999999999999999999999999999999" is ignored: 0 to 32767 s are allowed' ]
	# Zeros are a number, however many there are.
	[ -z "$(said TCP_KEEPIDLE "$zeros")" ]
}

@test "bad value: control characters, other alphabets and formats are made visible" {
	local all code
	for ((code = 1; code < 256; code++)); do
		((code >= 32 && code <= 126 && code != 34 && code != 92)) &&
			continue
		all=$(printf '\\x%02x' "$code")
		[ "$(env "TCP_KEEPIDLE=$(printf '%b.' "$all")" \
			LD_PRELOAD="$client" "$call" clearenv 2>&1)" = \
			"libkeepalive.so: TCP_KEEPIDLE=\"$all.\" is ignored: 0 to 32767 s are allowed" ]
	done
	[ "$(said TCP_KEEPIDLE "%s%n%d ~!'")" = \
		"libkeepalive.so: TCP_KEEPIDLE=\"%s%n%d ~!'\" is ignored: 0 to 32767 s are allowed" ]
}

@test "bad value: the program runs on where standard error is closed" {
	TCP_KEEPIDLE=x run -0 --separate-stderr preload "" \
		sh -c 'LD_PRELOAD=$0 exec "$1" print ran 2>&-' "$client" "$call"
	[ "$output" = ran ]
}

@test "bad value: the program runs on where nobody reads its standard error" {
	mkfifo "$BATS_TEST_TMPDIR/pipe"
	exec 7<>"$BATS_TEST_TMPDIR/pipe" 8>"$BATS_TEST_TMPDIR/pipe" 7>&-
	TCP_KEEPIDLE=x run -0 --separate-stderr preload "" \
		sh -c 'LD_PRELOAD=$0 "$1" print ran 2>&8' "$client" "$call"
	[ "$output" = ran ]
}

@test "bad value: a full pipe is not waited for" {
	mkfifo "$BATS_TEST_TMPDIR/pipe"
	exec 8<>"$BATS_TEST_TMPDIR/pipe"
	# dd stops at the first write that would block.
	dd if=/dev/zero bs=4096 oflag=nonblock >&8 2>/dev/null || true
	TCP_KEEPIDLE=x run -0 --separate-stderr preload "" timeout 60 \
		sh -c 'LD_PRELOAD=$0 "$1" print ran 2>&8' "$client" "$call"
	[ "$output" = ran ]
}
