# This library's own settings: a test for each row of the table.
# Each test is a subshell (SC2030, SC2031).
# shellcheck disable=SC2030,SC2031
load common

# A client's socket, as the objects leave it before it meets a peer.
client_socket=(socket c inet stream 0 connect c 127.0.0.1:1)
listener=(socket s inet stream 0 listen s)

# on_clients NAME VALUE [READ-BACK]: the setting reaches connections that are
# opened, at both times, as the kernel then reads the option back.
on_clients() {
	local read_back=$1=${3:-$2}
	echo "clients: $1=$2"
	KEEPALIVE=socket run -0 env "$1=$2" LD_PRELOAD="$client" "$call" \
		"${client_socket[@]:0:5}" get c "$1"
	[ "${lines[-1]}" = "$read_back" ]
	run -0 env "$1=$2" strace -qq -e trace=setsockopt -e signal=none \
		-E LD_PRELOAD="$client" "$call" "${client_socket[@]}"
	[[ $output == *" $1, [$2], 4) = 0"* ]]
}

# on_listeners NAME VALUE [READ-BACK]: and listeners.
on_listeners() {
	echo "listeners: $1=$2"
	run -0 env "$1=$2" LD_PRELOAD="$listen" "$call" "${listener[@]}" get s "$1"
	[ "${lines[-1]}" = "$1=${3:-$2}" ]
}

# zero_sets_nothing NAME OBJECT COMMAND...: no call is made for 0.
zero_sets_nothing() {
	local name=$1
	shift
	echo "0: $name"
	run -0 env "$name=0" KEEPALIVE=socket bash -c "$(declare -f network_calls)
		"'network_calls "$@"' - "$@"
	[[ $output != *"$name="* ]]
}

# everywhere NAME MIN MAX: both objects take the range, and 0.
everywhere() {
	local value
	for value in "$2" "$3"; do
		on_clients "$1" "$value"
		on_listeners "$1" "$value"
	done
	zero_sets_nothing "$1" "$client" "$call" "${client_socket[@]}"
	zero_sets_nothing "$1" "$listen" "$call" "${listener[@]}"
}

@test "TCP_KEEPIDLE: the idle time, 1 to 32767 s, 0 sets nothing" {
	everywhere TCP_KEEPIDLE 1 32767
}

@test "TCP_KEEPINTVL: the interval, 1 to 32767 s, 0 sets nothing" {
	everywhere TCP_KEEPINTVL 1 32767
}

@test "TCP_KEEPCNT: the count, 1 to 127 probes, 0 sets nothing" {
	everywhere TCP_KEEPCNT 1 127
}

@test "TCP_USER_TIMEOUT: the user timeout, 1 to 2147483647 ms, 0 sets nothing" {
	everywhere TCP_USER_TIMEOUT 1 2147483647
}

@test "TCP_SYNCNT: clients' SYN count, 1 to 127, 0 sets nothing" {
	local value
	for value in 1 127; do
		TCP_SYNCNT=$value run -0 preload "$client" "$call" \
			"${client_socket[@]}" get c TCP_SYNCNT
		[ "${lines[-1]}" = TCP_SYNCNT=$value ]
	done
	zero_sets_nothing TCP_SYNCNT "$client" "$call" "${client_socket[@]}"
	TCP_SYNCNT=3 run -0 network_calls "$listen" "$call" "${listener[@]}"
	[[ $output != *TCP_SYNCNT* ]]
}

@test "TCP_DEFER_ACCEPT: listeners' defer accept, 1 s and more, 0 sets nothing" {
	on_listeners TCP_DEFER_ACCEPT 1
	# The kernel rounds up: to a time at which it sends a SYN-ACK.
	on_listeners TCP_DEFER_ACCEPT 4 7
	on_listeners TCP_DEFER_ACCEPT 100 127
	TCP_DEFER_ACCEPT=2147483647 run -0 network_calls "$listen" "$call" \
		"${listener[@]}"
	[[ $output == *" TCP_DEFER_ACCEPT=2147483647 "* ]]
	zero_sets_nothing TCP_DEFER_ACCEPT "$listen" "$call" "${listener[@]}"
	TCP_DEFER_ACCEPT=3 run -0 network_calls "$client" "$call" \
		"${client_socket[@]}"
	[[ $output != *TCP_DEFER_ACCEPT* ]]
}

