# libkeepalive.so: connections that a program opens.
# Each test is a subshell (SC2030, SC2031).
# shellcheck disable=SC2030,SC2031
load common

# A connection to a port where nobody listens: its failure is the kernel's.
to_nobody=(socket c inet stream 0 connect c 127.0.0.1:1)
refused='connect = -1 ECONNREFUSED'

# What the defaults take: one system call for each option.
set_defaults='TCP_KEEPIDLE=15 TCP_KEEPINTVL=15 TCP_KEEPCNT=9 TCP_USER_TIMEOUT=150000 SO_KEEPALIVE=1'

@test "connect: an IPv4 socket gets the defaults" {
	run -0 preload "$client" "$call" \
		socket s inet stream 0 bind s 127.0.0.1:0 listen s \
		socket c inet stream 0 connect c s options c
	has -1 "$defaults"
}

@test "connect: an IPv6 socket gets the defaults" {
	run -0 preload "$client" "$call" \
		socket s inet6 stream 0 bind s '[::1]:0' listen s \
		socket c inet6 stream 0 connect c s options c
	has -1 "$defaults"
}

@test "connect: an MPTCP socket gets the options that it has" {
	run -0 preload "$client" "$call" \
		socket s inet stream mptcp bind s 127.0.0.1:0 listen s \
		socket c inet stream mptcp connect c s options c
	has -1 "${defaults% *}" TCP_USER_TIMEOUT=EOPNOTSUPP
}

@test "connect: an MPTCP socket that refuses every option gets SO_KEEPALIVE" {
	# As those of older kernels do.
	TCP_KEEPIDLE=0 TCP_KEEPINTVL=0 TCP_KEEPCNT=0 TCP_USER_TIMEOUT=5000 \
		TCP_SYNCNT=3 run -0 network_calls "$client" "$call" \
		socket c inet stream mptcp connect c 127.0.0.1:1
	[ "$output" = "socket TCP_USER_TIMEOUT=5000! SO_PROTOCOL? TCP_SYNCNT=3! SO_KEEPALIVE=1 connect" ]
}

@test "connect: a socket that does not block gets the defaults" {
	run -0 preload "$client" "$call" \
		socket s inet stream 0 bind s 127.0.0.1:0 listen s \
		socket c inet stream+nonblock 0 connect c s options c
	has 4 "connect = -1 EINPROGRESS"
	has -1 "$defaults"
}

@test "connect: each default costs one system call, and nothing else is called" {
	run -0 network_calls "$client" "$call" "${to_nobody[@]}"
	[ "$output" = "socket $set_defaults connect" ]
}

@test "connect: sets all options in their order, SO_KEEPALIVE last" {
	export TCP_KEEPIDLE=1 TCP_KEEPINTVL=2 TCP_KEEPCNT=3 TCP_USER_TIMEOUT=4 \
		TCP_MAXSEG=500 TCP_WINDOW_CLAMP=6000 TCP_SYNCNT=7 \
		TCP_DEFER_ACCEPT=8
	local all='TCP_KEEPIDLE=1 TCP_KEEPINTVL=2 TCP_KEEPCNT=3 TCP_USER_TIMEOUT=4 TCP_MAXSEG=500 TCP_WINDOW_CLAMP=6000'

	run -0 network_calls "$client" "$call" "${to_nobody[@]}"
	[ "$output" = "socket $all TCP_SYNCNT=7 SO_KEEPALIVE=1 connect" ]
	KEEPALIVE=socket run -0 network_calls "$client" "$call" \
		"${to_nobody[@]}"
	[ "$output" = "socket $all SO_KEEPALIVE=1 TCP_SYNCNT=7 connect" ]
}

@test "connect: with all values 0 only SO_KEEPALIVE is set" {
	TCP_KEEPIDLE=0 TCP_KEEPINTVL=0 TCP_KEEPCNT=0 TCP_USER_TIMEOUT=0 \
		run -0 network_calls "$client" "$call" "${to_nobody[@]}"
	[ "$output" = "socket SO_PROTOCOL? SO_TYPE? SO_KEEPALIVE=1 connect" ]
}

@test "connect: values that the program set before are replaced, 0 keeps them" {
	TCP_KEEPINTVL=0 run -0 preload "$client" "$call" \
		socket c inet stream 0 set c TCP_KEEPIDLE 60 \
		set c TCP_KEEPINTVL 70 connect c 127.0.0.1:1 options c
	has -1 TCP_KEEPIDLE=15 TCP_KEEPINTVL=70
}

