# What the objects cost that does not vary: system calls, pages, bytes. Times are
# for make bench. The older libraries' are those of Debian 12's packages,
# libkeepalive0 0.3-2 and libdontdie0 1.2.0-3, by the same commands.
load common

bench=$top/test/build/bench

# traced ENVIRONMENT COMMAND...: how many system calls of any kind it makes.
traced() {
	local trace=$BATS_TEST_TMPDIR/trace variables
	read -ra variables <<<"$1"
	printf x | strace -f -qq -e signal=none -o "$trace" \
		"${variables[@]/#/-E}" "${@:2}" >"$BATS_TEST_TMPDIR/stdout"
	wc -l <"$trace"
}

# costs CALL N ENVIRONMENT: that many system calls more, out of ten times.
costs() {
	local n=() environment times
	for environment in '' "$3"; do
		for times in 1 11; do
			n+=("$(traced "$environment" "$bench" work "$1" $times)")
		done
	done
	[ $((n[3] - n[2] - n[1] + n[0])) = $((10 * $2)) ] || {
		echo "$1, '$3': ${n[*]}"
		return 1
	}
}

@test "cost: each call makes its system calls, and none of any other kind" {
	costs connect 5 "LD_PRELOAD=$client"
	costs connect 3 "LD_PRELOAD=$client TCP_KEEPIDLE=0 TCP_USER_TIMEOUT=0"
	costs socket 5 "LD_PRELOAD=$client KEEPALIVE=socket"
	costs listen 6 "LD_PRELOAD=$listen"
	costs udp 2 "LD_PRELOAD=$both"
	costs unix 2 "LD_PRELOAD=$both"
}

@test "cost: accept from one's own listener, and setsockopt, make no system call" {
	costs accept 0 "LD_PRELOAD=$listen"
	costs setsockopt 0 "LD_PRELOAD=$both"
}

# The user timeout and the three times before, the time and the user timeout
# after.
@test "cost: a time that the program sets makes 6 system calls where the user timeout follows" {
	costs keepidle 6 "LD_PRELOAD=$client"
	costs keepidle 6 "LD_PRELOAD=$both"
	costs keepidle 1 "LD_PRELOAD=$listen" # on a socket that has none
	costs keepidle 0 "LD_PRELOAD=$both TCP_USER_TIMEOUT=0"
}

@test "cost: off makes no system call" {
	local call
	for call in connect listen socket accept udp unix setsockopt keepidle; do
		costs $call 0 "LD_PRELOAD=$both KEEPALIVE=off"
	done
}

# last_calls WORK ENVIRONMENT: the last network call of this work of bench, and the
# options that are set before or after it.
last_calls() {
	local variables
	read -ra variables <<<"$2"
	network_calls '' env "${variables[@]}" "$bench" work "$1" 1 <<<'' |
		sed -E 's/.*(connect|bind)( .*(connect|listen))$/\2/; s/.* (socket .*)/\1/'
}

