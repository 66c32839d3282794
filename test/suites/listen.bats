# libkeepalive_listen.so: connections that a program accepts.
# Each test is a subshell (SC2030, SC2031).
# shellcheck disable=SC2030,SC2031
load common

# A listener of the program's own, and a connection in its queue.
own=(socket s inet stream 0 bind s 127.0.0.1:0 listen s)
queued=(socket c inet stream 0 connect c s)

# A program that finds somebody else's listener as descriptor 100, where a
# connection waits already. It leaves the library's variables to the program.
foreign=("$call" "${own[@]}" "${queued[@]}" dup2 l s 100
	exec env LD_PRELOAD="$listen" "$call")

set_defaults='TCP_KEEPIDLE=15 TCP_KEEPINTVL=15 TCP_KEEPCNT=9 TCP_USER_TIMEOUT=150000 SO_KEEPALIVE=1'

# called TEXT: what strace saw ends in this.
called() {
	[[ " $output" == *" $1" ]] || {
		echo "$output"
		return 1
	}
}

@test "listen: an IPv4 listener gets the defaults, and so what it accepts" {
	run -0 preload "$listen" "$call" "${own[@]}" options s \
		"${queued[@]}" accept a s options a \
		socket d inet stream 0 connect d s accept4 b s 0 options b
	has 3 "$defaults"
	has 7 "$defaults"
	has -1 "$defaults"
}

@test "listen: an IPv6 listener gets the defaults, and so what it accepts" {
	run -0 preload "$listen" "$call" \
		socket s inet6 stream 0 bind s '[::1]:0' listen s options s \
		socket c inet6 stream 0 connect c s accept a s options a
	has 3 "$defaults"
	has -1 "$defaults"
}

@test "listen: an MPTCP listener gets the options that it has" {
	run -0 preload "$listen" "$call" \
		socket s inet stream mptcp bind s 127.0.0.1:0 listen s \
		options s socket c inet stream mptcp connect c s \
		accept a s options a
	[ "${lines[2]}" = "listen = 0" ]
	has 3 "${defaults% *}"
	[ "${lines[6]%=*}" = "accept " ]
	has -1 "${defaults% *}"
}

@test "listen: costs a question and the options, accept() nothing" {
	run -0 network_calls "$listen" "$call" "${own[@]}" "${queued[@]}" \
		accept a s socket d inet stream 0 connect d s accept4 b s cloexec
	[ "$output" = "socket bind SO_ACCEPTCONN? $set_defaults listen socket getsockname connect accept socket getsockname connect accept4" ]
}

@test "listen: sets all options in their order, SO_KEEPALIVE last" {
	TCP_KEEPIDLE=1 TCP_KEEPINTVL=2 TCP_KEEPCNT=3 TCP_USER_TIMEOUT=4 \
		TCP_MAXSEG=500 TCP_WINDOW_CLAMP=6000 TCP_SYNCNT=7 \
		TCP_DEFER_ACCEPT=8 \
		run -0 network_calls "$listen" "$call" "${own[@]}"
	called "SO_ACCEPTCONN? TCP_KEEPIDLE=1 TCP_KEEPINTVL=2 TCP_KEEPCNT=3 TCP_USER_TIMEOUT=4 TCP_MAXSEG=500 TCP_WINDOW_CLAMP=6000 TCP_DEFER_ACCEPT=8 SO_KEEPALIVE=1 listen"
}

@test "listen: with all values 0 only SO_KEEPALIVE is set" {
	TCP_KEEPIDLE=0 TCP_KEEPINTVL=0 TCP_KEEPCNT=0 TCP_USER_TIMEOUT=0 \
		run -0 network_calls "$listen" "$call" "${own[@]}"
	called "SO_ACCEPTCONN? SO_PROTOCOL? SO_TYPE? SO_KEEPALIVE=1 listen"
}

@test "listen: off costs no system call, and neither does accept()" {
	KEEPALIVE=off run -0 network_calls "$listen" "$call" "${own[@]}" \
		"${queued[@]}" accept a s
	[ "$output" = "socket bind listen socket getsockname connect accept" ]
}

@test "listen: a socket that is not TCP costs two questions and stays as it was" {
	local type
	for type in stream seqpacket; do
		run -0 network_calls "$listen" "$call" \
			socket s unix $type 0 bind s "@$type-$$" listen s
		called "SO_ACCEPTCONN? TCP_KEEPIDLE=15! SO_PROTOCOL? listen"
		run -0 preload "$listen" "$call" \
			socket s unix $type 0 bind s "@$type-$$" listen s \
			socket c unix $type 0 connect c "@$type-$$" \
			accept a s get s SO_KEEPALIVE get a SO_KEEPALIVE
		has -1 SO_KEEPALIVE=0
		has -2 SO_KEEPALIVE=0
	done
	run -0 preload "$listen" "$call" \
		socket s inet dgram 0 listen s get s SO_KEEPALIVE
	[ "${lines[1]}" = "listen = -1 EOPNOTSUPP" ]
	[ "${lines[2]}" = SO_KEEPALIVE=0 ]
}