@test "connect: a socket that is not TCP costs two questions and stays as it was" {
	local kind
	for kind in 'inet dgram 0' 'inet6 dgram 0' 'inet dgram udp' \
		'unix stream 0' 'unix dgram 0' 'unix seqpacket 0' \
		'netlink raw 0'; do
		echo "$kind"
		# shellcheck disable=SC2086 # three words
		run -0 network_calls "$client" "$call" \
			socket c $kind connect c 127.0.0.1:1
		[ "$output" = "socket TCP_KEEPIDLE=15! SO_PROTOCOL? connect" ]
		# shellcheck disable=SC2086
		run -0 preload "$client" "$call" \
			socket c $kind connect c 127.0.0.1:1 get c SO_KEEPALIVE
		has -1 SO_KEEPALIVE=0
	done
}

@test "socket: descriptor 0 is one like any other" {
	KEEPALIVE=socket run -0 preload "$client" "$call" close 0 \
		socket c inet stream 0 options 0
	has 0 "socket = 0"
	has -1 "$defaults"
}

@test "socket: a stream of another protocol is not TCP" {
	local family
	for family in inet inet6; do
		KEEPALIVE=socket run -0 preload "$client:$early_interposer" \
			"$call" socket c $family stream 132 get c SO_KEEPALIVE
		has 0 "socket = 3"
		has -1 SO_KEEPALIVE=0
	done
}

@test "socket: what the next definition makes in place of TCP is left alone" {
	KEEPALIVE=socket run -0 preload "$client:$early_interposer" \
		"$call" socket c inet stream mptcp get c SO_KEEPALIVE
	has 0 "socket = 3"
	has -1 SO_KEEPALIVE=0
}

@test "connect: a raw socket is not TCP, not even of protocol TCP" {
	run -0 alone network_calls "$client" "$call" \
		socket c inet raw icmp connect c 127.0.0.1:0
	[ "$output" = "socket TCP_KEEPIDLE=15! SO_PROTOCOL? connect" ]
	run -0 alone network_calls "$client" "$call" \
		socket c inet raw tcp connect c 127.0.0.1:0
	[ "$output" = "socket TCP_KEEPIDLE=15! SO_PROTOCOL? SO_TYPE? connect" ]
}

@test "connect: a socket is asked once, when its first option is refused" {
	run -0 network_calls "$client" -e inject=setsockopt:error=EPERM:when=1..2 \
		"$call" "${to_nobody[@]}"
	[ "$output" = "socket TCP_KEEPIDLE=15! SO_PROTOCOL? SO_TYPE? TCP_KEEPINTVL=15! TCP_KEEPCNT=9 TCP_USER_TIMEOUT=150000 SO_KEEPALIVE=1 connect" ]
	run -0 network_calls "$client" -e inject=setsockopt:error=EPERM:when=2..3 \
		"$call" "${to_nobody[@]}"
	[ "$output" = "socket TCP_KEEPIDLE=15 TCP_KEEPINTVL=15! TCP_KEEPCNT=9! TCP_USER_TIMEOUT=150000 SO_KEEPALIVE=1 connect" ]
}

@test "connect: a socket that refuses a derived user timeout alone is not TCP" {
	export TCP_KEEPIDLE=0 TCP_KEEPINTVL=0 TCP_KEEPCNT=0
	run -0 network_calls "$client" "$call" \
		socket c inet dgram 0 connect c 127.0.0.1:1
	[ "$output" = "socket TCP_KEEPIDLE? TCP_USER_TIMEOUT=-1! SO_PROTOCOL? connect" ]
	run -0 preload "$client" "$call" \
		socket c inet dgram 0 connect c 127.0.0.1:1 get c SO_KEEPALIVE
	has -1 SO_KEEPALIVE=0
}

@test "connect: nobody is asked after the last option, though it was refused" {
	KEEPALIVE=socket TCP_SYNCNT=3 run -0 network_calls "$client" "$call" \
		socket c inet dgram 0 connect c 127.0.0.1:1
	[ "$output" = "socket TCP_SYNCNT=3! connect" ]
	TCP_KEEPIDLE=0 TCP_KEEPINTVL=0 TCP_KEEPCNT=0 TCP_USER_TIMEOUT=0 \
		run -0 network_calls "$client" -e inject=setsockopt:error=EPERM \
		"$call" "${to_nobody[@]}"
	[ "$output" = "socket SO_PROTOCOL? SO_TYPE? SO_KEEPALIVE=1! connect" ]
}

