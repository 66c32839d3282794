# What a program sees of its calls is the same with the objects and without.
load common

# Tests "as-built" are not for builds with sanitizers, whose run time reads bad
# pointers itself, needs more stack, or hooks the same calls; tests "uncounted"
# not for those that count what is reached, in files of their own.

view=${VIEW:-$top/test/build/view}
lib=/usr/lib/$(gcc -print-multiarch)

# The settings under which the hooks do most, and least.
each_settings=(
	'A=1'
	'KEEPALIVE=off'
	'KEEPALIVE=socket,force TCP_SYNCNT=3 TCP_MAXSEG=1000 TCP_WINDOW_CLAMP=60000'
	'TCP_KEEPIDLE=0 TCP_KEEPCNT=0 TCP_KEEPINTVL=0 TCP_USER_TIMEOUT=0'
	'TCP_KEEPIDLE=0 KEEPALIVE=force'
	'DD_EVAL_ENVIRONMENT_ONCE=0 DD_TCP_KEEPALIVE_TIME=9'
	'LIBKEEPALIVE_DEBUG=1 KEEPALIVE=force'
)

# What a test's program does: a client and its listener.
making='socket s inet stream 0 bind s 127.0.0.1:0 listen s
	socket c inet stream 0 connect c s'

# in_order TEXT...: they stand in $output one after the other.
in_order() {
	# shellcheck disable=SC2031 # of the test that calls this
	local text rest=$output
	for text; do
		[[ $rest == *"$text"* ]] || {
			echo "no '$text' in '$rest'"
			return 1
		}
		rest=${rest#*"$text"}
	done
}

# same COMMAND...: what it prints, and its status, are the same under the
# objects, with each of the settings.
same() {
	local plain=$BATS_TEST_TMPDIR/plain with=$BATS_TEST_TMPDIR/with
	local settings plain_status=0 status=0
	preload '' "$@" >"$plain" 2>&1 || plain_status=$?
	[ -s "$plain" ]
	[ "$plain_status" -eq "${expected_status:-0}" ]
	for settings in "${each_settings[@]}"; do
		# shellcheck disable=SC2086
		timeout 300 env $settings LD_PRELOAD="$both" "$@" \
			>"$with" 2>"$with.stderr" 3>&- 4>&- ||
			status=$?
		echo "$settings"
		diff "$plain" "$with" | head
		cmp -s "$plain" "$with"
		[ "$status" -eq "$plain_status" ]
		[[ $settings == *DEBUG* ]] || [ ! -s "$with.stderr" ]
	done
}

@test "unchanged: socket() and bad calls, for each family, type and protocol" {
	same "$view" kinds
}

# bats test_tags=as-built
@test "unchanged: each call, good and bad, on a socket in each state" {
	same "$view" states
}

# bats test_tags=as-built
@test "unchanged: each call on what is no socket, and on no descriptor" {
	same "$view" others
}

@test "unchanged: blocking, EINTR, SA_RESTART and time limits" {
	same "$view" waits
}

# bats test_tags=as-built
@test "unchanged: a signal handler makes each call while the program is in one" {
	# Of another language than C's, for which names may be looked up.
	LC_ALL=C.UTF-8 same "$view" signals
}

# bats test_tags=as-built
@test "unchanged: threads are cancelled in connect() and accept(), nowhere else" {
	same "$view" cancel
}

@test "unchanged: 64 threads open and accept" {
	same "$view" threads
	run -0 preload "$both" "$view" kept
	[ "${lines[1]}" = "kept: 1600 opened, 1600 accepted" ]
}

# bats test_tags=as-built
@test "unchanged: fork, vfork, posix_spawn, clone with a stack of 8 KiB" {
	same "$view" children
	run -0 preload "$both" "$view" children
	[ "$(grep -c ': 0$' <<<"$output")" -eq 4 ]
}

@test "unchanged: close_range(3, ~0U, 0), and no descriptor open at all" {
	same "$view" closed
}

@test "unchanged: descriptors 0, 1 and 2 closed at start" {
	local settings
	for settings in "${each_settings[@]}" TCP_KEEPIDLE=bad; do
		# shellcheck disable=SC2086
		env $settings bash -c 'exec 0<&- 1>&- 2>&- 3>&- 4>&-
			LD_PRELOAD=$0 exec "$1" round' "$both" "$view"
		# The client gets 2: a line would go into its connection.
		# shellcheck disable=SC2086
		run -0 env $settings bash -c 'exec 0<&- 2>&- 3>&- 4>&-
			LD_PRELOAD=$0 exec "$@"' "$both" "$call" \
			$making accept a s write c hello read a
		in_order "socket = 0" "socket = 2" "accept = 3" "read = 5 hello"
	done
}

# bats test_tags=as-built,uncounted
@test "unchanged: the highest descriptors of the machine, and a full table" {
	same "$view" full
}

# bats test_tags=as-built
@test "unchanged: a sandbox answers EPERM to setsockopt(), and to getsockopt()" {
	each_settings=("${each_settings[@]:0:3}")
	same "$view" filter states
	same "$view" filter-both states
}

# ---- failures of the options ----

# injected INJECTION...: the results of the calls with it, while the objects
# are loaded, are those without the objects.
injected() {
	local inject arguments=()
	for inject; do
		arguments+=(-e "inject=$inject")
	done
	# shellcheck disable=SC2086
	KEEPALIVE=socket strace -qq -f -o "$BATS_TEST_TMPDIR/trace" \
		-e trace=setsockopt,getsockopt -e signal=none \
		"${arguments[@]}" -E LD_PRELOAD="$both" \
		"$call" $making accept a s >"$BATS_TEST_TMPDIR/with" 3>&- 4>&-
	cmp "$BATS_TEST_TMPDIR/plain" "$BATS_TEST_TMPDIR/with" || return
	for inject; do
		grep -q " ${inject%%:*}(.*INJECTED" "$BATS_TEST_TMPDIR/trace" ||
			return
	done
}

# adopted INJECTION: the same for accept() from another program's listener.
adopted() {
	# shellcheck disable=SC2086
	"$call" $making exec strace -qq -o "$BATS_TEST_TMPDIR/trace" \
		-e trace=setsockopt,getsockopt -e inject="$1" \
		-E LD_PRELOAD="$listen" "$call" accept a 3 \
		>"$BATS_TEST_TMPDIR/with" 3>&- 4>&-
	[ "$(tail -n 1 "$BATS_TEST_TMPDIR/with")" = "accept = 5" ] &&
		grep -q INJECTED "$BATS_TEST_TMPDIR/trace"
}

write_plain() {
	# shellcheck disable=SC2086
	preload '' "$call" $making accept a s >"$BATS_TEST_TMPDIR/plain"
	has_results=$(grep -c = "$BATS_TEST_TMPDIR/plain")
	[ "$has_results" -eq 6 ]
}

# Those that the kernel or a security module gives for these calls.
errors=(EPERM ENOENT EINTR EIO EBADF EAGAIN ENOMEM EACCES EFAULT EBUSY EINVAL
	EDOM ENOSYS ENOTSOCK ENOPROTOOPT EOPNOTSUPP ENETDOWN ENOBUFS EISCONN
	ENOTCONN ECONNRESET)

@test "unchanged: setsockopt() fails with any error, at the first call or a later one" {
	write_plain
	local error nth
	for error in "${errors[@]}"; do
		for nth in 1 2 3 4 5 6+ 1+; do
			injected "setsockopt:error=$error:when=$nth"
		done
	done
}

@test "unchanged: getsockopt() fails with any error, at the first call or a later one" {
	write_plain
	local error nth
	for error in "${errors[@]}"; do
		for nth in 1 2+ 1+; do
			injected "setsockopt:error=$error:when=1+" \
				"getsockopt:error=$error:when=$nth"
		done
		injected "getsockopt:error=$error:when=1+"
	done
}

@test "unchanged: an option fails with an error that no kernel has yet" {
	write_plain
	local number
	# A filter may answer any of 4095.
	for number in 1 133 134 255 511 530 1000 4095; do
		injected "setsockopt:error=$number:when=1+" \
			"getsockopt:error=$number:when=1+"
	done
}

@test "unchanged: accept() from another's listener, while its options fail" {
	local error nth
	for error in "${errors[@]}"; do
		for nth in 1 2+ 1+; do
			adopted "setsockopt:error=$error:when=$nth"
		done
		adopted "setsockopt,getsockopt:error=$error:when=1+"
	done
}

# ---- calls at odd times ----

calls='socket s inet stream 0 bind s 127.0.0.1:0 listen s socket c inet stream 0 connect c s accept4 a s cloexec socket d inet stream 0 connect d s accept b s options c options a'

@test "unchanged: calls from another library's constructor, before ours" {
	EARLY=$calls run -0 preload "$both:$early" "$call" print main
	in_order "connect = 0" "accept4 = " "accept = " "$defaults" "$defaults" main
	EARLY=$calls run -0 preload "$early:$both" "$call" print main
	in_order "connect = 0" "accept4 = " "accept = " "$defaults" "$defaults" main
	EARLY='socket c inet stream 0 set c TCP_NODELAY 1 get c TCP_NODELAY' \
		run -0 preload "$both:$early" "$call" print main
	in_order TCP_NODELAY=1 main
}

# looked_up OBJECT: which of the hooked calls the loader looks up, in a program
# that makes none of them.
looked_up() {
	LD_DEBUG=symbols LD_PRELOAD=$1 /bin/true 2>&1 |
		grep -oE 'symbol=(connect|socket|[gs]etsockopt|listen|accept4?);' |
		LC_ALL=C sort -u | paste -sd ' '
}

# bats test_tags=as-built,native,glibc
@test "unchanged: the constructor finds the next definitions, before any call" {
	[ -z "$(looked_up '')" ]
	[ "$(looked_up "$client")" = \
		'symbol=connect; symbol=getsockopt; symbol=setsockopt; symbol=socket;' ]
	[ "$(looked_up "$listen")" = \
		'symbol=accept4; symbol=accept; symbol=getsockopt; symbol=listen; symbol=setsockopt;' ]
}

@test "unchanged: calls after main() has returned, from exit() and destructors" {
	local when
	for when in atexit destructor; do
		# shellcheck disable=SC2086
		run -0 preload "$both" "$call" print main $when $calls
		in_order main "connect = 0" "accept4 = " "accept = " "$defaults" "$defaults"
		# Of another library, which ends before the objects, or after.
		EARLY="$when $calls" run -0 preload "$both:$early" \
			"$call" print main
		in_order main "connect = 0" "$defaults" "$defaults"
		EARLY="$when $calls" run -0 preload "$early:$both" \
			"$call" print main
		in_order main "connect = 0" "$defaults" "$defaults"
	done
}

@test "unchanged: calls of an object that dlopen() loads" {
	run -0 preload "$both" "$call" setenv EARLY "$calls" dlopen "$early" now
	in_order "connect = 0" "$defaults" "$defaults"
}

# bats test_tags=as-built,glibc
@test "unchanged: calls of an object that RTLD_DEEPBIND loads pass by the hooks" {
	run -0 preload "$both" "$call" setenv EARLY "$calls" \
		dlopen "$early" deepbind
	in_order "connect = 0" "$untouched" "$untouched"
}

@test "unchanged: setenv, clearenv and environ = NULL change nothing" {
	local change
	for change in 'setenv TCP_KEEPIDLE 77' 'setenv KEEPALIVE off' clearenv \
		noenviron; do
		# shellcheck disable=SC2086
		run -0 preload "$both" "$call" $change $calls
		in_order "connect = 0" "$defaults" "$defaults"
		# shellcheck disable=SC2086
		DD_EVAL_ENVIRONMENT_ONCE=0 run -0 preload "$both" \
			"$call" $change $calls
		in_order "connect = 0" "accept4 = "
	done
}

# ---- chains ----

# chained OBJECTS: the calls succeed under them, and both ends have the options.
chained() {
	# shellcheck disable=SC2086
	run -0 preload "$1" "$call" $calls
	in_order "connect = 0" "accept4 = " "accept = " "$defaults" "$defaults"
}

@test "chain: both orders of the pair" {
	chained "$client:$listen"
	chained "$listen:$client"
}

@test "chain: twice the same object, and two copies" {
	cp "$client" "$listen" "$BATS_TEST_TMPDIR"
	chained "$both:$both"
	chained "$both:$BATS_TEST_TMPDIR/libkeepalive.so:$BATS_TEST_TMPDIR/libkeepalive_listen.so"
}

@test "chain: another object that hooks the same calls, before and after" {
	chained "$both"
	local plain=$output objects programs_own
	for objects in "$early_interposer:$both" "$both:$early_interposer" \
		"$client:$early_interposer:$listen"; do
		INTERPOSER=20 chained "$objects" 20>"$BATS_TEST_TMPDIR/letters"
		[ "$output" = "$plain" ]
		# It saw each of the program's calls once, and the options only
		# of the objects that come before it: set here, and asked for.
		[ "$(tr -d og <"$BATS_TEST_TMPDIR/letters")" = slscAsca ]
		tr -dc og <"$BATS_TEST_TMPDIR/letters" >"$BATS_TEST_TMPDIR/options"
		case $objects in
		"$early_interposer"*)
			programs_own=$(cat "$BATS_TEST_TMPDIR/options")
			[ "${programs_own//g}" = '' ]
			;;
		*:"$early_interposer")
			[ "$(sort <(fold -w 1 "$BATS_TEST_TMPDIR/options") |
				uniq -c | tr -d ' \n')" = \
				"$((${#programs_own} + 1))g15o" ]
			;;
		esac
	done
	# The client's alone, and none of the listener's questions.
	[ "$(tr -dc o <"$BATS_TEST_TMPDIR/letters" | wc -c)" -eq 10 ]
	[ "$(tr -dc g <"$BATS_TEST_TMPDIR/letters")" = "$programs_own" ]
}

@test "chain: what an object makes of a value is for that call alone" {
	TCP_MAXSEG=500 run -0 network_calls "$client:$early_interposer" "$call" \
		socket c inet stream 0 connect c 127.0.0.1:1 \
		socket d inet stream 0 connect d 127.0.0.1:1
	[[ $output == *TCP_MAXSEG=499*TCP_MAXSEG=499* ]]
}

# bats test_tags=as-built,native
@test "chain: socket_wrapper, before and after" {
	local objects
	for objects in "$lib/libsocket_wrapper.so:$both" \
		"$both:$lib/libsocket_wrapper.so"; do
		# shellcheck disable=SC2086
		SOCKET_WRAPPER_DIR=$BATS_TEST_TMPDIR run -0 \
			preload "$objects" "$call" $making accept a s
		[ "${lines[-1]}" = "accept = 5" ]
		has -2 "connect = 0"
	done
}

# bats test_tags=native
@test "chain: proxychains4 and torsocks, before and after" {
	# There is no proxy: what counts is what happens on the way to it.
	printf '[ProxyList]\nsocks5 127.0.0.1 1\n' >"$BATS_TEST_TMPDIR/proxy"
	export PROXYCHAINS_CONF_FILE=$BATS_TEST_TMPDIR/proxy
	export PROXYCHAINS_QUIET_MODE=1 TORSOCKS_LOG_LEVEL=1
	local other objects to='socket c inet stream 0 connect c 192.0.2.1:9
		socket s inet stream 0 bind s 127.0.0.1:0 options c'
	# torsocks 2.5 has its object beside the others, 2.4 in a folder.
	for other in "$lib/libproxychains.so.4" \
		"$(find "$lib" -name libtorsocks.so)"; do
		[ -e "$other" ]
		for objects in "$both:$other" "$other:$both"; do
			# shellcheck disable=SC2086
			LIBKEEPALIVE_DEBUG=1 run -0 preload "$objects" \
				timeout 20 "$call" $to
			in_order "connect = -1 ECONNREFUSED" "bind = 0"
			case $objects in
			# torsocks goes on with the program's socket, and asks
			# the C library, nobody else
			*torsocks.so) has -1 "$defaults" ;;
			*torsocks.so:*) has -1 "$untouched" ;;
			# proxychains4 opens one of its own to the proxy
			*proxychains*:*) in_order "connect(4): set" ;;
			*proxychains*) in_order "connect(3): set" ;;
			*) false ;;
			esac
		done
	done
}

