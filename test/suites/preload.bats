# The file /etc/ld.so.preload, in a mount namespace that has an /etc of its own.
load common

setup() {
	takes_tools
	takes_root
}

connecting='
import socket
with socket.create_server(("127.0.0.1", 0)) as server:
    with socket.create_connection(server.getsockname()) as client:
        accepted = server.accept()[0]
        for end in client, accepted:
            print(end.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
                  end.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE))
        accepted.close()
'

# run_as_before COMMAND...
run_as_before() {
	local command
	for command; do
		run --separate-stderr bash -c "exec $command"
		local plain_status=$status plain_output=$output \
			plain_stderr=$stderr
		# shellcheck disable=SC2031
		run --separate-stderr whole_system "$both" \
			bash -c "exec $command"
		echo "$command"
		[ "$status" = "$plain_status" ]
		[ "$output" = "$plain_output" ]
		[ "$stderr" = "$plain_stderr" ]
	done
}

@test "/etc/ld.so.preload: programs run as before" {
	run_as_before 'sh -c "echo \$0; exit 3"' 'ls -l /usr' 'id -u' \
		'/usr/bin/python3 -c "print(1)"' 'nc -h' \
		'cat /no/such/file' 'sh -c "kill -TERM \$\$"'
}

# PAM starts a program without any variable, so no sanitizer gets its options.
# bats test_tags=as-built
@test "/etc/ld.so.preload: su runs as before" {
	run_as_before 'su -c id'
}

@test "/etc/ld.so.preload: TCP sockets of all programs get the options" {
	run -0 whole_system "$both" /usr/bin/python3 -c "$connecting"
	[ "$output" = "1 15
1 15" ]
	run -0 whole_system "$client" /usr/bin/python3 -c "$connecting"
	[ "$output" = "1 15
0 7200" ]
	TCP_KEEPIDLE=20 run -0 whole_system "$both" \
		sh -c '/usr/bin/python3 -c "$0"' "$connecting"
	[ "$output" = "1 20
1 20" ]
}

@test "/etc/ld.so.preload: KEEPALIVE=off opts one run out, in any case" {
	local off
	for off in off OFF Off oFf socket,off OFF,force; do
		KEEPALIVE=$off run -0 whole_system "$both" \
			/usr/bin/python3 -c "$connecting"
		[ "$output" = "0 7200
0 7200" ]
	done
	for off in on offf of "off " "'off'"; do
		KEEPALIVE=$off run -0 whole_system "$both" \
			/usr/bin/python3 -c "$connecting"
		[ "$output" = "1 15
1 15" ]
	done
}

@test "/etc/ld.so.preload: together with LD_PRELOAD each object works once" {
	LIBKEEPALIVE_DEBUG=1 LD_PRELOAD=$client run -0 whole_system "$client" \
		"$call" socket c inet stream 0 connect c 127.0.0.1:1
	[ "$(tail -n 4 <<<"$output" | grep -c 'connect(3): set')" = 1 ]
}

# bats test_tags=as-built,uncounted
@test "/etc/ld.so.preload: in secure-execution mode the defaults hold, in silence" {
	# Where nobody may read them, wherever the project lies.
	chmod 755 "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR"
	install -m 755 "$client" "$listen" "$BATS_TEST_TMPDIR"
	both=$BATS_TEST_TMPDIR/libkeepalive.so:$BATS_TEST_TMPDIR/libkeepalive_listen.so
	local program=$BATS_TEST_TMPDIR/program bestow
	local as_nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	for bestow in 'chmod u+s' 'chmod g+s' 'setcap cap_net_raw+ep'; do
		echo "$bestow"
		install -m 755 "$call" "$program"
		$bestow "$program"
		TCP_KEEPIDLE=20 TCP_KEEPCNT=bad KEEPALIVE=off LIBKEEPALIVE_DEBUG=1 \
			run -0 whole_system "$both" "${as_nobody[@]}" "$program" \
			print ran socket c inet stream 0 \
			connect c 127.0.0.1:1 options c
		[ "${lines[-4]}" = ran ]
		# setpriv, which is no such program, has told of both objects.
		[ "$(grep -c libkeepalive <<<"$output")" = 2 ]
		has -1 "$defaults"
	done
	# The same program without any of them reads the environment.
	install -m 755 "$call" "$program"
	TCP_KEEPIDLE=20 run -0 whole_system "$both" "${as_nobody[@]}" "$program" \
		socket c inet stream 0 connect c 127.0.0.1:1 get c TCP_KEEPIDLE
	[ "${lines[-1]}" = TCP_KEEPIDLE=20 ]
}