@test "connect: a socket that is not TCP stays as it was with all values 0" {
	export TCP_KEEPIDLE=0 TCP_KEEPINTVL=0 TCP_KEEPCNT=0 TCP_USER_TIMEOUT=0
	run -0 network_calls "$client" "$call" \
		socket c inet dgram 0 connect c 127.0.0.1:1
	[ "$output" = "socket SO_PROTOCOL? connect" ]
	run -0 network_calls "$client" "$call" \
		socket c unix stream 0 connect c @nobody
	[ "$output" = "socket SO_PROTOCOL? connect" ]
}

@test "connect: errno and result are the call's own" {
	run -0 preload "$client" "$call" \
		socket s inet stream mptcp bind s 127.0.0.1:0 listen s \
		socket c inet stream mptcp connect c s \
		socket u inet dgram 0 connect u 127.0.0.1:1 \
		socket r inet stream 0 connect r 127.0.0.1:1 connect -1 s
	[ "${lines[4]}" = "connect = 0" ]
	[ "${lines[6]}" = "connect = 0" ]
	[ "${lines[8]}" = "$refused" ]
	[ "${lines[9]}" = "connect = -1 EBADF" ]
}

@test "connect: the program's listeners and what they accept are left alone" {
	run -0 preload "$client" "$call" \
		socket s inet stream 0 bind s 127.0.0.1:0 listen s \
		socket c inet stream 0 connect c s accept a s \
		options s options a
	has -1 "$untouched"
	has -2 "$untouched"
}

@test "connect: is prepared before this library's constructor has run" {
	EARLY="${to_nobody[*]} options c" \
		run -0 preload "$client:$early" "$call" print started
	[ "${lines[1]}" = "$refused" ]
	has 2 "$defaults"
	[ "${lines[3]}" = started ]
}

@test "connect: reads the environment in full before the constructor has run" {
	TCP_KEEPIDLE=20 TCP_SYNCNT=5 KEEPALIVE=socket \
		EARLY="socket c inet stream 0 get c TCP_KEEPIDLE connect c 127.0.0.1:1 get c TCP_SYNCNT" \
		run -0 preload "$client:$early" "$call" print started
	[ "${lines[1]}" = TCP_KEEPIDLE=20 ]
	[ "${lines[3]}" = TCP_SYNCNT=5 ]
	KEEPALIVE=off EARLY="${to_nobody[*]} options c" \
		run -0 preload "$client:$early" "$call" print started
	has 2 "$untouched"
}

@test "socket: does nothing where the time is connect()" {
	run -0 network_calls "$client" "$call" socket c inet stream 0
	[ "$output" = socket ]
}

@test "socket: at socket() time, sets all but SYN count, which connect() sets" {
	KEEPALIVE=socket TCP_SYNCNT=3 run -0 network_calls "$client" "$call" \
		"${to_nobody[@]}"
	[ "$output" = "socket $set_defaults TCP_SYNCNT=3 connect" ]
	KEEPALIVE=socket run -0 network_calls "$client" "$call" \
		"${to_nobody[@]}"
	[ "$output" = "socket $set_defaults connect" ]
}

@test "socket: at socket() time, every kind of TCP socket gets the defaults" {
	local family type protocol
	export KEEPALIVE=socket
	for family in inet inet6; do
		for type in stream stream+nonblock stream+cloexec \
			stream+nonblock+cloexec; do
			for protocol in 0 tcp; do
				echo "$family $type $protocol"
				run -0 preload "$client" "$call" \
					socket c $family $type $protocol options c
				has 0 "socket = "
				has -1 "$defaults"
			done
		done
		run -0 preload "$client" "$call" \
			socket c $family stream mptcp options c
		has -1 "${defaults% *}"
	done
}

@test "socket: at socket() time, no other kind of socket costs a system call" {
	local kind
	export KEEPALIVE=socket
	for kind in 'inet dgram 0' 'inet raw tcp' 'inet raw icmp' \
		'inet6 raw tcp' 'inet stream 132' 'inet seqpacket 132' \
		'unix stream 0' 'unix seqpacket 0' 'netlink raw 0' \
		'packet raw 0' 'inet seqpacket 0' 'inet 9 0'; do
		echo "$kind"
		# shellcheck disable=SC2086 # three words
		run -0 network_calls "$client" "$call" socket c $kind
		[ "$output" = socket ]
	done
}

