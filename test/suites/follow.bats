# Without force: a derived user timeout follows the times that a program sets.
# Each test is a subshell (SC2030, SC2031).
# shellcheck disable=SC2030,SC2031
load common

pair=(socket s inet stream 0 bind s 127.0.0.1:0 listen s
	socket c inet stream 0 connect c s accept a s)
to_nobody=(socket c inet stream 0 connect c 127.0.0.1:1)

# What the system calls of a change are: questions, the program's own call
# (OPTION=VALUE), a question again.
asked='TCP_USER_TIMEOUT? TCP_KEEPIDLE? TCP_KEEPINTVL? TCP_KEEPCNT?'

set_defaults='TCP_KEEPIDLE=15 TCP_KEEPINTVL=15 TCP_KEEPCNT=9 TCP_USER_TIMEOUT=150000 SO_KEEPALIVE=1'

# user_timeouts OBJECTS CALL...: what "get ... TCP_USER_TIMEOUT" printed.
user_timeouts() {
	preload "$1" "$call" "${@:2}" |
		sed -n 's/^TCP_USER_TIMEOUT=//p' | paste -sd ' '
}

@test "follow: each change by the program after connect() and accept(), in all orders" {
	local objects end
	for objects in "$both" "$listen:$client"; do
		for end in c a; do
			run -0 user_timeouts "$objects" "${pair[@]}" \
				set $end TCP_KEEPIDLE 300 \
				get $end TCP_USER_TIMEOUT \
				set $end TCP_KEEPINTVL 100 \
				get $end TCP_USER_TIMEOUT \
				set $end TCP_KEEPCNT 3 \
				get $end TCP_USER_TIMEOUT \
				set $end TCP_KEEPIDLE 60 \
				get $end TCP_USER_TIMEOUT
			[ "$output" = "435000 1200000 600000 360000" ]
		done
	done
}

@test "follow: with one object, the ends that it has prepared" {
	run -0 user_timeouts "$client" "${pair[@]}" set c TCP_KEEPIDLE 300 \
		get c TCP_USER_TIMEOUT set a TCP_KEEPIDLE 300 \
		get a TCP_USER_TIMEOUT
	[ "$output" = "435000 0" ]
	run -0 user_timeouts "$listen" "${pair[@]}" set c TCP_KEEPIDLE 300 \
		get c TCP_USER_TIMEOUT set a TCP_KEEPIDLE 300 \
		get a TCP_USER_TIMEOUT
	[ "$output" = "0 435000" ]
}

@test "follow: a listener's user timeout, which accepted connections inherit" {
	run -0 user_timeouts "$listen" socket s inet stream 0 \
		bind s 127.0.0.1:0 listen s set s TCP_KEEPIDLE 300 \
		get s TCP_USER_TIMEOUT socket c inet stream 0 connect c s \
		accept a s get a TCP_USER_TIMEOUT
	[ "$output" = "435000 435000" ]
}

@test "follow: connections of an inherited listener" {
	run -0 user_timeouts "" socket s inet stream 0 bind s 127.0.0.1:0 \
		listen s socket c inet stream 0 connect c s \
		exec env LD_PRELOAD="$listen" "$call" accept a 3 \
		get a TCP_USER_TIMEOUT set a TCP_KEEPIDLE 300 \
		get a TCP_USER_TIMEOUT
	[ "$output" = "150000 435000" ]
}

@test "follow: at socket() time, before connect()" {
	KEEPALIVE=socket run -0 user_timeouts "$client" socket c inet stream 0 \
		set c TCP_KEEPIDLE 300 connect c 127.0.0.1:1 \
		get c TCP_USER_TIMEOUT
	[ "$output" = 435000 ]
}

@test "follow: in all three vocabularies, where -1 is in force" {
	local variable
	for variable in TCP_KEEPIDLE KEEPIDLE DD_TCP_KEEPALIVE_TIME; do
		TCP_USER_TIMEOUT=-1 TCP_KEEPINTVL=15 TCP_KEEPCNT=9 run -0 \
			env "$variable=20" LD_PRELOAD="$client" "$call" \
			"${to_nobody[@]}" get c TCP_USER_TIMEOUT \
			set c TCP_KEEPIDLE 300 get c TCP_USER_TIMEOUT
		[ "${lines[2]} ${lines[4]}" = \
			"TCP_USER_TIMEOUT=155000 TCP_USER_TIMEOUT=435000" ]
	done
	# It is not, where an older library's variable stands alone.
	KEEPIDLE=20 run -0 network_calls "$client" "$call" "${to_nobody[@]}" \
		set c TCP_KEEPIDLE 300
	[ "$output" = "socket TCP_KEEPIDLE=20 SO_KEEPALIVE=1 connect TCP_KEEPIDLE=300" ]
}