@test "listen: the program's outgoing connections are left alone" {
	run -0 preload "$listen" "$call" "${own[@]}" "${queued[@]}" options c
	has -1 "$untouched"
}

@test "listen: a second call leaves the listener the program's own" {
	TCP_DEFER_ACCEPT=7 run -0 network_calls "$listen" "$call" "${own[@]}" \
		set s TCP_DEFER_ACCEPT 1 listen s "${queued[@]}"
	called "TCP_DEFER_ACCEPT=1 ${set_defaults% *} TCP_DEFER_ACCEPT=7 SO_KEEPALIVE=1 listen socket getsockname connect"
	run -0 network_calls "$listen" "$call" "${own[@]}" listen s \
		"${queued[@]}" accept a s
	called "connect accept"
}

@test "listen: errno and result are the call's own" {
	run -0 preload "$listen" "$call" \
		socket m inet stream mptcp listen m listen -1 \
		socket u unix stream 0 bind u "@own-$$" listen u
	[ "${lines[1]}" = "listen = 0" ]
	[ "${lines[2]}" = "listen = -1 EBADF" ]
	[ "${lines[-1]}" = "listen = 0" ]
}

@test "listen: is prepared before this library's constructor has run" {
	EARLY="${own[*]} options s" \
		run -0 preload "$listen:$early" "$call" print started
	has 3 "$defaults"
	[ "${lines[4]}" = started ]
}