@test "socket: at socket() time, listeners and what they accept get the options" {
	KEEPALIVE=socket run -0 preload "$client" "$call" \
		socket s inet stream 0 bind s 127.0.0.1:0 listen s \
		socket c inet stream 0 connect c s accept a s \
		options s options a
	has -1 "$defaults"
	has -2 "$defaults"
}

@test "socket: errno and result are the call's own" {
	KEEPALIVE=socket run -0 preload "$client" "$call" \
		socket m inet stream mptcp socket n inet 77 0
	[[ ${lines[0]} =~ ^socket\ =\ [0-9]+$ ]]
	[ "${lines[1]}" = "socket = -1 EINVAL" ]
}

# bats test_tags=as-built,native
@test "each call fails with ENOSYS where nobody else defines it" {
	# The C library stands first, and nothing behind this library.
	LD_PRELOAD=libc.so.6:$client run -0 \
		python3 "$top/test/helpers/call_of.py" "$client" \
		connect socket setsockopt
	[ "$output" = "connect = -1 ENOSYS
socket = -1 ENOSYS
setsockopt = -1 ENOSYS" ]
}

nc_pair() { # FAMILY ADDRESS OBJECTS-OF-THE-SERVER OBJECTS-OF-THE-CLIENT
	LD_PRELOAD=$3 nc "$1" -k -l 9090 &
	local server=$!
	await listening 9090
	LD_PRELOAD=$4 nc "$2" 9090 &
	local client=$!
	await accepted 9090
	for pid in $server $client; do
		"$sockets" "$pid"
	done
	ss -Htno state established
}

# bats test_tags=native
@test "nc: client only, over IPv4 and IPv6" {
	local family
	for family in '-4 127.0.0.1' '-6 ::1'; do
		# shellcheck disable=SC2086 # two words
		run -0 alone nc_pair $family "" "$client"
		[ "${#lines[@]}" = 5 ]
		has 0 state=LISTEN "$untouched"
		has 1 state=ESTAB "$untouched"
		has 2 state=ESTAB "$defaults"
		[ "$(grep -c 'timer:(keepalive,1[0-5]sec' <<<"$output")" = 1 ]
	done
}

# bats test_tags=native
@test "nc: server only, over IPv4 and IPv6" {
	local family
	for family in '-4 127.0.0.1' '-6 ::1'; do
		# shellcheck disable=SC2086 # two words
		run -0 alone nc_pair $family "$listen" ""
		has 0 state=LISTEN "$defaults"
		has 1 state=ESTAB "$defaults"
		has 2 state=ESTAB "$untouched"
		[ "$(grep -c 'timer:(keepalive,1[0-5]sec' <<<"$output")" = 1 ]
	done
}

# bats test_tags=native
@test "nc: both, in either order of the objects" {
	local objects
	for objects in "$client:$listen" "$listen:$client"; do
		run -0 alone nc_pair -4 127.0.0.1 "$objects" "$objects"
		has 0 state=LISTEN "$defaults"
		has 1 state=ESTAB "$defaults"
		has 2 state=ESTAB "$defaults"
		[ "$(grep -c 'timer:(keepalive,1[0-5]sec' <<<"$output")" = 2 ]
	done
}

# bats test_tags=native
@test "nc: strace shows what each object adds to its calls" {
	run -0 alone nc_traced
	has 0 "socket $set_defaults connect"
	has 1 "bind SO_ACCEPTCONN? $set_defaults listen accept4"
}

nc_traced() {
	network_calls "$listen" nc -N -l 9090 >"$BATS_TEST_TMPDIR/server" &
	await listening 9090
	(BATS_TEST_TMPDIR=$BATS_RUN_TMPDIR network_calls "$client" \
		nc -N 127.0.0.1 9090)
	wait
	cat "$BATS_TEST_TMPDIR/server"
}

unanswered() { # the other end of the cable has no address
	ip link add near type veth peer name far
	ip address add 192.0.2.1/24 dev near
	ip neighbour add 192.0.2.2 lladdr 02:00:00:00:00:02 dev near
	ip link set near up
	ip link set far up
	LD_PRELOAD=$client timeout 60 nc -v 192.0.2.2 80
}

# bats test_tags=native
@test "nc: TCP_USER_TIMEOUT=5000 gives up on an address that does not answer" {
	SECONDS=0
	# Without it nc waits for two minutes.
	TCP_USER_TIMEOUT=5000 run -1 alone unanswered
	[[ $output == *"Connection timed out"* ]]
	[ "$SECONDS" -ge 4 ] && [ "$SECONDS" -lt 30 ]
}
