# The variables of the three older libraries, with the meaning they have there.
load common

to_nobody=(socket c inet stream 0 options c connect c 127.0.0.1:1 options c)

# value NAME: an option's value in the last of the lines.
value() {
	[[ ${lines[-1]} =~ $1=([0-9]+) ]] && echo "${BASH_REMATCH[1]}"
}

@test "vocabularies: each name sets its setting, and the leftmost wins" {
	local setting own older oldest
	while read -r setting own older oldest; do
		run -0 env "$oldest=23" LD_PRELOAD="$client" "$call" \
			"${to_nobody[@]}"
		[ "$(value "$setting")" = 23 ]
		run -0 env "$oldest=23" "$older=22" LD_PRELOAD="$client" \
			"$call" "${to_nobody[@]}"
		[ "$(value "$setting")" = 22 ]
		run -0 env "$oldest=23" "$own=21" "$older=22" \
			LD_PRELOAD="$client" "$call" "${to_nobody[@]}"
		[ "$(value "$setting")" = 21 ]
		run -0 env "$oldest=23" "$own=" "$older=" \
			LD_PRELOAD="$client" "$call" "${to_nobody[@]}"
		[ "$(value "$setting")" = 23 ]
		run -0 env "$oldest=23" "$own=0" "$older=22" \
			LD_PRELOAD="$client" "$call" "${to_nobody[@]}"
		has -1 "${untouched/KEEPALIVE=0/KEEPALIVE=1}"
	done <<-END
		TCP_KEEPIDLE TCP_KEEPIDLE KEEPIDLE DD_TCP_KEEPALIVE_TIME
		TCP_KEEPINTVL TCP_KEEPINTVL KEEPINTVL DD_TCP_KEEPALIVE_INTVL
		TCP_KEEPCNT TCP_KEEPCNT KEEPCNT DD_TCP_KEEPALIVE_PROBES
	END
}

@test "vocabularies: an older variable leaves what nobody named, at socket() time" {
	local variable
	for variable in KEEPIDLE=0 KEEPINTVL=0 KEEPCNT=0 \
		DD_TCP_KEEPALIVE_TIME=0 DD_TCP_KEEPALIVE_INTVL=0 \
		DD_TCP_KEEPALIVE_PROBES=0 DD_DEBUG=1 \
		DD_EVAL_ENVIRONMENT_ONCE=0; do
		echo "$variable"
		run -0 env "$variable" LD_PRELOAD="$client" "$call" \
			"${to_nobody[@]}"
		has 1 "${untouched/KEEPALIVE=0/KEEPALIVE=1}"
		has 3 "${untouched/KEEPALIVE=0/KEEPALIVE=1}"
	done
}

@test "vocabularies: TCP_ variables still override one by one" {
	KEEPIDLE=75 TCP_KEEPCNT=4 TCP_USER_TIMEOUT=9000 TCP_SYNCNT=2 \
		run -0 preload "$client" "$call" "${to_nobody[@]}"
	has 1 TCP_KEEPIDLE=75 TCP_KEEPINTVL=75 TCP_KEEPCNT=4 \
		TCP_USER_TIMEOUT=9000 TCP_SYNCNT=6
	has 3 TCP_SYNCNT=2
	# Asked for, the user timeout is derived here too.
	KEEPIDLE=75 TCP_USER_TIMEOUT=-1 run -0 preload "$client" "$call" \
		"${to_nobody[@]}"
	has 1 TCP_USER_TIMEOUT=$(((75 + 75 * 9) * 1000))
}

@test "vocabularies: the DD_ switches mean something with one value alone" {
	local variable
	for variable in DD_USE_KEEPALIVE=1 DD_USE_KEEPALIVE=00 DD_DEBUG=0 \
		DD_DEBUG=yes DD_EVAL_ENVIRONMENT_ONCE=1 \
		DD_EVAL_ENVIRONMENT_ONCE=no; do
		echo "$variable"
		run -0 env "$variable" LD_PRELOAD="$client" "$call" \
			"${to_nobody[@]}"
		[ "${#lines[@]}" = 4 ]
		has 1 "$untouched"
		has 3 "$defaults"
	done
}

@test "vocabularies: the listen object takes the older variables' values, too" {
	KEEPIDLE=75 DD_TCP_KEEPALIVE_PROBES=4 run -0 preload "$listen" "$call" \
		socket s inet stream 0 bind s 127.0.0.1:0 options s listen s \
		socket c inet stream 0 connect c s accept a s options c options a
	has 2 "$untouched"
	has -2 "$untouched"
	has -1 SO_KEEPALIVE=1 TCP_KEEPIDLE=75 TCP_KEEPINTVL=75 TCP_KEEPCNT=4 \
		TCP_USER_TIMEOUT=0
}

