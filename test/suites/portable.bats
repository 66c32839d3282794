# What holds wherever the objects can be built, under an emulator too: call is
# the only program that runs. EMULATOR is a command that runs it there, and
# has qemu's option -E.
load common

# with VARIABLE=VALUE... -- COMMAND...: runs call with these variables, and
# no others.
with() {
	local variables=()
	while [ "$1" != -- ]; do
		variables+=(${EMULATOR:+-E} "$1")
		shift
	done
	shift
	# shellcheck disable=SC2086 # a command and its arguments
	${EMULATOR:-env} "${variables[@]}" "$call" "$@"
}

# What counts the lines needs more.
# bats test_tags=uncounted
@test "portable: glibc 2.34 is new enough" {
	local object needed
	for object in "$client" "$listen"; do
		needed=$(readelf --version-info "$object" |
			grep -o 'GLIBC_[0-9.]*' | sort -Vu)
		echo "$object needs $needed"
		# musl's symbols have no versions.
		[ "$needed" ] || readelf --dynamic "$object" |
			grep -F 'NEEDED' | grep -F '[libc.so]'
		[ "$(printf '%s\n' "$needed" GLIBC_2.34 | sort -V |
			tail -n 1)" = GLIBC_2.34 ]
	done
}

listener=(socket l inet stream 0 bind l 127.0.0.1:0 listen l)
client_to=("${listener[@]}" socket c inet stream 0 connect c l)

@test "portable: nothing is set without the objects" {
	run -0 with -- "${client_to[@]}" options c
	has -1 "$untouched"
}

@test "portable: connect sets the defaults" {
	run -0 with LD_PRELOAD="$client" -- "${client_to[@]}" options c
	has -1 "$defaults"
}

@test "portable: every setting is taken from the environment" {
	run -0 with LD_PRELOAD="$client" TCP_KEEPIDLE=32767 TCP_KEEPINTVL=2 \
		TCP_KEEPCNT=127 TCP_USER_TIMEOUT=2147483647 TCP_SYNCNT=5 \
		TCP_MAXSEG=1000 TCP_WINDOW_CLAMP=20000 -- \
		"${client_to[@]}" options c
	has -1 SO_KEEPALIVE=1 TCP_KEEPIDLE=32767 TCP_KEEPINTVL=2 \
		TCP_KEEPCNT=127 TCP_USER_TIMEOUT=2147483647 TCP_SYNCNT=5 \
		TCP_WINDOW_CLAMP=20000
	[[ ${lines[-1]} =~ TCP_MAXSEG=(1000|988)( |$) ]]
}

@test "portable: a derived user timeout is right beyond 32 bits" {
	run -0 with LD_PRELOAD="$client" TCP_KEEPIDLE=32767 \
		TCP_KEEPINTVL=32767 TCP_KEEPCNT=127 -- "${client_to[@]}" \
		get c TCP_USER_TIMEOUT
	has -1 TCP_USER_TIMEOUT=2147483647
}

@test "portable: what the program sets afterwards has a user timeout that follows" {
	run -0 with LD_PRELOAD="$client" -- "${client_to[@]}" \
		set c TCP_KEEPIDLE 300 get c TCP_KEEPIDLE get c TCP_USER_TIMEOUT
	has -2 TCP_KEEPIDLE=300
	has -1 TCP_USER_TIMEOUT=435000
}

@test "portable: socket sets them when it is told to, IPv6 too" {
	run -0 with LD_PRELOAD="$client" KEEPALIVE=socket -- \
		socket c inet6 stream+nonblock+cloexec tcp options c
	has -1 "$defaults"
}

@test "portable: listen sets them, and accepted connections inherit" {
	run -0 with LD_PRELOAD="$listen" TCP_DEFER_ACCEPT=1 -- "${listener[@]}" \
		options l get l TCP_DEFER_ACCEPT
	has -2 "$defaults"
	has -1 TCP_DEFER_ACCEPT=1
	run -0 with LD_PRELOAD="$listen" -- "${client_to[@]}" \
		accept a l options a
	has -1 "$defaults"
}

@test "portable: accept and accept4 care for another program's listener" {
	local call4
	for call4 in 'accept a 7' 'accept4 a 7 cloexec'; do
		# shellcheck disable=SC2086 # words
		run -0 with LD_PRELOAD="$listen" -- "${listener[@]}" \
			set l SO_KEEPALIVE 0 set l TCP_KEEPIDLE 99 dup2 x l 7 \
			socket c inet stream 0 connect c l $call4 options a
		has -1 "$defaults"
	done
}

@test "portable: both objects together, in either order" {
	local preloaded
	for preloaded in "$client:$listen" "$listen:$client"; do
		run -0 with LD_PRELOAD="$preloaded" -- "${client_to[@]}" \
			accept a l options a options c
		has -2 "$defaults"
		has -1 "$defaults"
	done
}

@test "portable: force keeps the library's values" {
	run -0 with LD_PRELOAD="$client" KEEPALIVE=force -- "${client_to[@]}" \
		set c SO_KEEPALIVE 0 set c TCP_KEEPIDLE 99 options c
	has -1 "$defaults"
}

@test "portable: off does nothing" {
	run -0 with LD_PRELOAD="$both" KEEPALIVE=off -- "${client_to[@]}" \
		accept a l options a options c
	has -2 "$untouched"
	has -1 "$untouched"
}

@test "portable: the older libraries' variables" {
	run -0 with LD_PRELOAD="$client" KEEPIDLE=21 -- \
		socket c inet stream 0 options c
	has -1 "${untouched/SO_KEEPALIVE=0 TCP_KEEPIDLE=7200/SO_KEEPALIVE=1 TCP_KEEPIDLE=21}"
	run -0 with LD_PRELOAD="$client" DD_TCP_KEEPALIVE_TIME=22 -- \
		socket c inet stream 0 get c TCP_KEEPIDLE
	has -1 TCP_KEEPIDLE=22
}

@test "portable: errno is the program's" {
	# No setsockopt works on a UDP socket, and connect does.
	run -0 with LD_PRELOAD="$both" KEEPALIVE=socket -- \
		socket u inet dgram 0 connect u 127.0.0.1:9 \
		"${client_to[@]}" accept a l socket x 99 99 99 connect 99 l
	[[ $output != *changed* ]]
	has -1 'connect = -1 EBADF'
	has 1 'connect = 0'
}

@test "portable: a call before the constructor is prepared too" {
	run -0 with LD_PRELOAD="$early:$both" \
		EARLY="${client_to[*]} accept a l options c options a" -- print main
	has -1 main
	has -2 "$defaults"
	has -3 "$defaults"
	[[ $output != *changed* ]]
}

@test "portable: a bad value is reported and counts as not set" {
	run -0 with LD_PRELOAD="$client" TCP_KEEPIDLE=32768 -- \
		"${client_to[@]}" get c TCP_KEEPIDLE
	has 0 'libkeepalive.so: TCP_KEEPIDLE="32768" is ignored: 0 to 32767 s are allowed'
	has -1 TCP_KEEPIDLE=15
}

@test "portable: debug tells what was done" {
	run -0 with LD_PRELOAD="$client" LIBKEEPALIVE_DEBUG=1 -- \
		"${client_to[@]}"
	has 0 'libkeepalive.so ' ': on, '
	[[ $output == *'libkeepalive.so: connect('*'): set TCP_KEEPIDLE=15 '* ]]
}
