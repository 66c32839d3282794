# KEEPALIVE=force: this library's values stay, whatever the program sets.
load common

export KEEPALIVE=force
pair=(socket s inet stream 0 bind s 127.0.0.1:0 listen s
	socket c inet stream 0 connect c s accept a s)

@test "force: what the program sets before and after gives way, on both sides" {
	run -0 preload "$both" "$call" socket s inet stream 0 \
		set s TCP_KEEPIDLE 300 set s SO_KEEPALIVE 0 \
		bind s 127.0.0.1:0 listen s set s TCP_KEEPIDLE 301 \
		socket c inet stream 0 set c TCP_KEEPCNT 3 connect c s \
		set c TCP_KEEPIDLE 302 set c TCP_KEEPINTVL 303 \
		set c TCP_KEEPCNT 4 set c TCP_USER_TIMEOUT 305 \
		set c SO_KEEPALIVE 0 \
		accept a s set a TCP_KEEPIDLE 306 set a SO_KEEPALIVE 0 \
		options s options c options a
	[ "$(grep -c 'setsockopt = 0$' <<<"$output")" = 11 ]
	has -3 "$defaults"
	has -2 "$defaults"
	has -1 "$defaults"
}

@test "force: without the word, what the program sets afterwards stays" {
	KEEPALIVE=on run -0 preload "$both" "$call" "${pair[@]}" \
		set c TCP_KEEPIDLE 302 set c SO_KEEPALIVE 0 \
		set a TCP_KEEPCNT 4 options c options a
	has -2 SO_KEEPALIVE=0 TCP_KEEPIDLE=302
	has -1 SO_KEEPALIVE=1 TCP_KEEPIDLE=15 TCP_KEEPCNT=4
}

@test "force: getsockopt() tells the value in force at once" {
	run -0 preload "$client" "$call" socket c inet stream 0 \
		set c TCP_KEEPIDLE 300 get c TCP_KEEPIDLE
	[ "${lines[-1]}" = TCP_KEEPIDLE=15 ]
}

@test "force: works with each object alone, and with both in either order" {
	local objects
	for objects in "$client" "$listen" "$both" "$listen:$client"; do
		run -0 preload "$objects" "$call" "${pair[@]}" \
			set a TCP_KEEPIDLE 300 get a TCP_KEEPIDLE \
			set c TCP_KEEPIDLE 300 get c TCP_KEEPIDLE
		[ "${lines[-3]}" = TCP_KEEPIDLE=15 ]
		[ "${lines[-1]}" = TCP_KEEPIDLE=15 ]
	done
}

@test "force: works with all three vocabularies, at connect() and socket() time" {
	local variable
	for variable in TCP_KEEPIDLE KEEPIDLE DD_TCP_KEEPALIVE_TIME; do
		for KEEPALIVE in force force,socket SOCKET,FORCE; do
			run -0 env "$variable=20" LD_PRELOAD="$client" "$call" \
				socket c inet stream 0 connect c 127.0.0.1:1 \
				set c TCP_KEEPIDLE 300 get c TCP_KEEPIDLE
			[ "${lines[-1]}" = TCP_KEEPIDLE=20 ]
		done
	done
}

@test "force: DD_EVAL_ENVIRONMENT_ONCE=0 reads it, and the values, at every call" {
	KEEPALIVE='' DD_EVAL_ENVIRONMENT_ONCE=0 DD_TCP_KEEPALIVE_TIME=20 \
		run -0 preload "$client" "$call" socket c inet stream 0 \
		set c TCP_KEEPIDLE 300 get c TCP_KEEPIDLE \
		setenv KEEPALIVE force set c TCP_KEEPIDLE 300 get c TCP_KEEPIDLE \
		setenv DD_TCP_KEEPALIVE_TIME 30 \
		set c TCP_KEEPIDLE 300 get c TCP_KEEPIDLE
	[ "$(grep '^TCP_' <<<"$output" | paste -sd ' ')" = \
		"TCP_KEEPIDLE=300 TCP_KEEPIDLE=20 TCP_KEEPIDLE=30" ]
}

@test "force: a user timeout that is derived is derived again" {
	TCP_KEEPIDLE=0 run -0 preload "$client" "$call" socket c inet stream 0 \
		set c TCP_KEEPIDLE 100 set c TCP_USER_TIMEOUT 7 \
		get c TCP_USER_TIMEOUT
	[ "${lines[-1]}" = TCP_USER_TIMEOUT=$(((100 + 15 * 9) * 1000)) ]
}

@test "force: options that are 0 here, and those it does not know, stay the program's" {
	TCP_KEEPIDLE=0 run -0 preload "$both" "$call" "${pair[@]}" \
		set c TCP_KEEPIDLE 300 get c TCP_KEEPIDLE \
		set c TCP_NODELAY 1 get c TCP_NODELAY \
		set c SO_REUSEADDR 1 get c SO_REUSEADDR \
		set s TCP_DEFER_ACCEPT 7 get s TCP_DEFER_ACCEPT
	[ "$(grep -E '^(TCP|SO)_' <<<"$output" | paste -sd ' ')" = \
		"TCP_KEEPIDLE=300 TCP_NODELAY=1 SO_REUSEADDR=1 TCP_DEFER_ACCEPT=7" ]
}