@test "follow: where the socket's values stood in for those that are 0" {
	TCP_KEEPIDLE=0 TCP_KEEPCNT=0 run -0 user_timeouts "$client" \
		"${to_nobody[@]}" get c TCP_USER_TIMEOUT \
		set c TCP_KEEPIDLE 300 get c TCP_USER_TIMEOUT \
		set c TCP_KEEPCNT 2 get c TCP_USER_TIMEOUT
	[ "$output" = "7335000 435000 330000" ]
}

@test "follow: DD_EVAL_ENVIRONMENT_ONCE=0 decides at every call" {
	DD_EVAL_ENVIRONMENT_ONCE=0 TCP_USER_TIMEOUT=-1 run -0 user_timeouts \
		"$client" "${to_nobody[@]}" set c TCP_KEEPIDLE 300 \
		get c TCP_USER_TIMEOUT setenv TCP_USER_TIMEOUT 9000 \
		set c TCP_KEEPIDLE 400 get c TCP_USER_TIMEOUT
	[ "$output" = "975000 975000" ]
}

@test "follow: before this library's constructor has run" {
	EARLY="${to_nobody[*]} set c TCP_KEEPIDLE 300 get c TCP_USER_TIMEOUT" \
		run -0 preload "$client:$early" "$call" print started
	[ "${lines[-2]}" = TCP_USER_TIMEOUT=435000 ]
}

@test "follow: a sum beyond the largest user timeout is that, there and back" {
	run -0 user_timeouts "$client" "${to_nobody[@]}" \
		set c TCP_KEEPINTVL 32767 set c TCP_KEEPCNT 127 \
		get c TCP_USER_TIMEOUT set c TCP_KEEPCNT 1 \
		get c TCP_USER_TIMEOUT
	[ "$output" = "2147483647 $(((15 + 32767) * 1000))" ]
}

@test "follow: a user timeout that the program set stays" {
	run -0 user_timeouts "$both" "${pair[@]}" \
		set c TCP_USER_TIMEOUT 30000 set c TCP_KEEPIDLE 300 \
		get c TCP_USER_TIMEOUT set c TCP_USER_TIMEOUT 0 \
		set c TCP_KEEPIDLE 200 get c TCP_USER_TIMEOUT \
		set a TCP_USER_TIMEOUT 200000 set a TCP_KEEPINTVL 20 \
		get a TCP_USER_TIMEOUT
	[ "$output" = "30000 0 200000" ]
}

# As py-amqp does, in the order of a Python set.
@test "follow: times and a user timeout that the program set stay, in any order" {
	local all=('set c TCP_KEEPIDLE 60' 'set c TCP_KEEPINTVL 10'
		'set c TCP_KEEPCNT 9' 'set c TCP_USER_TIMEOUT 1000') at
	for at in '0 1 2 3' '3 0 1 2' '0 3 1 2' '2 1 3 0'; do
		# shellcheck disable=SC2046
		set -- $(for i in $at; do echo "${all[i]}"; done)
		run -0 preload "$client" "$call" "${to_nobody[@]}" "$@" options c
		has -1 TCP_KEEPIDLE=60 TCP_KEEPINTVL=10 TCP_KEEPCNT=9 \
			TCP_USER_TIMEOUT=1000
		KEEPALIVE=force run -0 preload "$client" "$call" \
			"${to_nobody[@]}" "$@" options c
		has -1 "$defaults"
	done
}

# After the call these sockets are the same: who asks only then, cannot know.
@test "follow: two sockets that differ before the program's call alone" {
	run -0 user_timeouts "$client" \
		"${to_nobody[@]}" set c TCP_KEEPIDLE 100 \
		get c TCP_USER_TIMEOUT set c TCP_KEEPIDLE 60 \
		get c TCP_USER_TIMEOUT \
		"${to_nobody[@]}" set c TCP_USER_TIMEOUT 235000 \
		get c TCP_USER_TIMEOUT set c TCP_KEEPIDLE 60 \
		get c TCP_USER_TIMEOUT
	[ "$output" = "235000 195000 235000 235000" ]
}