# bats test_tags=as-built,native
@test "each call fails with ENOSYS where nobody else defines it" {
	# The C library stands first, and nothing behind this library.
	LD_PRELOAD=libc.so.6:$listen run -0 \
		python3 "$top/test/helpers/call_of.py" "$listen" \
		listen accept accept4 setsockopt
	[ "$output" = "listen = -1 ENOSYS
accept = -1 ENOSYS
accept4 = -1 ENOSYS
setsockopt = -1 ENOSYS" ]
}

@test "accept: costs nothing in a forked worker either" {
	run -0 network_calls "$listen" "$call" "${own[@]}" fork "${queued[@]}" \
		accept a s
	called "listen socket getsockname connect accept"
	run -0 preload "$listen" "$call" "${own[@]}" fork "${queued[@]}" \
		accept a s options a
	has -1 "$defaults"
}

@test "accept: descriptor 0 is one like any other" {
	local accepting
	for accepting in 'accept a 7' 'accept4 a 7 cloexec'; do
		# shellcheck disable=SC2086 # words
		run -0 preload "$listen" "$call" "${own[@]}" \
			set s SO_KEEPALIVE 0 set s TCP_KEEPIDLE 99 dup2 x s 7 \
			socket c inet stream 0 connect c s close 0 \
			$accepting options 0
		has -2 "= 0"
		has -1 "$defaults"
	done
}

@test "accept: errno and result are the call's own" {
	run -0 preload "$listen" "$call" \
		socket s inet stream+nonblock 0 bind s 127.0.0.1:0 listen s \
		accept a s accept4 b s 0 accept c -1 \
		socket u unix stream 0 accept d u
	[ "${lines[3]}" = "accept = -1 EAGAIN" ]
	[ "${lines[4]}" = "accept4 = -1 EAGAIN" ]
	[ "${lines[5]}" = "accept = -1 EBADF" ]
	[ "${lines[7]}" = "accept = -1 EINVAL" ]
	# A listener of somebody else's, where options are refused, too.
	run -0 "$call" socket s unix stream 0 bind s "@errno-$$" listen s \
		socket c unix stream 0 connect c "@errno-$$" dup2 l s 100 \
		exec env LD_PRELOAD="$listen" "$call" accept a 100
	[[ ${lines[-1]} =~ ^accept\ =\ [0-9]+$ ]]
}

@test "accept: what waited in an inherited listener's queue gets the defaults" {
	run -0 "${foreign[@]}" accept a 100 options a
	has -1 "$defaults"
	run -0 "${foreign[@]}" accept4 a 100 cloexec options a
	has -1 "$defaults"
}

@test "accept: from an inherited listener, the options are set in their order" {
	TCP_KEEPIDLE=1 TCP_KEEPINTVL=2 TCP_KEEPCNT=3 TCP_USER_TIMEOUT=4 \
		TCP_MAXSEG=500 TCP_WINDOW_CLAMP=6000 TCP_SYNCNT=7 \
		TCP_DEFER_ACCEPT=8 run -0 network_calls "" "${foreign[@]}" \
		accept a 100
	called "connect accept TCP_KEEPIDLE=1 TCP_KEEPINTVL=2 TCP_KEEPCNT=3 TCP_USER_TIMEOUT=4 TCP_WINDOW_CLAMP=6000 SO_KEEPALIVE=1"
}

@test "accept: from an inherited listener, off costs nothing" {
	KEEPALIVE=off run -0 network_calls "" "${foreign[@]}" accept a 100
	called "connect accept"
}

@test "accept: the inherited listener itself is left alone" {
	run -0 "${foreign[@]}" accept a 100 options 100
	has -1 "$untouched"
}

@test "accept: a listener that was received over SCM_RIGHTS is somebody else's" {
	run -0 "$call" "${own[@]}" "${queued[@]}" pair a b pass s a dup2 f b 9 \
		exec env LD_PRELOAD="$listen" "$call" take l 9 accept a l \
		options a
	has -1 "$defaults"
}

@test "accept: a listener that was kept over exec is somebody else's" {
	run -0 network_calls "$listen" "$call" "${own[@]}" "${queued[@]}" \
		dup2 l s 100 exec "$call" accept a 100
	called "connect accept $set_defaults"
}

@test "accept: a listener on which listen() failed is not the program's own" {
	run -0 "${foreign[@]}" listen 101 dup2 l 100 101 accept a 101 options a
	has 5 "listen = -1 EBADF"
	has -1 "$defaults"
}

@test "accept: an inherited UNIX listener's connection stays as it was" {
	local unix=("$call" socket s unix stream 0 bind s "@unix-$$" listen s
		socket c unix stream 0 connect c "@unix-$$" dup2 l s 100
		exec env LD_PRELOAD="$listen" "$call" accept a 100)
	run -0 network_calls "" "${unix[@]}"
	called "accept TCP_KEEPIDLE=15! SO_PROTOCOL?"
	run -0 "${unix[@]}" get a SO_KEEPALIVE
	has -1 SO_KEEPALIVE=0
}

@test "listen again: an inherited listener's queue, and what follows, gets the defaults" {
	run -0 "${foreign[@]}" listen 100 options 100 accept a 100 options a \
		socket d inet stream 0 connect d 100 accept b 100 options b
	has 6 "$defaults"
	has 8 "$defaults"
	has -1 "$defaults"
}

@test "listen again: no defer accept and no SYN count on somebody else's listener" {
	TCP_DEFER_ACCEPT=7 TCP_SYNCNT=3 run -0 network_calls "" \
		"${foreign[@]}" listen 100 accept a 100
	called "connect SO_ACCEPTCONN? $set_defaults listen accept $set_defaults"
}

@test "accept: own listeners cost nothing below a limit, all give the options" {
	local limit
	limit=$(sed -n 's/^#define KNOWN_LISTENERS //p' \
		"$top/keepalive_listen.c")
	takes_descriptors 5000
	run -0 network_calls "$listen" "$call" socket s inet stream 0 \
		dup2 l s $((limit - 1)) bind l 127.0.0.1:0 listen l \
		socket c inet stream 0 connect c l accept a l
	called "connect accept"
	run -0 network_calls "$listen" "$call" socket s inet stream 0 \
		dup2 l s "$limit" bind l 127.0.0.1:0 listen l \
		socket c inet stream 0 connect c l accept a l
	called "SO_ACCEPTCONN? $set_defaults listen socket getsockname connect accept $set_defaults"
}

activated() { # LISTENER OPTION...: a program that systemd starts
	local listener=$1
	shift
	systemd-socket-activate -l 127.0.0.1:9090 "$@" -E LD_PRELOAD="$listen" \
		"$call" dup2 x 2 1 accept a "$listener" read a 2>/dev/null &
	local server=$!
	await listening 9090
	"$call" socket c inet stream 0 connect c 127.0.0.1:9090 read c &
	await accepted 9090
	"$sockets" $server
}

# bats test_tags=as-built
@test "accept: a listener inherited from systemd as descriptor 3 gets keepalive" {
	run -0 alone activated 3
	grep "fd=3 .*state=LISTEN $untouched" <<<"$output"
	grep "state=ESTAB $defaults" <<<"$output"
}

# bats test_tags=as-built
@test "accept: a listener inherited inetd style as descriptor 0 gets keepalive" {
	run -0 alone activated 0 --inetd
	grep "fd=0 .*state=LISTEN $untouched" <<<"$output"
	grep "state=ESTAB $defaults" <<<"$output"
}