# bats test_tags=native
@test "chain: libfaketime, before and after" {
	local faketime=$lib/faketime/libfaketime.so.1
	[ -e "$faketime" ]
	FAKETIME='2001-02-03 04:05:06' chained "$faketime:$both"
	FAKETIME='2001-02-03 04:05:06' chained "$both:$faketime"
}

# ---- the numbers of listeners ----

@test "listeners: a number that became a client's socket, or another listener" {
	run -0 preload "$both" "$call" \
		socket l inet stream 0 bind l 127.0.0.1:0 listen l \
		socket c inet stream 0 connect c l accept a l close l \
		socket l inet stream 0 bind l 127.0.0.1:0 listen l \
		socket d inet stream 0 connect d l options d \
		accept b l options b \
		close l socket l inet stream 0 connect l 127.0.0.1:1 options l
	in_order "$defaults" "$defaults" ECONNREFUSED "$defaults"
}

@test "listeners: a copy of a descriptor by dup() or dup2()" {
	local copy
	for copy in 'dup k l' 'dup2 k l 50' 'dup2 k l 50 close l'; do
		# shellcheck disable=SC2086
		run -0 preload "$listen" "$call" \
			socket l inet stream 0 bind l 127.0.0.1:0 listen l \
			socket c inet stream 0 connect c l \
			$copy accept a k options a
		has -1 "$defaults"
	done
}