@test "follow: asks before the program's call, and sets after it" {
	local objects
	for objects in "$client" "$both" "$listen:$client"; do
		run -0 network_calls "$objects" "$call" "${to_nobody[@]}" \
			set c TCP_KEEPIDLE 300 set c TCP_KEEPINTVL 100 \
			set c TCP_KEEPCNT 3
		[ "${output#*connect }" = "$asked TCP_KEEPIDLE=300 TCP_KEEPIDLE? TCP_USER_TIMEOUT=435000 $asked TCP_KEEPINTVL=100 TCP_KEEPINTVL? TCP_USER_TIMEOUT=1200000 $asked TCP_KEEPCNT=3 TCP_KEEPCNT? TCP_USER_TIMEOUT=600000" ]
	done
}

@test "follow: what an object sets itself does not concern the other" {
	local objects
	for objects in "$both" "$listen:$client"; do
		run -0 network_calls "$objects" "$call" \
			socket s inet stream 0 bind s 127.0.0.1:0 listen s \
			"${to_nobody[@]}" connect c 127.0.0.1:1
		[ "$output" = "socket bind SO_ACCEPTCONN? $set_defaults listen socket $set_defaults connect $set_defaults connect" ]
		KEEPALIVE=force run -0 network_calls "$objects" "$call" \
			"${to_nobody[@]}"
		[ "$output" = "socket $set_defaults connect" ]
	done
}

@test "follow: the same value again changes nothing" {
	run -0 network_calls "$client" "$call" "${to_nobody[@]}" \
		set c TCP_KEEPIDLE 15
	[ "${output#*connect }" = "$asked TCP_KEEPIDLE=15 TCP_KEEPIDLE?" ]
}

@test "follow: a socket without a user timeout costs one question" {
	run -0 network_calls "$both" "$call" socket c inet stream 0 \
		set c TCP_KEEPIDLE 300 socket m inet stream mptcp \
		set m TCP_KEEPIDLE 300 socket u inet dgram 0 \
		set u TCP_KEEPIDLE 300
	[ "$output" = "socket TCP_USER_TIMEOUT? TCP_KEEPIDLE=300 socket TCP_USER_TIMEOUT? TCP_KEEPIDLE=300 socket TCP_USER_TIMEOUT? TCP_KEEPIDLE=300!" ]
}

@test "follow: every other option costs nothing, nor does any where nothing is derived" {
	run -0 network_calls "$both" "$call" socket c inet stream 0 \
		set c TCP_USER_TIMEOUT 300 set c TCP_NODELAY 1 \
		set c SO_KEEPALIVE 1 set c TCP_SYNCNT 3 set c SO_REUSEADDR 1
	[ "$output" = "socket TCP_USER_TIMEOUT=300 TCP_NODELAY=1 SO_KEEPALIVE=1 TCP_SYNCNT=3 SO_REUSEADDR=1" ]
	local variable
	for variable in KEEPALIVE=off TCP_USER_TIMEOUT=150000 \
		TCP_USER_TIMEOUT=0; do
		run -0 env "$variable" bash -c "$(declare -f network_calls)
			BATS_TEST_TMPDIR='$BATS_TEST_TMPDIR'
			network_calls \"\$@\"" network_calls "$both" "$call" \
			"${to_nobody[@]}" set c TCP_KEEPIDLE 300
		[ "${output#*connect }" = "TCP_KEEPIDLE=300" ]
	done
	KEEPALIVE=force run -0 network_calls "$client" "$call" \
		"${to_nobody[@]}" set c TCP_KEEPIDLE 300
	[ "${output#*connect }" = "TCP_KEEPIDLE=300 TCP_KEEPIDLE=15" ]
}

@test "follow: the program's call fails as it would, and nothing follows" {
	run -0 preload "$both" "$call" "${to_nobody[@]}" \
		set c TCP_KEEPIDLE 0 set c TCP_KEEPIDLE 99999 \
		set c TCP_KEEPCNT -1 set 99 TCP_KEEPIDLE 5 \
		socket u unix stream 0 set u TCP_KEEPIDLE 5 options c
	[ "$(grep '^setsockopt' <<<"$output" | paste -sd ' ')" = \
		"setsockopt = -1 EINVAL setsockopt = -1 EINVAL setsockopt = -1 EINVAL setsockopt = -1 EBADF setsockopt = -1 EOPNOTSUPP" ]
	has -1 TCP_KEEPIDLE=15 TCP_USER_TIMEOUT=150000
	run -0 network_calls "$client" "$call" "${to_nobody[@]}" \
		set c TCP_KEEPIDLE 0
	[ "${output#*connect }" = "$asked TCP_KEEPIDLE=0!" ]
}