@test "cost: what make bench compares with makes the calls that an object makes" {
	local work object
	for work in connected:client listen:listen; do
		object=${work#*:}
		run -0 last_calls "${work%:*}" "LD_PRELOAD=${!object}"
		[[ $output == *SO_KEEPALIVE=1* ]]
		[ "$(last_calls "${work%:*}" ITSELF=1)" = "$output" ]
	done
	run -0 last_calls socket \
		"LD_PRELOAD=$client KEEPIDLE=75 KEEPINTVL=10 KEEPCNT=5"
	[[ $output == *SO_KEEPALIVE=1 ]]
	[ "$(last_calls socket "LD_PRELOAD=$top/test/build/bare.so")" = "$output" ]
}

# libdontdie 9, libkeepalive 0.3 18.
@test "cost: loading an object takes 8 system calls or fewer" {
	local none object
	none=$(traced '' "$bench" nothing)
	for object in "$client" "$listen"; do
		run -0 traced "LD_PRELOAD=$object" "$bench" nothing
		[ $((output - none)) -gt 0 ]
		[ $((output - none)) -le 8 ]
	done
}

# libdontdie 8, libkeepalive 0.3 12; the fewest, for addresses are random.
@test "cost: loading an object takes 7 page faults or fewer" {
	local i fewest=()
	run -0 "$bench" starts 1 '' "LD_PRELOAD=$client" "LD_PRELOAD=$listen" \
		-- "$bench" nothing
	for i in 4 5 6; do
		fewest+=("$(cut -d ' ' -f $i <<<"$output" | sort -n | head -n 1)")
	done
	echo "${fewest[*]}"
	for i in 1 2; do
		[ $((fewest[i] - fewest[0])) -gt 0 ]
		[ $((fewest[i] - fewest[0])) -le 7 ]
	done
}

# Two pages, as both older libraries. What was just built and is not yet on the
# disk would count, too.
@test "cost: an object has 8 kB of private memory" {
	local object
	for object in "$client" "$listen"; do
		sync "$object"
		LD_PRELOAD=$object run -0 awk -v "object=$object" '
			/^[0-9a-f]+-/ { ours = $NF == object }
			ours && /^Private_Dirty/ { kb += $2 }
			END { print kb }' /proc/self/smaps
		[ "$output" = 8 ]
	done
}

# instructions OBJECT: how many clang runs, from its start to its end: a program
# for which 18000 symbols are looked up.
instructions() {
	LD_PRELOAD=$1 valgrind --tool=cachegrind --cache-sim=no \
		--cachegrind-out-file="$BATS_TEST_TMPDIR/instructions" \
		clang --version >"$BATS_TEST_TMPDIR/said" 2>&1
	awk '/^summary:/ { print $2 }' "$BATS_TEST_TMPDIR/instructions"
}

@test "cost: a big program's start grows as with an empty object, within a tenth" {
	local none empty object
	none=$(instructions '')
	empty=$(instructions "$top/test/build/empty.so")
	[ "$empty" -gt "$none" ]
	for object in "$client" "$listen"; do
		run -0 instructions "$object"
		echo "added: $((empty - none)), $((output - none))"
		[ "$output" -gt "$empty" ]
		[ $((10 * (output - none))) -le $((11 * (empty - none))) ]
	done
}

# loading OBJECT ENTRY...: the instructions of a start that does nothing, with an
# environment of so many entries.
loading() {
	env -i "${@:2}" LD_PRELOAD="$1" valgrind --tool=cachegrind \
		--cache-sim=no --cachegrind-out-file="$BATS_TEST_TMPDIR/start" \
		"$bench" nothing >"$BATS_TEST_TMPDIR/said" 2>&1
	awk '/^summary:/ { print $2 }' "$BATS_TEST_TMPDIR/start"
}

# Each of the older libraries goes over all entries for each of its names.
@test "cost: 400 more variables add at most 25 instructions each, 100 where they begin like ours" {
	local i object few many others=() ours=() begin=(TCP_ KEEP DD_ LIBKEEPALIVE_)
	for i in {1..400}; do
		others+=("SERVICE_$i=10.0.0.1")
		ours+=("${begin[i % 4]}$i=10.0.0.1")
	done
	for object in "$client" "$listen"; do
		few=$(($(loading "$object") - $(loading '')))
		[ "$few" -gt 0 ]
		many=$(($(loading "$object" "${others[@]}") - \
			$(loading '' "${others[@]}")))
		echo "others: $few, $many"
		[ $((many - few)) -gt 400 ]
		[ $((many - few)) -le $((400 * 25)) ]
		many=$(($(loading "$object" "${ours[@]}") - \
			$(loading '' "${ours[@]}")))
		echo "ours: $few, $many"
		[ $((many - few)) -le $((400 * 100)) ]
	done
}

@test "cost: each object is smaller than 16 KiB, stripped" {
	local object
	for object in "$client" "$listen"; do
		strip -o "$BATS_TEST_TMPDIR/stripped" "$object"
		[ "$(stat -c %s "$BATS_TEST_TMPDIR/stripped")" -lt 16384 ]
	done
}

@test "cost: make bench has its rows, and says what to install for the others" {
	LIBKEEPALIVE_0_3='' LIBDONTDIE='' SECONDS_EACH=1 \
		run -0 --separate-stderr "$top/test/bench/run"
	[ "$(grep -c '^| .* | × ' <<<"$output")" -ge 10 ]
	[ "$(grep -c '^| .* | not measured | apt-get install ' \
		<<<"$output")" -ge 14 ]
	[[ $stderr == *"[1/"* ]]
}