@test "force: MPTCP sockets keep the options that they have" {
	run -0 preload "$client" "$call" socket c inet stream mptcp \
		connect c 127.0.0.1:1 set c TCP_KEEPIDLE 300 \
		set c TCP_USER_TIMEOUT 300 set c SO_KEEPALIVE 0 options c
	[ "$(grep -c '^setsockopt = 0$' <<<"$output")" = 2 ]
	has -1 SO_KEEPALIVE=1 TCP_KEEPIDLE=15
}

@test "force: off wins" {
	KEEPALIVE=force,off run -0 preload "$both" "$call" \
		socket c inet stream 0 set c TCP_KEEPIDLE 300 get c TCP_KEEPIDLE
	[ "${lines[-1]}" = TCP_KEEPIDLE=300 ]
}

@test "force: sockets that are not TCP stay the program's" {
	local kind
	for kind in 'inet dgram 0' 'unix stream 0' 'inet6 dgram 0'; do
		# shellcheck disable=SC2086 # three words
		run -0 preload "$both" "$call" socket c $kind \
			set c SO_KEEPALIVE 0 get c SO_KEEPALIVE \
			set c TCP_KEEPIDLE 300
		has 1 "setsockopt = 0"
		[ "${lines[2]}" = SO_KEEPALIVE=0 ]
		has 3 "setsockopt = -1"
	done
}

@test "force: the program's call fails as it would, and changes nothing" {
	run -0 preload "$both" "$call" "${pair[@]}" \
		set c TCP_KEEPIDLE 0 set c TCP_KEEPIDLE 99999 \
		set c TCP_KEEPCNT -1 set 99 TCP_KEEPIDLE 5 set -1 SO_KEEPALIVE 0 \
		options c
	[ "$(grep '^setsockopt' <<<"$output" | paste -sd ' ')" = \
		"setsockopt = -1 EINVAL setsockopt = -1 EINVAL setsockopt = -1 EINVAL setsockopt = -1 EBADF setsockopt = -1 EBADF" ]
	has -1 "$defaults"
}

# bats test_tags=native
@test "force: bad pointers and short lengths get the kernel's answer" {
	kernel_answers_bad_values
}

@test "force: the program's call goes first, and this library's is one more" {
	run -0 network_calls "$client" "$call" socket c inet stream 0 \
		set c TCP_KEEPIDLE 300 set c TCP_NODELAY 1 set c TCP_KEEPIDLE 0
	[ "$output" = "socket TCP_KEEPIDLE=300 TCP_KEEPIDLE=15 TCP_NODELAY=1 TCP_KEEPIDLE=0!" ]
	run -0 network_calls "$client" "$call" socket c inet stream 0 \
		set c SO_KEEPALIVE 0
	[ "$output" = "socket SO_KEEPALIVE=0 SO_PROTOCOL? SO_TYPE? SO_KEEPALIVE=1" ]
	TCP_KEEPIDLE=0 run -0 network_calls "$client" "$call" \
		socket c inet stream 0 set c TCP_USER_TIMEOUT 1000
	[ "$output" = "socket TCP_USER_TIMEOUT=1000 TCP_KEEPIDLE? TCP_USER_TIMEOUT=7335000" ]
}

@test "force: without the word, setsockopt() costs no system call" {
	KEEPALIVE=socket run -0 network_calls "$both" "$call" \
		socket c unix stream 0 set c SO_KEEPALIVE 0
	[ "$output" = "socket SO_KEEPALIVE=0" ]
}

@test "force: the program's SYN count on a listener is left alone" {
	TCP_SYNCNT=3 run -0 preload "$client" "$call" "${pair[@]}" \
		set s TCP_SYNCNT 9 get s TCP_SYNCNT \
		set c TCP_SYNCNT 9 get c TCP_SYNCNT
	[ "${lines[-3]}" = TCP_SYNCNT=9 ]
	[ "${lines[-1]}" = TCP_SYNCNT=3 ]
}