@test "TCP_MAXSEG: the segment size, 88 to 32767 bytes, 0 sets nothing" {
	everywhere TCP_MAXSEG 88 32767
}

@test "TCP_WINDOW_CLAMP: the window clamp, 1 byte and more, 0 sets nothing" {
	# The kernel takes less than 1152 bytes for 1152.
	on_clients TCP_WINDOW_CLAMP 1 1152
	on_listeners TCP_WINDOW_CLAMP 1 1152
	everywhere TCP_WINDOW_CLAMP 5000 2147483647
}

@test "all settings together reach the connection of either side" {
	local all='SO_KEEPALIVE=1 TCP_KEEPIDLE=20 TCP_KEEPINTVL=21 TCP_KEEPCNT=4 TCP_USER_TIMEOUT=22000'
	local traffic=(socket s inet stream 0 bind s 127.0.0.1:0 listen s
		socket c inet stream 0 connect c s write c x accept a s)
	export TCP_KEEPIDLE=20 TCP_KEEPINTVL=21 TCP_KEEPCNT=4 \
		TCP_USER_TIMEOUT=22000 TCP_SYNCNT=3 TCP_DEFER_ACCEPT=7 \
		TCP_MAXSEG=600 TCP_WINDOW_CLAMP=4000
	run -0 preload "$both" "$call" "${traffic[@]}" options c options a \
		options s
	has -3 "$all" TCP_SYNCNT=3 TCP_MAXSEG=588 TCP_WINDOW_CLAMP=4000
	has -2 "$all" TCP_MAXSEG=588 TCP_WINDOW_CLAMP=4000
	has -1 "$all" TCP_DEFER_ACCEPT=7
}

@test "an empty value counts as not set" {
	TCP_KEEPIDLE='' TCP_USER_TIMEOUT='' KEEPALIVE='' KEEPIDLE='' \
		DD_USE_KEEPALIVE='' LIBKEEPALIVE_DEBUG='' \
		run -0 network_calls "$client" "$call" "${client_socket[@]}"
	[ "$output" = "socket TCP_KEEPIDLE=15 TCP_KEEPINTVL=15 TCP_KEEPCNT=9 TCP_USER_TIMEOUT=150000 SO_KEEPALIVE=1 connect" ]
}

@test "the SO_KEEPALIVE of the table is no variable" {
	SO_KEEPALIVE=0 run -0 preload "$client" "$call" \
		"${client_socket[@]}" options c
	has -1 "$defaults"
}

# derives EXPECTED [BEFORE...]: the user timeout of a client on whose socket
# the program did that before.
derives() {
	local expected=$1
	shift
	run -0 preload "$client" "$call" socket c inet stream 0 "$@" \
		connect c 127.0.0.1:1 get c TCP_USER_TIMEOUT
	[ "${lines[-1]}" = "TCP_USER_TIMEOUT=$expected" ]
}

@test "user timeout: not set or -1, idle + interval x count" {
	TCP_KEEPIDLE=10 TCP_KEEPINTVL=5 TCP_KEEPCNT=3 derives 25000
	TCP_KEEPIDLE=10 TCP_KEEPINTVL=5 TCP_KEEPCNT=3 TCP_USER_TIMEOUT=-1 \
		derives 25000
	TCP_USER_TIMEOUT=-1 derives 150000
	TCP_KEEPIDLE=1 TCP_KEEPINTVL=1 TCP_KEEPCNT=1 derives 2000
}