@test "off: wins over everything, in both its names" {
	local variable
	for variable in KEEPALIVE=off DD_USE_KEEPALIVE=0; do
		run -0 env "$variable" KEEPIDLE=5 TCP_KEEPIDLE=6 TCP_SYNCNT=2 \
			DD_TCP_KEEPALIVE_TIME=7 LD_PRELOAD="$both" "$call" \
			"${to_nobody[@]}"
		has 1 "$untouched" TCP_SYNCNT=6
		has 3 "$untouched" TCP_SYNCNT=6
	done
}

@test "off: costs no system call" {
	local variable
	for variable in KEEPALIVE=off DD_USE_KEEPALIVE=0; do
		run -0 env "$variable" strace -qq -e trace=network \
			-E LD_PRELOAD="$both" "$call" \
			socket s inet stream 0 bind s 127.0.0.1:0 listen s \
			socket c inet stream 0 connect c s accept a s \
			socket u unix stream 0 connect u @nobody
		run -1 grep sockopt <<<"$output"
	done
}

@test "KEEPALIVE=socket: socket() time with this library's defaults" {
	KEEPALIVE=socket run -0 preload "$client" "$call" "${to_nobody[@]}"
	has 1 "$defaults"
	KEEPALIVE=nothing,SOCKET run -0 preload "$client" "$call" \
		"${to_nobody[@]}"
	has 1 "$defaults"
	KEEPALIVE=sockets run -0 preload "$client" "$call" "${to_nobody[@]}"
	has 1 "$untouched"
	has 3 "$defaults"
}