@test "force: the program's defer accept is kept on its own listener alone" {
	TCP_DEFER_ACCEPT=31 run -0 preload "$listen" "$call" \
		socket s inet stream 0 bind s 127.0.0.1:0 listen s \
		set s TCP_DEFER_ACCEPT 1 get s TCP_DEFER_ACCEPT \
		socket c inet stream 0 set c TCP_DEFER_ACCEPT 1 \
		get c TCP_DEFER_ACCEPT
	[ "${lines[4]}" = TCP_DEFER_ACCEPT=31 ]
	[ "${lines[-1]}" = TCP_DEFER_ACCEPT=1 ]
	# A client gets the number of a listener that was closed.
	TCP_DEFER_ACCEPT=31 run -0 preload "$listen" "$call" \
		socket s inet stream 0 bind s 127.0.0.1:0 listen s close s \
		socket c inet stream 0 set c TCP_DEFER_ACCEPT 1 \
		get c TCP_DEFER_ACCEPT
	has 3 "${lines[0]}"
	[ "${lines[-1]}" = TCP_DEFER_ACCEPT=1 ]
	# A number beyond those by which listeners are known.
	takes_descriptors 3001
	TCP_DEFER_ACCEPT=31 run -0 preload "$listen" "$call" \
		socket l inet stream 0 bind l 127.0.0.1:0 dup2 s l 3000 \
		listen s set s TCP_DEFER_ACCEPT 1 get s TCP_DEFER_ACCEPT
	[ "${lines[-1]}" = TCP_DEFER_ACCEPT=1 ]
}

@test "force: debug names each value that was replaced" {
	LIBKEEPALIVE_DEBUG=1 run -0 --separate-stderr preload "$client" "$call" \
		socket c inet stream 0 set c TCP_KEEPIDLE 300 \
		set c TCP_KEEPIDLE 15 set c TCP_NODELAY 1
	[ "$(grep -c setsockopt <<<"$stderr")" = 1 ]
	[[ $stderr == *"libkeepalive.so: setsockopt(3): set in place of 300: TCP_KEEPIDLE=15" ]]
	TCP_KEEPIDLE=0 LIBKEEPALIVE_DEBUG=1 run -0 --separate-stderr \
		preload "$client" "$call" socket c inet stream 0 \
		set c TCP_USER_TIMEOUT 1000 set c TCP_USER_TIMEOUT 7335000
	[ "$(grep -c setsockopt <<<"$stderr")" = 1 ]
	[[ $stderr == *"libkeepalive.so: setsockopt(3): set in place of 1000: TCP_USER_TIMEOUT=7335000" ]]
}

@test "force: debug does not claim a value that the kernel refused" {
	LIBKEEPALIVE_DEBUG=1 run -0 --separate-stderr strace -qq \
		-o "$BATS_TEST_TMPDIR/trace" -e trace=setsockopt \
		-e inject=setsockopt:error=EPERM:when=2 \
		-E LD_PRELOAD="$client" "$call" socket c inet stream 0 \
		set c TCP_KEEPIDLE 300 get c TCP_KEEPIDLE
	has -1 TCP_KEEPIDLE=300
	[ "${stderr_lines[-1]}" = "libkeepalive:setsockopt(TCP_KEEPIDLE, 15): error 1" ]
}

@test "force: a refusal costs no question" {
	run -0 network_calls "$client" -e inject=setsockopt:error=EPERM:when=2 \
		"$call" socket c inet stream 0 set c TCP_KEEPIDLE 300
	[ "$output" = "socket TCP_KEEPIDLE=300 TCP_KEEPIDLE=15!" ]
}

@test "force: the calls that another object makes during this library's own" {
	local objects
	for objects in "$client" "$both"; do
		INTERPOSER_SETS=1 run -0 preload "$objects:$early_interposer" \
			"$call" socket c inet stream 0 connect c 127.0.0.1:1 \
			get 4 SO_KEEPALIVE get c SO_KEEPALIVE
		[ "${lines[-2]}" = SO_KEEPALIVE=1 ]
		[ "${lines[-1]}" = SO_KEEPALIVE=1 ]
	done
}

@test "force: an option of level 0 and number 0 is like any that is unknown" {
	LIBKEEPALIVE_DEBUG=1 run -0 --separate-stderr strace -qq \
		-o "$BATS_TEST_TMPDIR/trace" -e trace=setsockopt,getsockopt \
		-e inject=setsockopt:retval=0 -E LD_PRELOAD="$client" \
		"$call" socket c inet stream 0 set c NO_OPTION 1
	[ "${lines[-1]}" = "setsockopt = 0" ]
	[[ $stderr != *"in place of"* ]]
	[ "$(wc -l <"$BATS_TEST_TMPDIR/trace")" = 1 ]
}

# bats test_tags=glibc
@test "force: is ignored in secure-execution mode" {
	takes_root
	chmod 755 "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR"
	install -m 755 "$client" "$BATS_TEST_TMPDIR"
	install -m 4755 "$call" "$BATS_TEST_TMPDIR/set-user-id"
	run -0 whole_system "$BATS_TEST_TMPDIR/libkeepalive.so" \
		setpriv --reuid 65534 --regid 65534 --clear-groups \
		"$BATS_TEST_TMPDIR/set-user-id" socket c inet stream 0 \
		connect c 127.0.0.1:1 set c TCP_KEEPIDLE 300 options c
	has -1 SO_KEEPALIVE=1 TCP_KEEPIDLE=300 TCP_KEEPINTVL=15
}
