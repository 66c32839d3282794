# make demo, from beginning to end.
load common

# The verdict of each lane, and the line that says what changed.
has_shown_all() {
	grep -q '^What changed, on both sides: SO_KEEPALIVE 0 -> 1, TCP_KEEPIDLE 7200 -> 15, TCP_KEEPINTVL 75 -> 15, TCP_USER_TIMEOUT 0 -> 150000$' <<<"$output"
	[[ ${lines[-3]} == 'LOST   without the library: 0 probes, '*' packets dropped' ]]
	[[ ${lines[-2]} =~ ^'ALIVE  libkeepalive.so on the client: '[3-9]' probes, 0 packets dropped'$ ]]
	[[ ${lines[-1]} =~ ^'ALIVE  libkeepalive_listen.so on the server: '[3-9]' probes, 0 packets dropped'$ ]]
}

# A copy for whoever runs it, wherever the project lies.
copy() {
	chmod 755 "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR"
	mkdir -p "$BATS_TEST_TMPDIR"/copy/test/{build,demo}
	cp "$top"/*.so "$BATS_TEST_TMPDIR/copy"
	cp "$top"/test/demo/{run,firewall,timeline} \
		"$BATS_TEST_TMPDIR/copy/test/demo"
	cp "$top/test/build/sockets" "$BATS_TEST_TMPDIR/copy/test/build"
	demo=$BATS_TEST_TMPDIR/copy/test/demo/run
}

@test "demo: shows the options, the timeline and each lane's verdict" {
	local before
	before=$(ip netns list)
	run -0 "$top/test/demo/run" 3>&- 4>&-
	has_shown_all
	[[ $output != *$'\e'* ]]
	[ "$(ip netns list)" = "$before" ]
}

@test "demo: has colours on a terminal" {
	run -0 script -qec "'$top/test/demo/firewall'" /dev/null 3>&- 4>&-
	[[ $output == *$'\e[32mprobe -'* ]]
	[[ $output == *$'\e[1;31mdata -'*dropped* ]]
}

# The second packet is from after the first second, and is there before it ends,
# because both are from the future: the test does not depend on its own speed.
@test "demo: draws a line that comes in two parts, and each second in its order" {
	# shellcheck disable=SC2016 # the inner shell expands it
	run -0 bash -c '. <(sed "/^if .*--inside/,\$d; s|/run/packets|/dev/null|" "$0")
		now=$((${EPOCHREALTIME%.*} + 1000)) tail="seq 1, length 0"
		{
			printf "${now:0:1}"
			sleep 1.2
			echo "${now:1}.000000 resource ID 1, length 60"
			echo "  10.0.1.2.40000 > 10.0.2.2.7000: Flags [S], $tail"
			echo "$((now + 1)).050000 resource ID 1, length 60"
			echo "  10.0.2.2.7000 > 10.0.1.2.40000: Flags [S.], $tail"
			echo "say "
		} | {
			exec {events}<&0
			paint
		} | head -n 20' "$top/test/demo/firewall"
	[[ ${lines[-3]} =~ ^'  0.00 s  SYN ---------------->'\ *$ ]]
	[[ ${lines[-2]} =~ ^'  1.00 s  [######  ] 3.0 s left'\ *$ ]]
	[[ ${lines[-1]} =~ ^'  1.05 s  <------------ SYN+ACK'\ *$ ]]
}

@test "demo: works for an ordinary user where user namespaces are allowed" {
	takes_root
	copy
	run -0 setpriv --reuid 65534 --regid 65534 --clear-groups \
		"$demo" 3>&- 4>&-
	has_shown_all
}

@test "demo: says in one line why part two is left out, and shows part one" {
	copy
	# No more user namespaces in this one.
	run -0 unshare --user --map-root-user bash -c \
		'echo 0 >/proc/sys/user/max_user_namespaces &&
			echo 0 >/proc/sys/user/max_net_namespaces && exec "$0"' \
		"$demo" 3>&- 4>&-
	[[ $output == *"What changed, on both sides: SO_KEEPALIVE 0 -> 1"* ]]
	[[ ${lines[-1]} == "Part two, the firewall, is left out: "* ]]
}

@test "demo: without the tools of part two, shows part one and says what to install" {
	local tool
	copy
	sed -i 's|:/usr/sbin:/sbin||' "${demo%/*}"/{run,firewall}
	mkdir "$BATS_TEST_TMPDIR/bin"
	for tool in bash cat dirname env grep ip nc sed setpriv sort ss unshare; do
		ln -s "$(command -v $tool)" "$BATS_TEST_TMPDIR/bin"
	done
	run -0 env PATH="$BATS_TEST_TMPDIR/bin" "$demo" 3>&- 4>&-
	[[ $output == *"What changed, on both sides: SO_KEEPALIVE 0 -> 1"* ]]
	[ "${lines[-1]}" = "Part two, the firewall, is left out: apt-get install nftables tcpdump" ]
}

@test "demo: a missing tool is named in one line" {
	mkdir "$BATS_TEST_TMPDIR/bin"
	ln -s "$(command -v bash)" "$(command -v dirname)" "$BATS_TEST_TMPDIR/bin"
	run -1 env PATH="$BATS_TEST_TMPDIR/bin" bash -c \
		'sed() { :; }; . "$0"' <(sed 's|:/usr/sbin:/sbin||; s|^cd .*|:|' \
		"$top/test/demo/run")
	[ "${#lines[@]}" = 1 ]
	[ "$output" = "The demo needs tools that are not here: apt-get install iproute2 util-linux netcat-openbsd" ]
}

# Sent to all processes, as a terminal sends its signals, and to the first alone.
@test "demo: interrupted in any way, it leaves nothing behind" {
	local before demo number=0 to
	local -a demos=()
	before=$(ip netns list)
	mkdir "$BATS_TEST_TMPDIR/files"
	for to in INT:- TERM:- HUP:- INT: TERM: KILL:; do
		# What runs in the background would ignore SIGINT.
		TMPDIR=$BATS_TEST_TMPDIR/files setsid env --default-signal=INT \
			"$top/test/demo/run" >"$BATS_TEST_TMPDIR/out.$to" 2>&1 3>&- 4>&- &
		demos+=($!)
	done
	for to in INT:- TERM:- HUP:- INT: TERM: KILL:; do
		demo=${demos[number++]}
		await grep -s 'say nothing' "$BATS_TEST_TMPDIR/out.$to"
		[ -n "$(pgrep --session "$demo" --full 'firewall --inside')" ]
		kill -"${to%:*}" -- "${to#*:}$demo"
	done
	for demo in "${demos[@]}"; do
		wait "$demo" || true
		ended "$demo"
	done
	run -1 grep -hE '^(LOST|ALIVE)' "$BATS_TEST_TMPDIR"/out.*
	[ "$(ip netns list)" = "$before" ]
	[ -z "$(ls -A "$BATS_TEST_TMPDIR/files")" ]
}

# ended SESSION: its last process ends soon, those in namespaces included. One
# that nobody has waited for is no longer there.
ended() {
	local end=$((SECONDS + 10))
	while pgrep --session "$1" --runstates D,R,S,T --list-full; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.05
	done
}

@test "timeline: is drawn from a run's packets, and is well-formed" {
	run -0 "$top/test/demo/timeline" <<-'END'
		memory 4 TCP_KEEPIDLE=2 TCP_KEEPINTVL=2
		0 0.000000 > SYN pass
		0 9.456907 > data drop
		1 0.070674 > SYN pass
		1 2.126581 > probe pass
		1 2.126619 < answer pass
		1 9.456944 > data pass
	END
	/usr/bin/python3 -c 'import sys, xml.dom.minidom as x
x.parseString(sys.argv[1])' "$output"
	# The probe and its answer, at the same time; the packet that was dropped.
	[ "$(grep -c 'class="arrow good"' <<<"$output")" = 2 ]
	[ "$(grep -c 'class="arrow bad"' <<<"$output")" = 1 ]
	[ "$(grep -c '>probe<' <<<"$output")" = 1 ]
	[[ $output == *'forgotten after 4 s of silence'* ]]
}

@test "timeline: the one that is here shows a connection lost and one alive" {
	local said
	for said in 'connection lost' 'connection alive' 'forgotten after 4 s of silence'; do
		[ "$(grep -c ">$said<" "$top/test/demo/timeline.svg")" = 1 ]
	done
	[ "$(grep -c '>probe<' "$top/test/demo/timeline.svg")" -ge 3 ]
}

@test "timeline: says so when there is no run to draw" {
	run -1 "$top/test/demo/timeline" </dev/null
	[ "$output" = "timeline: no run that could be drawn" ]
}