@test "libkeepalive 0.3: its test program's output" {
	run -0 preload "" "$call" socket c inet stream 0 report c
	[ "${lines[1]}" = "SO_KEEPALIVE is OFF" ]
	KEEPCNT=20 KEEPIDLE=180 KEEPINTVL=60 run -0 preload "$client" "$call" \
		socket c inet stream 0 report c
	[ "$output" = "socket = 3
SO_KEEPALIVE is ON
TCP_KEEPCNT   = 20
TCP_KEEPIDLE  = 180
TCP_KEEPINTVL = 60" ]
}

# bats test_tags=native
@test "libkeepalive 0.3: a server under libkeepalive.so alone, as documented" {
	run -0 alone eval '
		KEEPCNT=20 KEEPIDLE=75 KEEPINTVL=60 \
			strace -qq -e trace=network -o /dev/stdout \
			-E LD_PRELOAD=$client nc -d -l 5000 &
		await listening 5000
		nc -d 127.0.0.1 5000 &
		await accepted 5000
		ss -Htno state established sport = :5000'
	[[ $output == *"timer:(keepalive,1min1"[0-5]sec,0* ||
		$output == *"timer:(keepalive,7"[2-5]* ]]
	[ "$(grep -o 'setsockopt(.*' <<<"$output" | grep -v REUSE |
		sed -E 's/.*, ([A-Z_]+), \[([0-9]+)\].*/\1=\2/' |
		paste -sd ' ')" = \
		"TCP_KEEPIDLE=75 TCP_KEEPINTVL=60 TCP_KEEPCNT=20 SO_KEEPALIVE=1" ]
}

# bats test_tags=native
@test "libdontdie: its documented example, with Java" {
	run -0 alone eval '
		nc -d -l 5000 &
		await listening 5000
		export DD_DEBUG=1 DD_TCP_KEEPALIVE_TIME=4 \
			DD_TCP_KEEPALIVE_INTVL=5 DD_TCP_KEEPALIVE_PROBES=6
		LD_PRELOAD=$client java -XX:-UsePerfData -Xshare:auto \
			-XX:TieredStopAtLevel=1 '"$top"'/test/helpers/EchoClient.java 127.0.0.1 5000 &
		java=$!
		await accepted 5000
		$sockets $java'
	[[ ${lines[-1]} == *"SO_KEEPALIVE=1 TCP_KEEPIDLE=4 TCP_KEEPINTVL=5 TCP_KEEPCNT=6 TCP_USER_TIMEOUT=0"* ]]
}

# logged OBJECT TEXT ARGUMENT...: what call makes the object write to the system's
# log, of which the text is the last. The /dev is its own.
logged() {
	unshare --mount bash -euc "$(declare -f await)"'
		mount -t tmpfs none /dev
		mknod -m 666 /dev/null c 1 3
		socat -lf /dev/null -u UNIX-RECV:/dev/log OPEN:/dev/messages,creat,append &
		trap "kill $!" EXIT
		await find /dev/log -type s 2>/dev/null
		DD_DEBUG=1 DD_TCP_KEEPALIVE_TIME=4 LD_PRELOAD=$1 \
			"$0" "${@:3}" >/dev/null
		await grep -F "$2" /dev/messages
		cat /dev/messages' "$call" "$@" 3>&- 4>&-
}

@test "libdontdie: DD_DEBUG=1 tells syslog of each call" {
	takes_root
	# A datagram for each line, with the log's priority and no more.
	run -0 logged "$client" 'connect(' socket c inet6 stream tcp \
		socket u inet dgram 0 connect c '[::1]:1'
	[[ $output == "<14>libkeepalive.so "[0-9.]*": on, vocabulary of libdontdie, at socket(): TCP_KEEPIDLE=4 SO_KEEPALIVE=1<14>libkeepalive.so: socket(10, 1, 6) = "[0-9]": set TCP_KEEPIDLE=4 SO_KEEPALIVE=1<14>libkeepalive.so: socket(2, 2, 0) = "[0-9]": not TCP<14>libkeepalive.so: connect("[0-9]"): nothing to set" ]]
	run -0 logged "$listen" 'accept(' socket s inet stream 0 \
		bind s 127.0.0.1:0 listen s socket c inet stream 0 \
		connect c s accept a s
	[[ $output == "<14>libkeepalive_listen.so "*"<14>libkeepalive_listen.so: accept(3) = 5: inherits from listen()" ]]
}

@test "libdontdie: DD_EVAL_ENVIRONMENT_ONCE=0 reads the environment at every call" {
	local calls=(socket a inet stream 0 get a TCP_KEEPIDLE
		setenv DD_TCP_KEEPALIVE_TIME 40
		socket b inet stream 0 get b TCP_KEEPIDLE
		unsetenv DD_TCP_KEEPALIVE_TIME
		socket c inet stream 0 get c TCP_KEEPIDLE get c SO_KEEPALIVE
		setenv KEEPALIVE off
		socket d inet stream 0 get d SO_KEEPALIVE
		clearenv
		socket e inet stream 0 get e SO_KEEPALIVE)
	DD_TCP_KEEPALIVE_TIME=30 DD_EVAL_ENVIRONMENT_ONCE=0 \
		run -0 preload "$client" "$call" "${calls[@]}"
	[ "$(grep -o '_.*' <<<"$output" | paste -sd ' ')" = "_KEEPIDLE=30 _KEEPIDLE=40 _KEEPIDLE=7200 _KEEPALIVE=1 _KEEPALIVE=0 _KEEPALIVE=1" ]
	DD_TCP_KEEPALIVE_TIME=30 run -0 preload "$client" "$call" "${calls[@]}"
	[ "$(grep -o '_.*' <<<"$output" | paste -sd ' ')" = "_KEEPIDLE=30 _KEEPIDLE=30 _KEEPIDLE=30 _KEEPALIVE=1 _KEEPALIVE=1 _KEEPALIVE=1" ]
}

@test "libdontdie: DD_EVAL_ENVIRONMENT_ONCE=0 holds for listen() and accept() too" {
	# A listener of somebody else's is descriptor 100.
	DD_EVAL_ENVIRONMENT_ONCE=0 run -0 "$call" \
		socket s inet stream 0 bind s 127.0.0.1:0 listen s dup2 l s 100 \
		socket c inet stream 0 connect c s \
		exec env LD_PRELOAD="$listen" "$call" \
		setenv DD_TCP_KEEPALIVE_TIME 20 socket s inet stream 0 listen s \
		get s TCP_KEEPIDLE setenv DD_TCP_KEEPALIVE_TIME 30 \
		accept a 100 get a TCP_KEEPIDLE
	has -3 TCP_KEEPIDLE=20
	has -1 TCP_KEEPIDLE=30
}

@test "libdontdie: what is read at every call is never reported, and not set" {
	DD_EVAL_ENVIRONMENT_ONCE=0 run -0 preload "$client" "$call" \
		setenv DD_TCP_KEEPALIVE_TIME 2x socket c inet stream 0 options c
	[ "${#lines[@]}" = 2 ]
	has 1 "${untouched/KEEPALIVE=0/KEEPALIVE=1}"
}