@test "user timeout: the socket's value takes the place of a 0 in the sum" {
	TCP_KEEPIDLE=0 derives $(((7200 + 15 * 9) * 1000))
	TCP_KEEPIDLE=0 derives $(((60 + 15 * 9) * 1000)) set c TCP_KEEPIDLE 60
	TCP_KEEPINTVL=0 derives $(((15 + 75 * 9) * 1000))
	TCP_KEEPINTVL=0 derives $(((15 + 7 * 9) * 1000)) set c TCP_KEEPINTVL 7
	TCP_KEEPCNT=0 derives $(((15 + 15 * 2) * 1000)) set c TCP_KEEPCNT 2
	TCP_KEEPIDLE=0 TCP_KEEPINTVL=0 TCP_KEEPCNT=0 \
		derives $(((7200 + 75 * 9) * 1000))
	TCP_KEEPINTVL=0 run -0 preload "$client" "$call" close 0 \
		socket c inet stream 0 connect c 127.0.0.1:1 get 0 TCP_USER_TIMEOUT
	[ "${lines[-1]}" = TCP_USER_TIMEOUT=690000 ]
}

@test "user timeout: one question for each value that the sum lacks" {
	TCP_KEEPIDLE=0 run -0 network_calls "$client" "$call" \
		"${client_socket[@]}"
	[ "$output" = "socket TCP_KEEPINTVL=15 TCP_KEEPCNT=9 TCP_KEEPIDLE? TCP_USER_TIMEOUT=7335000 SO_KEEPALIVE=1 connect" ]
}

@test "user timeout: listeners and what they accept derive it too" {
	local foreign=("$call" socket s inet stream 0 bind s 127.0.0.1:0 listen s
		socket c inet stream 0 connect c s dup2 l s 100
		exec env LD_PRELOAD="$listen" "$call" accept a 100)
	TCP_KEEPCNT=0 run -0 preload "$listen" "$call" "${listener[@]}" \
		get s TCP_USER_TIMEOUT
	[ "${lines[-1]}" = TCP_USER_TIMEOUT=150000 ]
	TCP_KEEPIDLE=0 run -0 "${foreign[@]}" get a TCP_USER_TIMEOUT
	[ "${lines[-1]}" = TCP_USER_TIMEOUT=7335000 ]
}

@test "user timeout: a sum over 2147483647 is that" {
	TCP_KEEPIDLE=32767 TCP_KEEPINTVL=32767 TCP_KEEPCNT=127 \
		derives 2147483647
	TCP_KEEPIDLE=0 TCP_KEEPINTVL=32767 TCP_KEEPCNT=127 derives 2147483647
	# The largest sum that fits, and the smallest that does not.
	TCP_KEEPIDLE=14483 TCP_KEEPINTVL=19000 TCP_KEEPCNT=112 \
		derives 2142483000
	TCP_KEEPIDLE=19483 TCP_KEEPINTVL=19000 TCP_KEEPCNT=112 \
		derives 2147483000
	TCP_KEEPIDLE=19484 TCP_KEEPINTVL=19000 TCP_KEEPCNT=112 \
		derives 2147483647
}

# is_off and is_on env VARIABLE=VALUE...: how these leave a client and a
# listener.
is_off() {
	echo "off: $*"
	run -0 "$@" LD_PRELOAD="$both" "$call" "${client_socket[@]}" \
		options c "${listener[@]}" options s
	has 2 "$untouched"
	has -1 "$untouched"
}
is_on() {
	echo "on: $*"
	run -0 "$@" LD_PRELOAD="$both" "$call" "${client_socket[@]}" \
		options c "${listener[@]}" options s
	has 2 "$defaults"
	has -1 "$defaults"
}

@test "KEEPALIVE: off, in any case, among other words" {
	local words
	for words in off OFF Off oFf socket,off off,socket force,OFF,socket \
		no,off ,off 'off,'; do
		is_off env KEEPALIVE="$words"
	done
}

@test "KEEPALIVE: any other word means nothing" {
	local words
	for words in on of offf "off " " off" "socket, off" 0 no "o,ff" ',' \
		off.socket OFF=1 $'off\n'; do
		is_on env KEEPALIVE="$words"
	done
}

@test "KEEPALIVE: off wins over everything" {
	is_off env KEEPALIVE=off TCP_KEEPIDLE=5 KEEPIDLE=5 \
		DD_TCP_KEEPALIVE_TIME=5 DD_USE_KEEPALIVE=1
	is_off env KEEPALIVE=socket DD_USE_KEEPALIVE=0 TCP_KEEPIDLE=5
	is_off env KEEPALIVE=off DD_EVAL_ENVIRONMENT_ONCE=0
}