@test "listeners: a descriptor beyond those that are remembered" {
	local number
	takes_descriptors 10000
	for number in 2047 2048 2049 4096 9999; do
		run -0 preload "$listen" "$call" \
			socket s inet stream 0 dup2 l s "$number" close s \
			bind l 127.0.0.1:0 listen l \
			socket c inet stream 0 connect c l accept a l options a
		has -1 "$defaults"
	done
}

@test "listeners: one that is received gets its connections prepared" {
	run -0 "$call" socket l inet stream 0 bind l 127.0.0.1:0 listen l \
		socket c inet stream 0 connect c l \
		pair p q pass l p dup r q close l \
		exec env LD_PRELOAD="$listen" "$call" take l 7 \
		accept a l options a 3>&- 4>&-
	has -1 "$defaults"
}

@test "listeners: one that is received and passed to listen() again" {
	run -0 "$call" socket l inet stream 0 bind l 127.0.0.1:0 listen l \
		socket c inet stream 0 connect c l \
		exec env LD_PRELOAD="$listen" "$call" listen 3 \
		accept a 3 options a 3>&- 4>&-
	has -1 "$defaults"
}

# bats test_tags=native
@test "listeners: another one takes the number while accept() waits" {
	takes_descriptors 3001
	run -0 preload "$listen" timeout 60 /usr/bin/python3 -c '
import ctypes, os, socket, threading, time
libc = ctypes.CDLL(None)

def bound():
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    return s

foreign = bound()
os.dup2(foreign.fileno(), 3000)  # a number that is not known
libc.listen(3000, 5)
foreign.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 0)
os.dup2(3000, 20)
accepted = []
thread = threading.Thread(target=lambda: accepted.append(libc.accept(20, 0, 0)))
thread.start()
waits_in = f"/proc/self/task/{thread.native_id}/wchan"
while "accept" not in open(waits_in).read():
    time.sleep(0.01)
own = bound()
os.dup2(own.fileno(), 20)
libc.listen(20, 5)
client = socket.create_connection(foreign.getsockname())
thread.join()
print(socket.socket(fileno=accepted[0]).getsockopt(
    socket.SOL_SOCKET, socket.SO_KEEPALIVE))
'
	[ "$output" = 1 ]
}

@test "listeners: a received one under the number of an own one that was closed" {
	# The limit that CAVEATS names: not prepared, for accept() does not ask.
	# listen() on any other socket under that number ends it.
	run -0 "$call" socket l inet stream 0 bind l 127.0.0.1:0 listen l \
		socket c inet stream 0 connect c l \
		pair p q pass l p dup r q close l \
		exec env LD_PRELOAD="$listen" "$call" \
		socket k inet stream 0 bind k 127.0.0.1:0 listen k close k \
		take l 7 accept a l options a 3>&- 4>&-
	in_order "socket = 3" "accept = 5" "$untouched"
}