@test "follow: errno is the program's, where questions are refused, too" {
	run -0 preload "$client" "$call" "${to_nobody[@]}" \
		set c TCP_KEEPIDLE 300 socket m inet stream mptcp \
		set m TCP_KEEPIDLE 300
	has 2 "setsockopt = 0"
	has 4 "setsockopt = 0"
	[[ $output != *changed* ]]
	run -0 strace -qq -o "$BATS_TEST_TMPDIR/trace" -e trace=getsockopt \
		-e inject=getsockopt:error=EPERM:when=5+ \
		-E LD_PRELOAD="$client" "$call" "${to_nobody[@]}" \
		set c TCP_KEEPIDLE 300
	has -1 "setsockopt = 0"
	[[ $output != *changed* ]]
	# What was set is not known: the user timeout stays, and no call is made.
	run -0 strace -qq -o "$BATS_TEST_TMPDIR/trace" \
		-e trace=getsockopt,setsockopt \
		-e inject=getsockopt:error=EPERM:when=5 \
		-E LD_PRELOAD="$client" "$call" "${to_nobody[@]}" \
		set c TCP_KEEPIDLE 300 get c TCP_USER_TIMEOUT
	has -1 TCP_USER_TIMEOUT=150000
	[[ $(grep setsockopt "$BATS_TEST_TMPDIR/trace" | tail -n 1) == \
		*"TCP_KEEPIDLE, [300]"* ]]
	# The user timeout is refused.
	run -0 strace -qq -o "$BATS_TEST_TMPDIR/trace" -e trace=setsockopt \
		-e inject=setsockopt:error=EPERM:when=7 \
		-E LD_PRELOAD="$client" "$call" "${to_nobody[@]}" \
		set c TCP_KEEPIDLE 300 get c TCP_USER_TIMEOUT
	has -2 "setsockopt = 0"
	has -1 TCP_USER_TIMEOUT=150000
	[[ $output != *changed* ]]
}

# bats test_tags=native
@test "follow: bad pointers and short lengths get the kernel's answer" {
	kernel_answers_bad_values
}

@test "follow: debug names what was replaced, and a refusal" {
	LIBKEEPALIVE_DEBUG=1 run -0 --separate-stderr preload "$client" "$call" \
		"${to_nobody[@]}" set c TCP_KEEPIDLE 300 \
		set c TCP_KEEPIDLE 300 set c TCP_NODELAY 1
	[ "$(grep -c setsockopt <<<"$stderr")" = 1 ]
	[ "${stderr_lines[-1]}" = "libkeepalive.so: setsockopt(3): derived in place of 150000: TCP_USER_TIMEOUT=435000" ]
	LIBKEEPALIVE_DEBUG=1 run -0 --separate-stderr strace -qq \
		-o "$BATS_TEST_TMPDIR/trace" -e trace=setsockopt \
		-e inject=setsockopt:error=EPERM:when=7 \
		-E LD_PRELOAD="$client" "$call" "${to_nobody[@]}" \
		set c TCP_KEEPIDLE 300 get c TCP_USER_TIMEOUT
	has -1 TCP_USER_TIMEOUT=150000
	[ "${stderr_lines[-1]}" = "libkeepalive:setsockopt(TCP_USER_TIMEOUT, 435000): error 1" ]
}

# bats test_tags=glibc
@test "follow: in secure-execution mode, too" {
	takes_root
	chmod 755 "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR"
	install -m 755 "$client" "$BATS_TEST_TMPDIR"
	install -m 4755 "$call" "$BATS_TEST_TMPDIR/set-user-id"
	TCP_USER_TIMEOUT=0 run -0 whole_system \
		"$BATS_TEST_TMPDIR/libkeepalive.so" \
		setpriv --reuid 65534 --regid 65534 --clear-groups \
		"$BATS_TEST_TMPDIR/set-user-id" "${to_nobody[@]}" \
		set c TCP_KEEPIDLE 300 options c
	has -1 TCP_KEEPIDLE=300 TCP_USER_TIMEOUT=435000
}