@test "KEEPALIVE: off costs a client no system call" {
	KEEPALIVE=off run -0 network_calls "$both" "$call" "${client_socket[@]}"
	[ "$output" = "socket connect" ]
}

@test "KEEPALIVE: socket, in any case, is socket() time with the defaults" {
	local words
	for words in socket SOCKET no,Socket; do
		KEEPALIVE=$words run -0 preload "$client" "$call" \
			socket c inet stream 0 options c
		has -1 "$defaults"
	done
	KEEPALIVE=sock run -0 preload "$client" "$call" \
		socket c inet stream 0 options c
	has -1 "$untouched"
}

# with_entries ENTRY...: the idle time and the interval of a program that is
# started with these, at the end of its environment.
with_entries() {
	local entry entries=()
	for entry; do
		entries+=(entry "$entry")
	done
	run -0 "$call" "${entries[@]}" entry "LD_PRELOAD=$client" exec "$call" \
		socket c inet stream 0 connect c 127.0.0.1:1 \
		get c TCP_KEEPIDLE get c TCP_KEEPINTVL
	echo "${lines[-2]#*=} ${lines[-1]#*=}"
}

@test "the environment: of a name that stands twice the first counts" {
	[ "$(with_entries TCP_KEEPIDLE=20 TCP_KEEPIDLE=30)" = "20 15" ]
	[ "$(with_entries TCP_KEEPIDLE= TCP_KEEPIDLE=30)" = "15 15" ]
	[ "$(with_entries TCP_KEEPIDLE=x TCP_KEEPIDLE=30 TCP_KEEPINTVL=7)" = \
		"15 7" ]
	[ "$(with_entries KEEPALIVE= KEEPALIVE=off)" = "15 15" ]
}

@test "the environment: entries without a value, without a name, and of any length" {
	[ "$(with_entries TCP_KEEPIDLE TCP_KEEPIDLE=20)" = "20 15" ]
	[ "$(with_entries '' = =20 TCP_=20 TCP_KEEPIDLE20 TCP_KEEPINTVL=7)" = \
		"15 7" ]
	[ "$(with_entries T K D L TC KEE D_ LIBKEEPALIVE_ KEEP= DD_= \
		TCP_KEEPINTVL=7)" = "15 7" ]
	[ "$(with_entries TCP_KEEPIDLEX=20 XTCP_KEEPIDLE=20 tcp_keepidle=20 \
		TCP_keepidle=20 TCP_KEEPINTV=8 TCP_KEEPINTVL=7)" = "15 7" ]
	local long
	long=$(head -c 100000 /dev/zero | tr '\0' x)
	[ "$(with_entries "TCP_KEEP$long=20" "$long" "TCP_KEEPIDLE=$long" \
		TCP_KEEPINTVL=7)" = "15 7" ]
}

# bats test_tags=as-built,native
@test "the environment: a program may define environ for something else" {
	gcc -w -rdynamic -x c -o "$BATS_TEST_TMPDIR/program" - <<-'C'
		int execv(const char *, char *const *);
		int environ[4] = {1, 2, 3, 4};
		int main(int count, char **arguments)
		{
			return execv(arguments[1], arguments + 1);
		}
	C
	TCP_KEEPIDLE=20 LIBKEEPALIVE_DEBUG=1 LD_PRELOAD=$client run -0 \
		"$BATS_TEST_TMPDIR/program" "$call" print started
	[[ ${lines[0]} == *TCP_KEEPIDLE=20* ]]
	[[ ${lines[1]} == *TCP_KEEPIDLE=20* ]]
	[ "${lines[2]}" = started ]
}

@test "the environment is read at the start, once" {
	TCP_KEEPIDLE=20 run -0 preload "$both" "$call" setenv TCP_KEEPIDLE 30 \
		setenv KEEPALIVE off "${client_socket[@]}" get c TCP_KEEPIDLE \
		"${listener[@]}" get s TCP_KEEPIDLE
	[ "${lines[2]}" = TCP_KEEPIDLE=20 ]
	[ "${lines[-1]}" = TCP_KEEPIDLE=20 ]
}
